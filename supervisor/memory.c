/* Memory that is never swapped: tmpfs with `noswap` (Linux 6.4), tmpfs where there is no swap, else ramfs. */
#include "copies.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

/* proc_swaps(5): a heading, then a line for each area. What cannot be read counts as swap. */
static bool host_swaps(const struct copies *copies)
{
  char text[4096];
  int fd = openat(copies->proc, "swaps", O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return errno != ENOENT; /* a kernel without swap has no such file */
  ssize_t length = read(fd, text, sizeof text);
  close(fd);
  if (length < 0)
    return true;
  const char *line = memchr(text, '\n', (size_t)length);
  return line != NULL && line + 1 < text + length;
}

bool mount_memory(const struct copies *copies, const char *key, const struct request *request, struct reply *reply)
{
  char source[64], options[256];
  snprintf(source, sizeof source, COPY_SOURCE "%s", key);
  snprintf(options, sizeof options, "mode=0755,size=%llu,nr_inodes=%llu,noswap", (unsigned long long)request->bytes,
           (unsigned long long)request->inodes);
  if (!copies->is_old_kernel && mount(source, key, "tmpfs", COPY_FLAGS, options) == 0) {
    reply->memory = MEMORY_NOSWAP;
    return true;
  }
  if (!copies->is_old_kernel && errno != EINVAL)
    return fail(reply, "mount");
  if (!host_swaps(copies)) {
    *strrchr(options, ',') = '\0';
    reply->memory = MEMORY_NO_SWAP_ON_HOST;
    return mount(source, key, "tmpfs", COPY_FLAGS, options) == 0 || fail(reply, "mount");
  }
  reply->memory = MEMORY_RAMFS;
  if (request->writable) { /* ramfs has no limit */
    errno = EOPNOTSUPP;
    return fail(reply, "mount ramfs");
  }
  return mount(source, key, "ramfs", COPY_FLAGS, "mode=0755") == 0 || fail(reply, "mount");
}
