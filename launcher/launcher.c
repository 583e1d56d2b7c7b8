/*
 * launcher FILE... -- PROGRAM [ARGUMENT...]
 *
 * Adds the variables of the files to its environment and becomes the program: same process, same user, same open
 * files, same signals. The program is looked for on PATH as execvp(3) does. A variable of a file takes the place of
 * one that was there. Nothing that a file holds is ever written anywhere.
 *
 * Ends with 125 when the variables cannot be had, 127 when there is no such program, 126 when it cannot be executed:
 * as docker run does.
 */
#include "system.h"
#include "variables.h"
#include <asm/unistd.h>
#include <linux/errno.h>
#include <linux/fcntl.h>

enum { CANNOT_START = 125, CANNOT_EXECUTE = 126, NOT_FOUND = 127, STDERR = 2, MOST_IN_PATH = 4096 };

/* What the Engine gives a container that says nothing else. */
static char usual_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

static char text[MOST_BYTES];
static struct variables variables;

static size_t length_of(const char *string)
{
  size_t length = 0;
  while (string[length] != '\0')
    length++;
  return length;
}

static void say(const char *string)
{
  system_call(__NR_write, STDERR, (long)string, (long)length_of(string), 0);
}

static void say_number(unsigned long number)
{
  char digits[24];
  char *at = digits + sizeof digits - 1;
  *at = '\0';
  do
    *--at = (char)('0' + number % 10);
  while ((number /= 10) != 0);
  say(at);
}

static const char *reason(long error)
{
  switch (error) {
  case -ENOENT: return "there is none";
  case -EACCES: case -EPERM: return "permission denied";
  case -ENOTDIR: return "what leads to it is no directory";
  case -EISDIR: return "it is a directory";
  case -ENOEXEC: return "it is no program for this machine";
  case -E2BIG: return "arguments and variables are too long together";
  case -ELOOP: return "too many symlinks";
  case -ENOMEM: return "out of memory";
  default: return NULL;
  }
}

static _Noreturn void end(int status)
{
  for (;;)
    system_call(__NR_exit_group, status, 0, 0, 0);
}

static _Noreturn void fail(int status, const char *what, const char *name, long error)
{
  say("secretbox: cannot ");
  say(what);
  say(" \"");
  say(name);
  say("\": ");
  if (reason(error) != NULL) {
    say(reason(error));
  } else {
    say("error ");
    say_number((unsigned long)-error);
  }
  say("\n");
  end(status);
}

/* A compiler may not leave this out. */
static void wipe(volatile char *bytes, size_t length)
{
  while (length > 0)
    bytes[--length] = 0;
}

static void take_file(const char *path)
{
  unsigned long line;
  size_t length = 0;
  long file = system_call(__NR_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0);
  if (file < 0)
    fail(CANNOT_START, "open", path, file);
  for (long got = 1; got > 0; length += (size_t)got) {
    if (length == sizeof text)
      fail(CANNOT_START, "take the variables of", path, -E2BIG);
    got = system_call(__NR_read, file, (long)(text + length), (long)(sizeof text - length), 0);
    if (got == -EINTR)
      got = 0;
    else if (got < 0)
      fail(CANNOT_START, "read", path, got);
    else if (got == 0)
      break;
  }
  system_call(__NR_close, file, 0, 0, 0);
  const char *wrong = read_variables(text, length, &variables, &line);
  wipe(text, length);
  if (wrong == NULL)
    return;
  say("secretbox: cannot take the variables of \"");
  say(path);
  say("\": line ");
  say_number(line);
  say(": ");
  say(wrong);
  say("\n");
  end(CANNOT_START);
}

/* Whether the variable of `NAME=value` is among those of the files. */
static bool is_taken(const char *variable)
{
  size_t length = 0;
  while (variable[length] != '\0' && variable[length] != '=')
    length++;
  return find_variable(variables.list, variables.count, variable, length) != NULL;
}

/* Becomes the program, found as execvp(3) finds it; returns why that cannot be, as a negative errno. */
static long execute(char **words, char **environment, const char *path)
{
  static char place[MOST_IN_PATH];
  const size_t length = length_of(words[0]);
  bool has_slash = length == 0;
  long found = -ENOENT;
  for (size_t i = 0; i < length; i++)
    has_slash |= words[0][i] == '/';
  if (has_slash)
    return system_call(__NR_execve, (long)words[0], (long)words, (long)environment, 0);
  for (bool last = false; !last; path++) {
    size_t used = 0;
    for (; *path != '\0' && *path != ':'; path++)
      if (used < sizeof place)
        place[used++] = *path;
    last = *path == '\0';
    if (used + length + 2 > sizeof place)
      continue;
    if (used > 0) /* an empty one is the working directory */
      place[used++] = '/';
    for (size_t i = 0; i <= length; i++)
      place[used + i] = words[0][i];
    long error = system_call(__NR_execve, (long)place, (long)words, (long)environment, 0);
    if (error == -EACCES)
      found = error;
    else if (error != -ENOENT && error != -ENOTDIR)
      return error;
  }
  return found;
}

_Noreturn void launch(long *stack)
{
  char **words = (char **)(stack + 1);
  char **given = words + stack[0] + 1;
  for (words++; *words != NULL && !((*words)[0] == '-' && (*words)[1] == '-' && (*words)[2] == '\0'); words++)
    take_file(*words);
  if (*words == NULL || *++words == NULL) {
    say("usage: launcher FILE... -- PROGRAM [ARGUMENT...]\n");
    end(CANNOT_START);
  }
  size_t count = 0;
  while (given[count] != NULL)
    count++;
  char *environment[count + variables.count + 1];
  size_t used = 0;
  for (size_t i = 0; i < count; i++)
    if (!is_taken(given[i]))
      environment[used++] = given[i];
  for (size_t i = 0; i < variables.count; i++)
    environment[used++] = variables.list[i];
  environment[used] = NULL;
  char *path = find_variable(environment, used, "PATH", 4);
  long error = execute(words, environment, path == NULL ? usual_path : path);
  wipe(variables.bytes, variables.used);
  fail(error == -ENOENT || error == -ENOTDIR ? NOT_FOUND : CANNOT_EXECUTE, "execute", words[0], error);
}
