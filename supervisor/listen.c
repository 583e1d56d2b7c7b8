/*
 * Binds the socket of a copy. The daemon could not: it may have no right to go through the copy's root, and must follow
 * nothing that a container put there. So this makes the place of the socket its root, takes away what is there, binds, and
 * passes the socket on.
 */
#include "copies.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* False, with errno, when there is no file system of its own: only such is a place that a job has made. */
static bool enter_socket_place(void)
{
  struct stat copy, place;
  int fd = open(SOCKET_PLACE, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0)
    return false;
  bool entered = stat("/", &copy) == 0 && fstat(fd, &place) == 0 && fchdir(fd) == 0;
  close(fd);
  errno = entered && copy.st_dev == place.st_dev ? ENOENT : errno;
  return entered && copy.st_dev != place.st_dev && chroot(".") == 0;
}

/* Whoever comes through the directory may connect: its mode says who that is. */
static int bound(void)
{
  static const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = SOCKET_NAME};
  enum { MOST_WAITING = 64 };
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  mode_t mask = umask(0);
  bool done = fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 && listen(fd, MOST_WAITING) == 0;
  umask(mask);
  if (done || fd < 0)
    return fd;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

bool listen_in_copy(const struct copies *copies, const char *key, int *listening, struct reply *reply)
{
  *listening = -1;
  if (device_on(copies, key) == 0 || !is_ours(copies, key)) {
    reply->outcome = NOT_OURS;
    return false;
  }
  const char *step = "enter";
  if (enter_copy(key) && enter_socket_place()) {
    step = "bind";
    if (mount(NULL, "/", NULL, COPY_FLAGS | MS_REMOUNT, NULL) == 0) {
      wipe_root();
      *listening = bound();
      int error = errno;
      /* A container that keeps a file open for writing has made it in this moment: then it stays as it is, to its own harm. */
      mount(NULL, "/", NULL, COPY_FLAGS | MS_REMOUNT | MS_RDONLY, NULL);
      errno = error;
    }
  }
  if (*listening < 0)
    fail(reply, step);
  reach("listen.bound");
  if (!leave_copy(copies) && reply->outcome == DONE)
    fail(reply, "leave");
  if (reply->outcome != DONE && *listening >= 0)
    close(*listening), *listening = -1;
  return *listening >= 0;
}
