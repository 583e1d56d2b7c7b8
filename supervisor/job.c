/* One connection, served by a process of its own that ends with it. */
#include "job.h"
#include "connection.h"
#include "powers.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* Long enough for what any box or copy takes; shorter than the Engine waits for a Mount (2 min) or an Unmount (1 min). */
enum { MAKE_SECONDS = 50, WIPE_SECONDS = 25 };

bool fail(struct reply *reply, const char *step)
{
  reply->outcome = FAILED;
  reply->error = errno;
  snprintf(reply->step, sizeof reply->step, "%s", step);
  return false;
}

bool is_key(const char *key)
{
  return strspn(key, "0123456789abcdef") == KEY_LENGTH && key[KEY_LENGTH] == '\0';
}

/* Finds out what memory there is, by a mount of a page. */
static bool probe(const struct copies *copies, struct reply *reply)
{
  static const char key[] = ".probe";
  const struct request request = {.bytes = 4096, .inodes = 1};
  while (umount2(key, UMOUNT_NOFOLLOW | MNT_DETACH) == 0)
    ;
  if (mkdirat(copies->directory, key, 0700) < 0 && errno != EEXIST)
    return fail(reply, "mkdir");
  bool mounted = mount_memory(copies, key, &request, reply);
  if (mounted && umount2(key, UMOUNT_NOFOLLOW | MNT_DETACH) < 0)
    mounted = fail(reply, "unmount");
  unlinkat(copies->directory, key, AT_REMOVEDIR);
  return mounted;
}

/* Takes what is still being sent, for a close(2) before that would cost the other end the reply. */
static void drain(int connection)
{
  char rest[4096];
  while (read(connection, rest, sizeof rest) > 0)
    ;
  explicit_bzero(rest, sizeof rest);
}

static bool wait_for_request(int connection, int listening)
{
  struct pollfd on[] = {{.fd = connection, .events = POLLIN}, {.fd = listening}};
  return poll(on, 2, -1) > 0 && on[0].revents != 0;
}

/* False when it is the last one: this process has lost its place, or is about to. */
static bool serve_job(const struct copies *copies, int connection)
{
  char key[KEY_LENGTH + 1] = {0};
  struct request request;
  int listening = -1;
  struct reply reply = {.page_bytes = (uint32_t)sysconf(_SC_PAGESIZE)};
  /* SIGALRM ends the process, wherever it waits. What it leaves half done, the next wipe of that copy takes away. */
  alarm(MAKE_SECONDS);
  if (!read_all(connection, &request, sizeof request))
    return false;
  memcpy(key, request.key, KEY_LENGTH);
  errno = EINVAL;
  if (request.job == JOB_PROBE) {
    probe(copies, &reply);
  } else if (!is_key(key)) {
    fail(&reply, "read a key");
  } else if (request.job == JOB_MAKE) {
    make_copy(copies, connection, key, &request, &reply);
  } else if (request.job == JOB_WIPE) {
    alarm(WIPE_SECONDS);
    wipe_copy(copies, key, request.last, &reply);
  } else if (request.job == JOB_LISTEN) {
    listen_in_copy(copies, key, &listening, &reply);
  } else {
    fail(&reply, "read a job");
  }
  bool told = listening < 0 ? write_all(connection, &reply, sizeof reply) : write_with(connection, &reply, sizeof reply, listening);
  if (listening >= 0)
    close(listening);
  if (!told)
    return false;
  if (reply.outcome != DONE)
    drain(connection);
  alarm(0);
  return reply.outcome == DONE;
}

void serve_jobs(const struct copies *copies, int connection, int listening)
{
  keep_for_copies();
  while (wait_for_request(connection, listening) && serve_job(copies, connection))
    ;
}
