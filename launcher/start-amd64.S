/* The System V ABI of amd64: the kernel leaves arguments and environment at the top of the stack. */
  .section .note.GNU-stack, "", @progbits
  .text
  .globl _start
_start:
  xor %ebp, %ebp
  mov %rsp, %rdi
  and $-16, %rsp
  call launch

  .globl system_call
system_call:
  mov %rdi, %rax
  mov %rsi, %rdi
  mov %rdx, %rsi
  mov %rcx, %rdx
  mov %r8, %r10
  syscall
  ret
