/*
 * The first process of a container that watches its own copy: `watch COPY EXPECTED REPORT`. Compares the files below both
 * directories again and again, counts its rounds in REPORT/rounds, and writes every round in which they were not the same
 * to REPORT/changes. A shell that hashes them would keep a processor busy.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *copy, *expected;
static int files;
static char difference[4096];

/* Whether both have the same bytes; a file that cannot be read has others. */
static int isSame(const char *one, const char *other)
{
  static char bytes[2][1 << 16];
  int fds[2] = {open(one, O_RDONLY), open(other, O_RDONLY)}, same = fds[0] >= 0 && fds[1] >= 0;
  for (ssize_t count = 1; same && count > 0;) {
    count = read(fds[0], bytes[0], sizeof bytes[0]);
    same = count >= 0 && read(fds[1], bytes[1], sizeof bytes[1]) == count && memcmp(bytes[0], bytes[1], count) == 0;
  }
  for (int i = 0; i < 2; i++)
    if (fds[i] >= 0)
      close(fds[i]);
  return same;
}

static int comparesFile(const char *path, const struct stat *status, int type, struct FTW *place)
{
  (void)status, (void)place;
  if (type != FTW_F)
    return 0;
  files++;
  const char *name = path + strlen(copy);
  char other[4096];
  snprintf(other, sizeof other, "%s%s", expected, name);
  if (!isSame(path, other))
    snprintf(difference, sizeof difference, "%s differs", name);
  return 0;
}

static int countsFile(const char *path, const struct stat *status, int type, struct FTW *place)
{
  (void)path, (void)status, (void)place;
  files -= type == FTW_F;
  return 0;
}

int main(int count, char **words)
{
  if (count != 4 || chdir(words[3]) < 0)
    errx(2, "watch COPY EXPECTED REPORT");
  copy = words[1], expected = words[2];
  FILE *changes = fopen("changes", "a");
  int rounds = open("rounds", O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (changes == NULL || rounds < 0)
    err(1, "%s", words[3]);
  for (int round = 1;; round++) {
    files = 0;
    difference[0] = '\0';
    if (nftw(copy, comparesFile, 8, FTW_PHYS) < 0 || nftw(expected, countsFile, 8, FTW_PHYS) < 0)
      snprintf(difference, sizeof difference, "%m");
    else if (files != 0 && difference[0] == '\0')
      snprintf(difference, sizeof difference, "%+d files", files);
    if (difference[0] != '\0') {
      fprintf(changes, "round %d: %s\n", round, difference);
      fflush(changes);
    }
    char text[16];
    int length = snprintf(text, sizeof text, "%d", round);
    if (pwrite(rounds, text, length, 0) != length)
      err(1, "rounds");
    usleep(20000);
  }
}
