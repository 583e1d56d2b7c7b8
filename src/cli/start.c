/*
 * docker-vault: starts the command line (main.ts) in the Node that lies beside this program.
 *
 * A Node looks for options of its own in all of its arguments (--env-file, --experimental-config-file) and for more in
 * variables (NODE_OPTIONS and its kin). Those that are meant for a container would be obeyed by us. So Node always gets
 * the same arguments and one variable; what we were given lies in memory that it inherits, as start.ts reads it: the
 * number of arguments, the open descriptors above 2, the arguments, the environment, each ended by a NUL.
 *
 * Docker asks for the metadata on every --help and every completion: that is answered without a Node.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

extern char **environ;

static int fail(const char *what) {
  fprintf(stderr, "error: cannot start: %s: %s\n", what, strerror(errno));
  return 1;
}

/* Where this program lies, whatever links led to it. */
static int ownDirectory(char *directory, size_t size) {
  ssize_t length = readlink("/proc/self/exe", directory, size - 1);
  if (length < 0) return -1;
  directory[length] = '\0';
  *strrchr(directory, '/') = '\0';
  return 0;
}

static int writeDescriptors(FILE *given) {
  DIR *open = opendir("/proc/self/fd");
  if (open == NULL) return -1;
  for (struct dirent *entry; (entry = readdir(open)) != NULL;) {
    int number = atoi(entry->d_name);
    if (number > 2 && number != dirfd(open) && number != fileno(given)) fprintf(given, "%d,", number);
  }
  fputc('\0', given);
  return closedir(open);
}

static void writeTexts(FILE *given, char **texts) {
  for (; *texts != NULL; texts++) fwrite(*texts, 1, strlen(*texts) + 1, given);
}

/* The memory's descriptor, above 2 even if those are closed; -1 when there is no memory to be had. */
static int giveAll(int argc, char **argv) {
  int memory = memfd_create("docker-vault", MFD_CLOEXEC);
  FILE *given = memory < 0 ? NULL : fdopen(memory, "w");
  if (given == NULL) return -1;
  fprintf(given, "%d%c", argc, '\0');
  if (writeDescriptors(given) < 0) return -1;
  writeTexts(given, argv);
  writeTexts(given, environ);
  if (fflush(given) != 0 || ferror(given) || lseek(memory, 0, SEEK_SET) != 0) return -1;
  return fcntl(memory, F_DUPFD, 3);
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "docker-cli-plugin-metadata") == 0) return puts(METADATA) < 0;
  char directory[PATH_MAX], node[PATH_MAX + 16], program[PATH_MAX + 16], variable[64];
  if (ownDirectory(directory, sizeof directory) < 0) return fail("/proc/self/exe");
  snprintf(node, sizeof node, "%s/node", directory);
  snprintf(program, sizeof program, "%s/main.cjs", directory);
  int given = giveAll(argc, argv);
  if (given < 0) return fail("cannot hand on the arguments");
  snprintf(variable, sizeof variable, "SECRETBOX_START=%d", given);
  execve(node, (char *[]){node, "--", program, NULL}, (char *[]){variable, NULL});
  return fail(node);
}
