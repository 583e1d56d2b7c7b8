/*
 * What a container or a user of the host does to be in the way, as the first process: `attacker HOW DIRECTORY`. Writes a
 * line when it has begun, and goes on until it is killed.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *directory;

static int opened(const char *name, int flags)
{
  int fd = open(name, flags, 0600);
  if (fd < 0)
    err(1, "%s", name);
  return fd;
}

/* Read leases on every file (fcntl(2)), of which none is given back, and another root. */
static void lease(void)
{
  DIR *entries = opendir(".");
  signal(SIGIO, SIG_IGN);
  for (struct dirent *entry; (entry = readdir(entries)) != NULL;)
    if (entry->d_type == DT_REG && fcntl(opened(entry->d_name, O_RDONLY), F_SETLEASE, F_RDLCK) < 0)
      err(1, "lease");
  mkdir("/jail", 0755);
  if (chroot("/jail") < 0 || chdir("/") < 0)
    err(1, "chroot");
}

/* A FIFO in the place of every file, again and again. */
static void fifo(void)
{
  if (fork() == 0)
    for (;;) {
      mkfifo("swapped", 0600);
      rename("swapped", "password");
      int fd = open("password", O_RDWR | O_NONBLOCK);
      close(fd);
      usleep(1000);
    }
}

/* Data where no double can count to, files that nobody may change, directories in directories, odd names. */
static void oddities(void)
{
  const int flags = FS_IMMUTABLE_FL;
  int fd = opened("far", O_RDWR | O_CREAT);
  if (pwrite(fd, "far", 3, ((off_t)1 << 60) + 1) != 3)
    err(1, "far");
  fd = opened("fixed", O_RDWR | O_CREAT);
  if (write(fd, "fixed", 5) != 5 || ioctl(fd, FS_IOC_SETFLAGS, &flags) < 0)
    err(1, "fixed");
  mkdir("moved-0", 0);
  mkfifo("\xff\n", 0);
  for (int depth = 0; depth < 500; depth++)
    if (mkdir("d", 0700) < 0 || chdir("d") < 0)
      err(1, "deep");
  close(opened("bottom", O_WRONLY | O_CREAT));
}

static void put(const char *path, const char *text)
{
  int fd = opened(path, O_WRONLY);
  if (write(fd, text, strlen(text)) < 0)
    err(1, "%s", path);
}

/* As any user of the host: thousands of mounts, of a user and mount namespace of its own, with the name of a copy. */
static void mounts(const char *source, int count)
{
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
    err(1, "unshare");
  put("/proc/self/setgroups", "deny");
  put("/proc/self/uid_map", "0 65534 1");
  put("/proc/self/gid_map", "0 65534 1");
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount(source, directory, "tmpfs", 0, "size=200m") < 0 ||
      chdir(directory) < 0)
    err(1, "mount");
  for (int i = 0; i < count; i++) {
    /* Beside and not upon each other, which would take longer with each. */
    char place[16];
    snprintf(place, sizeof place, "%d", i);
    if (mkdir(place, 0755) < 0 || mount(source, place, "tmpfs", 0, "size=4k") < 0)
      err(1, "mount %d", i);
  }
}

int main(int count, char **words)
{
  if (count < 3 || chdir(directory = words[2]) < 0)
    errx(2, "attacker HOW DIRECTORY");
  if (strcmp(words[1], "lease") == 0)
    lease();
  else if (strcmp(words[1], "fifo") == 0)
    fifo();
  else if (strcmp(words[1], "oddities") == 0)
    oddities();
  else if (strcmp(words[1], "mounts") == 0 && count == 5)
    mounts(words[3], atoi(words[4]));
  else
    errx(2, "%s?", words[1]);
  puts("begun");
  fflush(stdout);
  for (;;)
    pause();
}
