/* Takes a copy away: makes it the root of this process, overwrites and unlinks what is in it, unmounts it. */
#include "copies.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

bool enter_copy(const char *key)
{
  return chdir(key) == 0 && chroot(".") == 0;
}

bool leave_copy(const struct copies *copies)
{
  return fchdir(copies->root) == 0 && chroot(".") == 0 && fchdir(copies->directory) == 0;
}

dev_t device_on(const struct copies *copies, const char *key)
{
  struct stat here, above;
  if (fstatat(copies->directory, key, &here, AT_SYMLINK_NOFOLLOW) < 0 || fstat(copies->directory, &above) < 0)
    return 0;
  return here.st_dev == above.st_dev ? 0 : here.st_dev;
}

/* What follows `name:` on a line of its own in a file of /proc; -1 when there is none. */
static int field_of_fd(const struct copies *copies, int fd, const char *name)
{
  char path[64], text[512];
  snprintf(path, sizeof path, "self/fdinfo/%d", fd);
  int file = openat(copies->proc, path, O_RDONLY | O_CLOEXEC);
  ssize_t length = file < 0 ? -1 : read(file, text, sizeof text - 1);
  if (file >= 0)
    close(file);
  if (length < 0)
    return -1;
  text[length] = '\0';
  const char *at = strstr(text, name);
  return at == NULL ? -1 : atoi(at + strlen(name));
}

/*
 * The operator may have named a directory where other things are mounted; nothing of theirs is overwritten. What is
 * on `key` is a copy if it was mounted as one: proc_pid_mountinfo(5) says from which source, by the ID of the mount.
 */
bool is_ours(const struct copies *copies, const char *key)
{
  int fd = openat(copies->directory, key, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  int id = fd < 0 ? -1 : field_of_fd(copies, fd, "mnt_id:");
  if (fd >= 0)
    close(fd);
  int table = openat(copies->proc, "self/mountinfo", O_RDONLY | O_CLOEXEC);
  FILE *lines = id < 0 || table < 0 ? NULL : fdopen(table, "r");
  if (lines == NULL)
    return false;
  char source[64], *line = NULL;
  size_t room = 0;
  bool found = false;
  snprintf(source, sizeof source, " " COPY_SOURCE "%s ", key);
  while (!found && getline(&line, &room, lines) > 0) {
    const char *end = strstr(line, " - ");
    found = end != NULL && atoi(line) == id && strstr(end, source) != NULL;
  }
  free(line);
  fclose(lines);
  return found;
}

static bool wipe_mounted(const struct copies *copies, const char *key, bool last, struct reply *reply)
{
  struct wiped wiped = {0};
  if (mount(NULL, key, NULL, COPY_FLAGS | MS_REMOUNT, NULL) < 0 || !enter_copy(key)) {
    wiped.error = errno;
  } else {
    /* The place of its socket, if it has one: what a container made there holds no secret of a box. */
    while (umount2(SOCKET_PLACE, UMOUNT_NOFOLLOW | MNT_DETACH) == 0)
      ;
    reach("wipe.parted");
    wiped = wipe_root();
  }
  if (!leave_copy(copies))
    return fail(reply, "leave");
  if (wiped.busy > 0 && !last) {
    reply->outcome = BUSY;
    return false;
  }
  if (wiped.busy > 0)
    wiped.error = EWOULDBLOCK;
  reach("wipe.overwritten");
  if (umount2(key, UMOUNT_NOFOLLOW) < 0 && (errno != EBUSY || umount2(key, UMOUNT_NOFOLLOW | MNT_DETACH) < 0))
    return fail(reply, "unmount");
  reach("wipe.unmounted");
  if (wiped.error != 0 && reply->outcome == DONE) {
    errno = wiped.error;
    fail(reply, "overwrite");
    reply->outcome = DAMAGED;
  }
  return true;
}

bool wipe_copy(const struct copies *copies, const char *key, bool last, struct reply *reply)
{
  /* A stack of mounts is no state that anybody makes, but one that must not stay. */
  while (device_on(copies, key) != 0) {
    if (!is_ours(copies, key)) {
      reply->outcome = NOT_OURS;
      return false;
    }
    reach("wipe.begun");
    if (!wipe_mounted(copies, key, last, reply))
      return false;
  }
  if (unlinkat(copies->directory, key, AT_REMOVEDIR) < 0 && errno != ENOENT) {
    if (errno != ENOTEMPTY && errno != ENOTDIR)
      return fail(reply, "rmdir");
    reply->outcome = NOT_OURS;
    return false;
  }
  return reply->outcome == DONE;
}
