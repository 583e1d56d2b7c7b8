/*
 * The directory of copies. It is the working directory of whoever works on it, so that a copy is `key`, a name of
 * hexadecimal digits, and no path is ever put together.
 */
#pragma once
#include "wire.h"
#include <stdbool.h>
#include <sys/types.h>

struct copies {
  int directory;      /* O_PATH, as the two that follow */
  int root;           /* the root of this process as it was started */
  int proc;           /* /proc */
  bool is_old_kernel; /* for tests: as if the kernel had neither `noswap` nor listmount(2) */
};

/* Called at every moment at which a test may end or hold up a job; nothing in a build without FAULT_POINTS. */
void reach(const char *point);
/* Called once, before a process makes a copy its root. */
void open_orders(void);

/* Fills in `outcome`, `error` (errno) and `step`. Returns false, for `return fail(…)`. */
bool fail(struct reply *reply, const char *step);

/* True when `key` is KEY_LENGTH hexadecimal digits and a NUL. */
bool is_key(const char *key);

/*
 * Makes a copy the root and the working directory of this process, so that whatever is in it leads nowhere else; and
 * takes that back. To unmount one's own root means something else (umount2(2) makes it read-only).
 */
bool enter_copy(const char *key);
bool leave_copy(const struct copies *copies);

/* The st_dev of the file system that is mounted on `key`; 0 when none is. */
dev_t device_on(const struct copies *copies, const char *key);

/*
 * Makes the copy that `request` asks for out of the entries that come over `connection`: mounts, writes, makes it
 * read-only. On failure nothing is left.
 */
bool make_copy(const struct copies *copies, int connection, const char *key, const struct request *request,
               struct reply *reply);

/*
 * Binds a new socket in the place that a copy has for it, and gives it listening; whatever was there is taken away before.
 * The place is read-only but for that moment.
 */
bool listen_in_copy(const struct copies *copies, const char *key, int *listening, struct reply *reply);

/* True when what is mounted on `key` was mounted as a copy. */
bool is_ours(const struct copies *copies, const char *key);

/*
 * Overwrites, unlinks, unmounts and removes a copy, and any that is stacked below it. True as well when nothing was
 * there. Touches nothing that was not mounted as a copy (NOT_OURS). Leaves it mounted when a file cannot be opened
 * for writing just now (BUSY), unless `last`.
 */
bool wipe_copy(const struct copies *copies, const char *key, bool last, struct reply *reply);

/* Mounts an empty file system on `key` and says of what memory it is. Unswappable in any case, else EOPNOTSUPP. */
bool mount_memory(const struct copies *copies, const char *key, const struct request *request, struct reply *reply);

/* Overwrites and unlinks everything below the root, which the caller has made its own. See wipe_copy. */
struct wiped {
  int error;    /* the first errno that kept a file from being overwritten, or 0 */
  unsigned busy; /* files that are leased by somebody */
};
struct wiped wipe_root(void);

/* Mounts that are copies: nothing but data. */
#define COPY_FLAGS (MS_NOSUID | MS_NODEV | MS_NOEXEC)
