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

/* The copy with that device number, or NULL. */
const struct look_copy *copy_on(const struct look *look, dev_t device);

/*
 * True for a mount at `target` that is a use of the copy. Where a copy was made, and wherever that place is seen from
 * (the host's mount namespace and its peers), the last component is the key.
 */
bool is_use(const struct look_copy *copy, const char *target);

/* Adds a holder, once for each mount table. `container`: 64 hex digits or an empty string. */
void add_holder(struct look *look, size_t first_of_table, const struct look_holder *holder);

/* Docker binds `<data root>/containers/<id>/hosts` and its like into every container: puts the 64 digits into `container`. */
bool container_in(const char *mount_root, char *container);

/*
 * By listing the mounts of every mount namespace there is (Linux 6.12). False, and nothing is added, when the kernel
 * knows no such thing.
 */
bool look_through_namespaces(struct look *look, int proc);

/*
 * By reading one mount table of each mount namespace that a process is in. Never complete: a namespace can be kept
 * without one.
 */
void look_through_tables(struct look *look, int proc);
