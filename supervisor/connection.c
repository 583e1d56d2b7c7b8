#include "connection.h"
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

bool read_all(int fd, void *bytes, size_t count)
{
  for (char *at = bytes; count > 0;) {
    ssize_t got = read(fd, at, count);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return false;
    at += got;
    count -= (size_t)got;
  }
  return true;
}

bool write_all(int fd, const void *bytes, size_t count)
{
  for (const char *at = bytes; count > 0;) {
    ssize_t put = send(fd, at, count, MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR)
      continue;
    if (put < 0)
      return false;
    at += put;
    count -= (size_t)put;
  }
  return true;
}
