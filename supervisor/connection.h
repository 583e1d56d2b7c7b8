/* Reading and writing whole things. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* True when all bytes came or went; false when the other end is gone. */
bool read_all(int fd, void *bytes, size_t count);
bool write_all(int fd, const void *bytes, size_t count);
