/* The same for arm64 (AAPCS64; Linux: number in x8). */
  .section .note.GNU-stack, "", %progbits
  .text
  .globl _start
_start:
  mov x29, #0
  mov x30, #0
  mov x0, sp
  bl launch

  .globl system_call
system_call:
  mov x8, x0
  mov x0, x1
  mov x1, x2
  mov x2, x3
  mov x3, x4
  svc #0
  ret
