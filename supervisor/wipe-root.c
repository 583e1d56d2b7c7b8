/*
 * Overwrites and unlinks everything below the root. What lies there may be a container's own work: any names, any
 * depth, FIFOs, sparse files of any size, immutable files, leases. Nothing is followed, and nothing waits: what
 * cannot be opened at once is left for another time.
 */
#include "copies.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static const char zeros[64 << 10];

static void note(struct wiped *wiped)
{
  if (wiped->error == 0)
    wiped->error = errno;
}

/* Takes chattr(1)'s flags away, of which `i` and `a` forbid all that follows. */
static void clear_flags(int fd)
{
  int flags = 0;
  if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 && (flags & (FS_IMMUTABLE_FL | FS_APPEND_FL)) != 0) {
    flags &= ~(FS_IMMUTABLE_FL | FS_APPEND_FL);
    ioctl(fd, FS_IOC_SETFLAGS, &flags);
  }
}

/* O_NONBLOCK: a FIFO without a reader is ENXIO and a lease EWOULDBLOCK (open(2), fcntl(2)), where each would wait. */
static int open_for_writing(int directory, const char *name)
{
  const int flags = O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC;
  int fd = openat(directory, name, O_WRONLY | flags);
  if (fd >= 0 || errno != EPERM)
    return fd;
  int readable = openat(directory, name, O_RDONLY | flags);
  if (readable < 0)
    return -1;
  clear_flags(readable);
  close(readable);
  return openat(directory, name, O_WRONLY | flags);
}

/*
 * Writes zeros over all that holds data; holes hold none (lseek(2), SEEK_DATA), and to write there could need more
 * memory than the file system may have. To the end of the last page, beyond the end of the file: mmap(2) can write there.
 */
static bool overwrite(int fd)
{
  struct stat file, now;
  const off_t page = sysconf(_SC_PAGESIZE);
  if (fstat(fd, &file) < 0)
    return false;
  for (off_t at = 0; at < file.st_size;) {
    off_t data = lseek(fd, at, SEEK_DATA);
    if (data < 0) {
      if (errno == ENXIO) /* there is no more */
        break;
      return false;
    }
    off_t end = lseek(fd, data, SEEK_HOLE);
    if (end < 0)
      return false;
    off_t whole;
    if (end % page != 0 && !__builtin_add_overflow(end, page - end % page, &whole))
      end = whole;
    for (at = data; at < end;) {
      size_t wanted = end - at < (off_t)sizeof zeros ? (size_t)(end - at) : sizeof zeros;
      ssize_t put = pwrite(fd, zeros, wanted, at);
      if (put < 0)
        return errno == EFBIG && at >= file.st_size; /* the very last page that a file can have */
      at += put;
    }
  }
  /* As long as it was, for whoever has it open. */
  return fstat(fd, &now) == 0 && (now.st_size == file.st_size || ftruncate(fd, file.st_size) == 0);
}

static void wipe_file(int directory, const char *name, struct wiped *wiped)
{
  struct stat file;
  int fd = open_for_writing(directory, name);
  if (fd >= 0) {
    if (fstat(fd, &file) == 0 && S_ISREG(file.st_mode) && !overwrite(fd))
      note(wiped);
    close(fd);
  } else if (errno == EWOULDBLOCK) {
    wiped->busy++;
    return;
  } else {
    int error = errno;
    /* What else cannot be opened, such as a FIFO or a symlink, holds no data. */
    if (fstatat(directory, name, &file, AT_SYMLINK_NOFOLLOW) < 0 || S_ISREG(file.st_mode)) {
      errno = error;
      note(wiped);
    }
  }
  if (unlinkat(directory, name, 0) < 0)
    note(wiped);
}

static bool is_directory(int directory, const struct dirent *entry)
{
  struct stat found;
  if (entry->d_type != DT_UNKNOWN)
    return entry->d_type == DT_DIR;
  return fstatat(directory, entry->d_name, &found, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(found.st_mode);
}

/* A directory in a directory moves up to the root, so that no depth takes more than two descriptors. */
static void move_up(int directory, const char *name, int root, struct wiped *wiped)
{
  static unsigned long number;
  char moved[32];
  do
    snprintf(moved, sizeof moved, "moved-%lu", number++);
  while (renameat2(directory, name, root, moved, RENAME_NOREPLACE) < 0 && errno == EEXIST);
  if (faccessat(root, moved, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
    note(wiped);
}

/* Wipes what is directly in one directory of the root. True when the directory is gone. */
static bool wipe_directory(int root, const char *name, struct wiped *wiped)
{
  int fd = openat(root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) {
    note(wiped);
    return false;
  }
  clear_flags(fd);
  DIR *entries = fdopendir(fd);
  for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
      continue;
    if (is_directory(fd, entry)) {
      int inner = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      if (inner >= 0) { /* an immutable directory cannot be moved */
        clear_flags(inner);
        close(inner);
      }
      move_up(fd, entry->d_name, root, wiped);
    } else {
      wipe_file(fd, entry->d_name, wiped);
    }
  }
  closedir(entries);
  if (unlinkat(root, name, AT_REMOVEDIR) == 0)
    return true;
  if (errno != ENOTEMPTY) /* as it is when a file in it was busy */
    note(wiped);
  return false;
}

struct wiped wipe_root(void)
{
  struct wiped wiped = {0};
  int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *entries = root < 0 ? NULL : fdopendir(root);
  if (entries == NULL) {
    note(&wiped);
    return wiped;
  }
  clear_flags(root);
  /* Again as long as directories go, for what was in them may have come up behind. */
  for (bool again = true; again;) {
    again = false;
    wiped.busy = 0;
    rewinddir(entries);
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
      if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
        continue;
      if (!is_directory(root, entry))
        wipe_file(root, entry->d_name, &wiped);
      else if (wipe_directory(root, entry->d_name, &wiped))
        again = true;
    }
  }
  closedir(entries);
  return wiped;
}
