/* Reading and writing whole things. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* True when all bytes came or went; false when the other end is gone. */
bool read_all(int fd, void *bytes, size_t count);
bool write_all(int fd, const void *bytes, size_t count);
/* As write_all, of few bytes, with a descriptor (unix(7), SCM_RIGHTS), which stays the caller's. */
bool write_with(int fd, const void *bytes, size_t count, int descriptor);
