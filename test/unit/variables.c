/*
 * The launcher's reader, for env-file.test.ts, which compiles it with sanitizers: reads texts on standard input, each as a
 * length in four bytes (of the machine's own order) and so many bytes. Writes, for each, its variables or `!line: reason`,
 * each ended by a NUL, and one NUL more.
 */
#include "../../launcher/variables.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
  static struct variables variables;
  for (uint32_t length; fread(&length, sizeof length, 1, stdin) == 1;) {
    /* As long as the text, so that a byte too far is seen. */
    char *text = malloc(length == 0 ? 1 : length);
    if (text == NULL || fread(text, 1, length, stdin) != length)
      return 1;
    unsigned long line = 0;
    variables.count = variables.used = 0;
    const char *wrong = read_variables(text, length, &variables, &line);
    if (wrong != NULL)
      printf("!%lu: %s%c", line, wrong, 0);
    else
      for (size_t i = 0; i < variables.count; i++)
        fwrite(variables.list[i], 1, strlen(variables.list[i]) + 1, stdout);
    putchar(0);
    free(text);
  }
  return fflush(stdout) != 0;
}
