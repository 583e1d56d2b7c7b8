/* What the kernel is asked, without a C library; start-amd64.S and start-arm64.S say how on each machine. */
#pragma once

/* As syscall(2) of a kernel, without errno: a negative errno when it failed. */
long system_call(long number, long a, long b, long c, long d);

/* Where the program begins: `stack` is as the kernel left it, the number of arguments first. Does not return. */
_Noreturn void launch(long *stack);
