/* Makes a copy: mounts it, makes it the root of this process, writes what comes, and makes it read-only. */
#include "connection.h"
#include "copies.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* Contents on their way; kept out of swap as far as the limit of locked memory allows, and overwritten at the end. */
static char buffer[64 << 10];

/* A name is one component, so that nothing is ever written elsewhere than in the directory one is in. */
static bool read_name(int connection, const struct entry *entry, char *name)
{
  if (entry->name_length == 0 || entry->name_length > NAME_MAX) {
    errno = EINVAL;
    return false;
  }
  if (!read_all(connection, name, entry->name_length)) {
    errno = ECONNRESET;
    return false;
  }
  name[entry->name_length] = '\0';
  if (strlen(name) == entry->name_length && strchr(name, '/') == NULL && strcmp(name, ".") && strcmp(name, ".."))
    return true;
  errno = EINVAL;
  return false;
}

/* Read in pieces: errno is ECONNRESET when whoever sends went away. */
static bool write_contents(int connection, int file, uint64_t size)
{
  while (size > 0) {
    size_t wanted = size < sizeof buffer ? (size_t)size : sizeof buffer;
    ssize_t got = read(connection, buffer, wanted);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0) {
      errno = ECONNRESET;
      return false;
    }
    for (ssize_t at = 0; at < got;) {
      ssize_t put = write(file, buffer + at, (size_t)(got - at));
      if (put < 0)
        return false;
      at += put;
    }
    size -= (uint64_t)got;
  }
  return true;
}

static bool make_file(int connection, const char *name, const struct entry *entry)
{
  int file = open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file < 0)
    return false;
  /* The mode after the owner, because chown(2) clears set-id bits. */
  bool made = write_contents(connection, file, entry->size) && fchown(file, entry->uid, entry->gid) == 0 &&
              fchmod(file, entry->mode) == 0;
  int error = errno;
  close(file);
  errno = error;
  return made;
}

static bool make_directory(const char *name, const struct entry *entry)
{
  if (mkdir(name, 0700) < 0)
    return false;
  int directory = open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (directory < 0)
    return false;
  bool made = fchown(directory, entry->uid, entry->gid) == 0 && fchmod(directory, entry->mode) == 0 &&
              fchdir(directory) == 0;
  int error = errno;
  close(directory);
  errno = error;
  return made;
}

static bool make_link(int connection, const char *name, const struct entry *entry)
{
  char target[PATH_MAX];
  if (entry->size == 0 || entry->size >= sizeof target) {
    errno = EINVAL;
    return false;
  }
  if (!read_all(connection, target, entry->size)) {
    errno = ECONNRESET;
    return false;
  }
  target[entry->size] = '\0';
  return symlink(target, name) == 0 && lchown(name, entry->uid, entry->gid) == 0;
}

/*
 * A file system of its own, so that a socket can be bound there when the copy is read-only. It is mounted read-only: where it
 * comes by propagation, as to containers, it stays so, whatever is done to it here (mount(2), MS_REMOUNT).
 */
static bool make_socket_place(const char *name, const struct entry *entry)
{
  char options[128];
  snprintf(options, sizeof options, "mode=%o,uid=%u,gid=%u,size=4k,nr_inodes=16", entry->mode, entry->uid, entry->gid);
  return mkdir(name, 0700) == 0 && mount("secretbox-socket", name, "tmpfs", COPY_FLAGS | MS_RDONLY, options) == 0;
}

/* Writes all entries below the working directory, which is the root, until ENTRY_END. */
static bool write_entries(int connection, struct reply *reply)
{
  char name[NAME_MAX + 1];
  for (unsigned depth = 0;;) {
    struct entry entry;
    errno = ECONNRESET;
    if (!read_all(connection, &entry, sizeof entry))
      return fail(reply, "read");
    if (entry.kind == ENTRY_END)
      return true;
    if (entry.kind == ENTRY_UP) {
      errno = EINVAL;
      if (depth-- == 0 || chdir("..") < 0)
        return fail(reply, "leave a directory");
      continue;
    }
    if (!read_name(connection, &entry, name))
      return fail(reply, "read a name");
    if (entry.kind == ENTRY_DIRECTORY) {
      if (!make_directory(name, &entry))
        return fail(reply, "make a directory");
      depth++;
    } else if (entry.kind == ENTRY_FILE) {
      if (!make_file(connection, name, &entry))
        return fail(reply, "write a file");
    } else if (entry.kind == ENTRY_SOCKET_PLACE) {
      if (!make_socket_place(name, &entry))
        return fail(reply, "make the place of a socket");
      reach("make.parted");
    } else if (entry.kind != ENTRY_LINK || !make_link(connection, name, &entry)) {
      return fail(reply, "make a symlink");
    }
  }
}

static bool fill(const struct copies *copies, int connection, const char *key, const struct request *request,
                 struct reply *reply)
{
  struct stat root;
  if (!enter_copy(key) || stat(".", &root) < 0)
    return fail(reply, "open");
  reply->device = root.st_dev;
  /* The other end records the copy while it is written. */
  if (!write_all(connection, reply, sizeof *reply))
    return fail(reply, "tell that it is mounted");
  mlock(buffer, sizeof buffer);
  bool written = write_entries(connection, reply);
  explicit_bzero(buffer, sizeof buffer);
  if (!written)
    return false;
  reach("make.written");
  if (!leave_copy(copies))
    return fail(reply, "leave");
  if (!request->writable && mount(NULL, key, NULL, COPY_FLAGS | MS_REMOUNT | MS_RDONLY, NULL) < 0)
    return fail(reply, "make read-only");
  return true;
}

bool make_copy(const struct copies *copies, int connection, const char *key, const struct request *request,
               struct reply *reply)
{
  if (mkdir(key, 0700) < 0 && errno != EEXIST)
    return fail(reply, "mkdir");
  struct stat place;
  if (lstat(key, &place) < 0 || !S_ISDIR(place.st_mode) || device_on(copies, key) != 0) {
    errno = EEXIST;
    return fail(reply, "mount");
  }
  bool made = mount_memory(copies, key, request, reply);
  if (made) {
    reach("make.mounted");
    made = fill(copies, connection, key, request, reply);
  }
  if (!made) {
    struct reply ignored = {0};
    if (leave_copy(copies))
      wipe_copy(copies, key, true, &ignored);
    return false;
  }
  reach("make.made");
  return true;
}
