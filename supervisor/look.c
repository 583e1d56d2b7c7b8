#include "look.h"
#include "connection.h"
#include "powers.h"
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LOOK_SECONDS = 10, MOST_COPIES = 1 << 17 };
/* Users of the host can make mounts without end; what that costs here ends with this process, which is then started anew. */
static const rlim_t most_memory = 512 << 20;

static int by_device(const void *left, const void *right)
{
  const struct look_copy *a = left, *b = right;
  return a->device < b->device ? -1 : a->device > b->device;
}

bool is_wanted(const struct look *look, dev_t device)
{
  const struct look_copy wanted = {.device = device};
  return bsearch(&wanted, look->copies, look->copy_count, sizeof wanted, by_device) != NULL;
}

static bool is_key_of(const struct look_copy *copy, const char *text)
{
  return strlen(text) == KEY_LENGTH && memcmp(text, copy->key, KEY_LENGTH) == 0;
}

static bool is_use(const struct look_copy *copy, const char *source, const char *target)
{
  const char *slash = strrchr(target, '/');
  if (is_key_of(copy, slash == NULL ? target : slash + 1))
    return false;
  const size_t length = strlen(COPY_SOURCE);
  return source == NULL || (strncmp(source, COPY_SOURCE, length) == 0 && is_key_of(copy, source + length));
}

static void add_holder(struct look *look, size_t first_of_table, const struct look_holder *holder)
{
  for (size_t i = first_of_table; i < look->holder_count; i++)
    if (look->holders[i].device == holder->device && memcmp(look->holders[i].key, holder->key, KEY_LENGTH) == 0)
      return;
  if (look->holder_count == look->holder_room) {
    look->holder_room = look->holder_room == 0 ? 64 : 2 * look->holder_room;
    look->holders = realloc(look->holders, look->holder_room * sizeof *holder);
    if (look->holders == NULL)
      err(1, "cannot look");
  }
  look->holders[look->holder_count++] = *holder;
}

void add_use(struct look *look, size_t first_of_table, dev_t device, const char *source, const char *target,
             const struct look_holder *holder)
{
  for (size_t i = 0; i < look->copy_count; i++) {
    const struct look_copy *copy = &look->copies[i];
    if (copy->device != device || !is_use(copy, source, target))
      continue;
    struct look_holder added = *holder;
    added.device = copy->device;
    memcpy(added.key, copy->key, KEY_LENGTH);
    add_holder(look, first_of_table, &added);
  }
}

bool container_in(const char *mount_root, char *container)
{
  static const char marker[] = "/containers/";
  enum { ID_LENGTH = 64 };
  const char *id = strstr(mount_root, marker);
  if (id == NULL)
    return false;
  id += strlen(marker);
  const char *end = id + strspn(id, "0123456789abcdef");
  if (end - id != ID_LENGTH || (strcmp(end, "/hosts") && strcmp(end, "/hostname") && strcmp(end, "/resolv.conf")))
    return false;
  memcpy(container, id, ID_LENGTH);
  return true;
}

static void serve_look(int connection, int proc, bool is_old_kernel)
{
  struct look_request request;
  if (!read_all(connection, &request, sizeof request) || request.count > MOST_COPIES)
    return;
  struct look_copy *copies = calloc(request.count + 1, sizeof *copies);
  if (copies == NULL)
    err(1, "cannot look");
  if (read_all(connection, copies, request.count * sizeof *copies)) {
    struct look look = {.copies = copies, .copy_count = request.count};
    qsort(copies, request.count, sizeof *copies, by_device);
    if (is_old_kernel)
      look_through_tables(&look, proc, request.pid);
    else if (request.pid != 0)
      look_into_one(&look, proc, request.pid);
    else if (!look_through_namespaces(&look, proc))
      look_through_tables(&look, proc, 0);
    const struct look_reply reply = {.count = (uint32_t)look.holder_count, .complete = look.complete};
    if (write_all(connection, &reply, sizeof reply))
      write_all(connection, look.holders, look.holder_count * sizeof *look.holders);
    free(look.holders);
  }
  free(copies);
}

_Noreturn void serve_looks(int listening, int proc, bool is_old_kernel)
{
  keep_for_looking();
  setrlimit(RLIMIT_AS, &(struct rlimit){most_memory, most_memory});
  for (;;) {
    int connection = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
    if (connection < 0) {
      if (errno != EINTR && errno != ECONNABORTED)
        err(1, "accept");
      continue;
    }
    alarm(LOOK_SECONDS);
    serve_look(connection, proc, is_old_kernel);
    alarm(0);
    close(connection);
  }
}
