/*
 * Variables in a text: lines of NAME=value, as README.md says them. src/vault/injected/env-file.ts reads the same;
 * test/unit/env-file.test.ts holds both to one table.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum {
  MOST_BYTES = 1 << 20,      /* of all texts together */
  MOST_VARIABLES = 4096,     /* in all texts together */
  MOST_IN_VARIABLE = 128 << 10 /* of `NAME=value` and its NUL (execve(2), MAX_ARG_STRLEN) */
};

struct variables {
  char *list[MOST_VARIABLES]; /* each is `NAME=value` in `bytes` */
  size_t count;
  char bytes[MOST_BYTES + MOST_VARIABLES];
  size_t used;
};

/*
 * Adds the variables of a text. Returns null, or what is wrong with the line `*line`, counted from 1: words that hold
 * nothing of the text.
 */
const char *read_variables(const char *text, size_t length, struct variables *into, unsigned long *line);

/* The value of a variable in `count` texts of `NAME=value`; null when it is not there. `length`: of its name. */
char *find_variable(char *const *list, size_t count, const char *name, size_t length);
