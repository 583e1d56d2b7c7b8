#include "connection.h"
#include <errno.h>
#include <stdint.h>
#include <string.h>
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

bool write_with(int fd, const void *bytes, size_t count, int descriptor)
{
  union {
    char bytes[CMSG_SPACE(sizeof descriptor)];
    struct cmsghdr head;
  } control = {.head = {.cmsg_len = CMSG_LEN(sizeof descriptor), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
  struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = count};
  const struct msghdr message = {
    .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  memcpy(CMSG_DATA(&control.head), &descriptor, sizeof descriptor);
  return sendmsg(fd, &message, MSG_NOSIGNAL) == (ssize_t)count;
}
