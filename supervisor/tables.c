/* Mount tables before Linux 6.12: this process, which has one thread, enters each mount namespace and reads its own. */
#include "look.h"
#include <ctype.h>
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* The inodes of the namespaces that were read in this look. */
static ino_t *seen;
static size_t seen_count, seen_room;

static bool is_seen(ino_t inode)
{
  for (size_t i = seen_count; i > 0; i--)
    if (seen[i - 1] == inode)
      return true;
  if (seen_count == seen_room) {
    seen = realloc(seen, (seen_room = 2 * seen_room + 64) * sizeof *seen);
    if (seen == NULL)
      err(1, "cannot look");
  }
  seen[seen_count++] = inode;
  return false;
}

/* What follows the options in a line of proc_pid_mountinfo(5): fields without end, a dash, the type, the source. */
static const char *source_in(char *rest)
{
  char *at = strstr(rest, " - ");
  if (at == NULL)
    return NULL;
  at += 3;
  strsep(&at, " ");
  return strsep(&at, " ");
}

/* proc_pid_mountinfo(5): id, parent, major:minor, root, target. */
static void read_table(struct look *look, int proc, uint32_t pid)
{
  int fd = openat(proc, "self/mountinfo", O_RDONLY | O_CLOEXEC);
  FILE *lines = fd < 0 ? NULL : fdopen(fd, "r");
  if (lines == NULL)
    return;
  const size_t first = look->holder_count;
  char *line = NULL, container[64] = {0};
  size_t room = 0;
  while (getline(&line, &room, lines) > 0) {
    unsigned major, minor;
    char *at = line, *field[5];
    for (int i = 0; i < 5; i++)
      field[i] = strsep(&at, " ");
    if (at == NULL || sscanf(field[2], "%u:%u", &major, &minor) != 2)
      continue;
    if (container[0] == 0)
      container_in(field[3], container);
    const dev_t device = makedev(major, minor);
    if (is_wanted(look, device))
      add_use(look, first, device, source_in(at), field[4], &(struct look_holder){.pid = pid});
  }
  for (size_t i = first; i < look->holder_count; i++)
    memcpy(look->holders[i].container, container, sizeof container);
  free(line);
  fclose(lines);
}

/* The namespace of one thread: each may have its own (unshare(2)). */
static void look_at(struct look *look, int proc, const char *pid, const char *thread)
{
  char path[600];
  struct stat file;
  snprintf(path, sizeof path, "%s/task/%s/ns/mnt", pid, thread);
  /* Gone, or not to be seen: in either case what is found is not all that there is, as is never claimed. */
  int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return;
  if (fstat(fd, &file) == 0 && !is_seen(file.st_ino) && setns(fd, CLONE_NEWNS) == 0)
    read_table(look, proc, (uint32_t)strtoul(pid, NULL, 10));
  close(fd);
}

static DIR *open_in(int proc, const char *path)
{
  int fd = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return fd < 0 ? NULL : fdopendir(fd);
}

static void look_at_all(struct look *look, int proc)
{
  char path[300];
  DIR *processes = open_in(proc, ".");
  for (struct dirent *process; processes != NULL && (process = readdir(processes)) != NULL;) {
    if (!isdigit((unsigned char)process->d_name[0]))
      continue;
    snprintf(path, sizeof path, "%s/task", process->d_name);
    DIR *threads = open_in(proc, path);
    for (struct dirent *thread; threads != NULL && (thread = readdir(threads)) != NULL;)
      if (isdigit((unsigned char)thread->d_name[0]))
        look_at(look, proc, process->d_name, thread->d_name);
    if (threads != NULL)
      closedir(threads);
  }
  if (processes != NULL)
    closedir(processes);
}

void look_through_tables(struct look *look, int proc, uint32_t pid)
{
  char process[16];
  int home = openat(proc, "self/ns/mnt", O_RDONLY | O_CLOEXEC);
  seen_count = 0;
  look->complete = false;
  snprintf(process, sizeof process, "%u", pid);
  if (pid == 0)
    look_at_all(look, proc);
  else
    look_at(look, proc, process, process);
  /* Whoever stays in a namespace keeps it, and all that is mounted there. */
  if (home >= 0 && setns(home, CLONE_NEWNS) < 0)
    warn("setns");
  close(home);
}
