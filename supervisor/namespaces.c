/*
 * Every mount namespace and every mount in it, by the kernel's own lists: ioctl_nsfs(2) NS_MNT_GET_NEXT, listmount(2),
 * statmount(2). Exact also for processes that have changed their root and for namespaces without any process.
 *
 * What was learnt of a mount is kept: the numbers of mounts are never used twice (statmount(2), mnt_id). A namespace
 * that lists the same numbers as before is not looked at again.
 */
#include "look.h"
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* <linux/mount.h> and <linux/nsfs.h> of Linux 6.12; older headers have none of it. */
struct mnt_ns_info {
  uint32_t size, nr_mounts;
  uint64_t mnt_ns_id;
};
#define GET_INFO _IOR(0xb7, 10, struct mnt_ns_info)
#define GET_NEXT _IOR(0xb7, 11, struct mnt_ns_info)
#define GET_PREV _IOR(0xb7, 12, struct mnt_ns_info)
struct mnt_id_req {
  uint32_t size, spare;
  uint64_t mnt_id, param, mnt_ns_id;
};
enum { CALL_STATMOUNT = 457, CALL_LISTMOUNT = 458 };
enum { WANT_SB_BASIC = 1, WANT_ROOT = 8, WANT_POINT = 16, WANT_SOURCE = 512 };
#define LIST_ROOT UINT64_MAX
struct statmount_reply {
  uint32_t size, opts;
  uint64_t mask;
  uint32_t sb_dev_major, sb_dev_minor;
  uint64_t unused[10];
  uint32_t mnt_root, mnt_point; /* offsets into `text` */
  uint64_t unused_too;
  uint32_t fs_subtype, sb_source; /* from Linux 6.13 on */
  uint64_t more[48];
  char text[16 << 10];
};
_Static_assert(offsetof(struct statmount_reply, mnt_root) == 104 && offsetof(struct statmount_reply, sb_source) == 124 && offsetof(struct statmount_reply, text) == 512,
               "as the kernel lays it out");

struct namespace {
  uint64_t id;
  size_t count;
  uint64_t *mounts;  /* ascending, as the kernel lists them */
  uint64_t *devices; /* of each; 0 for one that went away before it was looked at */
  char container[64];
  unsigned look; /* the last one that met it */
};

/* Sorted by id. */
static struct namespace *known;
static size_t known_count, known_room;
static unsigned this_look;

static void *grown(void *array, size_t count, size_t size)
{
  void *larger = realloc(array, (count + 1) * size);
  if (larger == NULL)
    err(1, "cannot look");
  return larger;
}

static struct namespace *known_with(uint64_t id)
{
  size_t low = 0;
  for (size_t high = known_count; low < high;) {
    size_t middle = (low + high) / 2;
    if (known[middle].id < id)
      low = middle + 1;
    else
      high = middle;
  }
  if (low < known_count && known[low].id == id)
    return &known[low];
  if (known_count == known_room)
    known = grown(known, known_room = 2 * known_room + 64, sizeof *known);
  memmove(&known[low + 1], &known[low], (known_count - low) * sizeof *known);
  known_count++;
  known[low] = (struct namespace){.id = id};
  return &known[low];
}

static void forget_gone(void)
{
  size_t kept = 0;
  for (size_t i = 0; i < known_count; i++) {
    if (known[i].look == this_look) {
      known[kept++] = known[i];
    } else {
      free(known[i].mounts);
      free(known[i].devices);
    }
  }
  known_count = kept;
}

/* False when the mount is gone, or not to be seen. */
static bool ask(uint64_t namespace, uint64_t mount, uint64_t what, struct statmount_reply *reply)
{
  const struct mnt_id_req request = {sizeof request, 0, mount, what, namespace};
  return syscall(CALL_STATMOUNT, &request, reply, sizeof *reply, 0) == 0;
}

/* The numbers of all mounts in a namespace; NULL when it is gone, else for the caller to free. */
static uint64_t *list_mounts(uint64_t namespace, size_t *count)
{
  enum { AT_ONCE = 4096 };
  uint64_t *mounts = NULL;
  struct mnt_id_req request = {sizeof request, 0, LIST_ROOT, 0, namespace};
  for (*count = 0;;) {
    mounts = grown(mounts, *count + AT_ONCE, sizeof *mounts);
    long got = syscall(CALL_LISTMOUNT, &request, mounts + *count, AT_ONCE, 0);
    if (got < 0) {
      free(mounts);
      return NULL;
    }
    *count += (size_t)got;
    if (got < AT_ONCE)
      return mounts;
    request.param = mounts[*count - 1];
  }
}

/* Brings what is known of a namespace up to date; asks only about mounts that are new. */
static void learn(struct namespace *namespace, struct look *look)
{
  static struct statmount_reply reply;
  size_t count;
  uint64_t *mounts = list_mounts(namespace->id, &count);
  if (mounts == NULL) {
    if (errno != ENOENT)
      look->complete = false;
    namespace->count = 0;
    return;
  }
  if (count == namespace->count && memcmp(mounts, namespace->mounts, count * sizeof *mounts) == 0) {
    free(mounts);
    return;
  }
  uint64_t *devices = grown(NULL, count, sizeof *devices);
  memset(namespace->container, 0, sizeof namespace->container);
  for (size_t i = 0, old = 0; i < count; i++) {
    while (old < namespace->count && namespace->mounts[old] < mounts[i])
      old++;
    if (old < namespace->count && namespace->mounts[old] == mounts[i] && namespace->devices[old] != 0)
      devices[i] = namespace->devices[old];
    else if (ask(namespace->id, mounts[i], WANT_SB_BASIC, &reply))
      devices[i] = makedev(reply.sb_dev_major, reply.sb_dev_minor);
    else if (errno == ENOENT)
      devices[i] = 0;
    else
      look->complete = false, devices[i] = 0;
  }
  free(namespace->mounts);
  free(namespace->devices);
  namespace->mounts = mounts;
  namespace->devices = devices;
  namespace->count = count;
}

/* The container whose namespace it is, as its mounts tell. */
static void name_container(struct namespace *namespace)
{
  static struct statmount_reply reply;
  for (size_t i = 0; i < namespace->count && namespace->container[0] == 0; i++)
    if (ask(namespace->id, namespace->mounts[i], WANT_ROOT, &reply))
      container_in(reply.text + reply.mnt_root, namespace->container);
}

/* A process in the namespace with this inode, for people; 0 when none is found. */
static uint32_t process_in(int proc, ino_t inode)
{
  char wanted[64], path[300], link[64];
  snprintf(wanted, sizeof wanted, "mnt:[%lu]", (unsigned long)inode);
  int directory = openat(proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *processes = directory < 0 ? NULL : fdopendir(directory);
  uint32_t found = 0;
  for (struct dirent *entry; processes != NULL && found == 0 && (entry = readdir(processes)) != NULL;) {
    snprintf(path, sizeof path, "%s/ns/mnt", entry->d_name);
    ssize_t length = readlinkat(proc, path, link, sizeof link - 1);
    if (length > 0 && (size_t)length == strlen(wanted) && memcmp(link, wanted, (size_t)length) == 0)
      found = (uint32_t)strtoul(entry->d_name, NULL, 10);
  }
  if (processes != NULL)
    closedir(processes);
  return found;
}

static void look_into(struct look *look, int proc, int fd, uint64_t id)
{
  static struct statmount_reply reply;
  struct namespace *namespace = known_with(id);
  namespace->look = this_look;
  learn(namespace, look);
  const size_t first = look->holder_count;
  for (size_t i = 0; i < namespace->count; i++) {
    const dev_t device = namespace->devices[i];
    if (device == 0 || !is_wanted(look, device) ||
        !ask(namespace->id, namespace->mounts[i], WANT_POINT | WANT_SOURCE, &reply))
      continue;
    const char *source = (reply.mask & WANT_SOURCE) != 0 ? reply.text + reply.sb_source : NULL;
    add_use(look, first, device, source, reply.text + reply.mnt_point, &(struct look_holder){0});
  }
  if (look->holder_count == first)
    return;
  struct stat file;
  if (namespace->container[0] == 0)
    name_container(namespace);
  const bool is_nameless = namespace->container[0] == 0;
  const uint32_t pid = is_nameless && fstat(fd, &file) == 0 ? process_in(proc, file.st_ino) : 0;
  for (size_t i = first; i < look->holder_count; i++) {
    memcpy(look->holders[i].container, namespace->container, sizeof namespace->container);
    look->holders[i].pid = pid;
  }
}

bool look_through_namespaces(struct look *look, int proc)
{
  struct mnt_ns_info info = {.size = sizeof info};
  const int own = openat(proc, "self/ns/mnt", O_RDONLY | O_CLOEXEC);
  if (own < 0 || ioctl(own, GET_INFO, &info) < 0) {
    if (own >= 0)
      close(own);
    return false;
  }
  this_look++;
  look->complete = true;
  look_into(look, proc, own, info.mnt_ns_id);
  for (int way = 0; way < 2; way++) {
    int fd = own;
    for (;;) {
      int next = ioctl(fd, way == 0 ? GET_NEXT : GET_PREV, &info);
      int error = errno;
      if (fd != own)
        close(fd);
      if (next < 0) {
        if (error != ENOENT)
          look->complete = false;
        break;
      }
      look_into(look, proc, next, info.mnt_ns_id);
      fd = next;
    }
  }
  close(own);
  forget_gone();
  return true;
}

bool look_into_one(struct look *look, int proc, uint32_t pid)
{
  char path[32];
  struct mnt_ns_info info = {.size = sizeof info};
  snprintf(path, sizeof path, "%u/ns/mnt", pid);
  int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
  bool known = fd >= 0 && ioctl(fd, GET_INFO, &info) == 0;
  if (known)
    look_into(look, proc, fd, info.mnt_ns_id);
  if (fd >= 0)
    close(fd);
  return known;
}
