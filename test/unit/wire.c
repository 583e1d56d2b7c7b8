/*
 * What supervisor/wire.h means, for wire.test.ts: prints its constants, or the fields of a message on standard input, as a
 * line of words; or writes a message.
 */
#include "../../supervisor/wire.h"
#include <stdio.h>
#include <string.h>

static int is(const char *word, const char *wanted)
{
  return strcmp(word, wanted) == 0;
}

int main(int count, char **words)
{
  union {
    struct request request;
    struct entry entry;
    struct look_copy copy;
    struct look_request look;
  } in;
  const char *what = count > 1 ? words[1] : "";
  if (is(what, "jobs"))
    return printf("%c %c %c %c", JOB_PROBE, JOB_MAKE, JOB_WIPE, JOB_LISTEN) < 0;
  if (is(what, "entries"))
    return printf("%c %c %c %c %c %c", ENTRY_DIRECTORY, ENTRY_UP, ENTRY_FILE, ENTRY_LINK, ENTRY_SOCKET_PLACE, ENTRY_END) < 0;
  if (is(what, "outcomes"))
    return printf("%d %d %d %d %d", DONE, FAILED, NOT_OURS, BUSY, DAMAGED) < 0;
  if (is(what, "memories"))
    return printf("%d %d %d", MEMORY_NOSWAP, MEMORY_NO_SWAP_ON_HOST, MEMORY_RAMFS) < 0;
  if (is(what, "socket"))
    return printf("%s/%s", SOCKET_PLACE, SOCKET_NAME) < 0;
  if (is(what, "lengths"))
    return printf("%zu %zu %zu %zu", sizeof(struct reply), sizeof(struct look_reply), sizeof(struct look_holder), (size_t)KEY_LENGTH) < 0;
  if (is(what, "reply")) {
    const struct reply reply = {BUSY, MEMORY_RAMFS, 0, 16, 1ull << 40, 4096, "write a file"};
    return fwrite(&reply, sizeof reply, 1, stdout) != 1;
  }
  if (is(what, "look-reply")) {
    const struct look_reply reply = {7, 1, {0}};
    return fwrite(&reply, sizeof reply, 1, stdout) != 1;
  }
  if (is(what, "holder")) {
    struct look_holder holder = {.device = 1ull << 40, .pid = 99};
    memset(holder.key, 'b', sizeof holder.key);
    memset(holder.container, 'c', sizeof holder.container);
    return fwrite(&holder, sizeof holder, 1, stdout) != 1;
  }
  if (is(what, "request") && fread(&in.request, sizeof in.request, 1, stdin) == 1 && getchar() == EOF) {
    const struct request *at = &in.request;
    return printf("%c %d %d %llu %llu %.32s", at->job, at->writable, at->last,
                  (unsigned long long)at->bytes, (unsigned long long)at->inodes, at->key) < 0;
  }
  if (is(what, "entry") && fread(&in.entry, sizeof in.entry, 1, stdin) == 1) {
    const struct entry *at = &in.entry;
    char name[64] = "";
    if (fread(name, 1, at->name_length, stdin) != at->name_length || getchar() != EOF)
      return 1;
    return printf("%c %s %u %u %u %llu", at->kind, name, at->mode, at->uid, at->gid, (unsigned long long)at->size) < 0;
  }
  if (is(what, "look") && fread(&in.look, sizeof in.look, 1, stdin) == 1) {
    printf("%u %u", in.look.count, in.look.pid);
    for (uint32_t left = in.look.count; left > 0; left--) {
      if (fread(&in.copy, sizeof in.copy, 1, stdin) != 1)
        return 1;
      printf(" %llu %.32s", (unsigned long long)in.copy.device, in.copy.key);
    }
    return getchar() != EOF;
  }
  return 2;
}
