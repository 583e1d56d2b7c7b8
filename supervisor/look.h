/*
 * Who shows a copy: in which mount tables beside those where it was made it is mounted. That is how a container holds
 * its copy, whatever its processes do meanwhile.
 */
#pragma once
#include "wire.h"
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct look {
  const struct look_copy *copies; /* sorted by device */
  size_t copy_count;
  struct look_holder *holders;
  size_t holder_count, holder_room;
  bool complete;
};

/* Serves looks on a listening socket until the process is ended. A look that takes too long ends it. */
_Noreturn void serve_looks(int listening, int proc, bool is_old_kernel);

/* True when a copy has, or had, that device number. */
bool is_wanted(const struct look *look, dev_t device);

/*
 * Adds the table that shows a mount as a holder of the copy that is mounted there, once for each table, which is given by
 * the holder that would be its first; `holder` says the rest. `source`: of the mount, which names the copy, or NULL where
 * the kernel does not say it. A mount where the copy was made is no use of it: there, and wherever that place is seen from
 * (the host's mount namespace and its peers), the last component of `target` is the key.
 */
void add_use(struct look *look, size_t first_of_table, dev_t device, const char *source, const char *target,
             const struct look_holder *holder);

/* Docker binds `<data root>/containers/<id>/hosts` and its like into every container: puts the 64 digits into `container`. */
bool container_in(const char *mount_root, char *container);

/*
 * By listing the mounts of every mount namespace there is (Linux 6.12). False, and nothing is added, when the kernel
 * knows no such thing.
 */
bool look_through_namespaces(struct look *look, int proc);

/*
 * The same for the mount namespace of one process. False, and nothing is added, when the process is gone or the kernel knows
 * no such thing.
 */
bool look_into_one(struct look *look, int proc, uint32_t pid);

/*
 * By reading one mount table of each mount namespace that a process is in. Never complete: a namespace can be kept
 * without one. `pid`: that of this process alone; 0: all.
 */
void look_through_tables(struct look *look, int proc, uint32_t pid);
