/*
 * What the daemon and the jobs say to each other. A job is a request, for a copy to be made its entries and their
 * contents, and a reply. A copy that is made has one reply more before that, when it is mounted and not yet written; an
 * early one that is not DONE is the last. With that of JOB_LISTEN comes a descriptor: the copy's socket, listening
 * (unix(7), SCM_RIGHTS). Jobs follow each other over a connection until one is not DONE, or is given up in
 * the middle by sending no more. Both ends are of one build on one machine, so numbers are in the
 * machine's own order. src/copies/wire.ts is the other end.
 */
#pragma once
#include <stdint.h>

enum { KEY_LENGTH = 32 }; /* the directory of a copy: hex digits */
#define COPY_SOURCE "secretbox:" /* the source of a copy's mount: this, and the key */

/* Where a copy has its socket: in a directory on which a file system of its own is mounted, ENTRY_SOCKET_PLACE. */
#define SOCKET_PLACE "/contents/.secretbox"
#define SOCKET_NAME "api.sock"

enum job { JOB_PROBE = 'p', JOB_MAKE = 'm', JOB_WIPE = 'w', JOB_LISTEN = 'l' };

struct request {
  uint8_t job;
  uint8_t writable;       /* make: the container may write into it */
  uint8_t last;           /* wipe: unmount it even if a file cannot be overwritten yet */
  uint8_t unused[5];
  uint64_t bytes, inodes; /* make: what it may hold */
  char key[KEY_LENGTH];   /* make, wipe, listen */
};

/* Entries of a directory come between the directory and its ENTRY_UP, those of the root before ENTRY_END. */
enum entry_kind {
  ENTRY_DIRECTORY = 'd',
  ENTRY_UP = 'u',
  ENTRY_FILE = 'f',
  ENTRY_LINK = 'l',
  ENTRY_SOCKET_PLACE = 's',
  ENTRY_END = 'e'
};

struct entry {
  uint8_t kind;
  uint8_t unused;
  uint16_t name_length; /* a name follows: one component of a path */
  uint32_t mode, uid, gid;
  uint64_t size; /* then so many bytes: the contents of a file, the target of a link */
};

enum outcome {
  DONE = 0,
  FAILED = 1,   /* `error` is an errno, `step` what was being done; nothing is left of a copy that was being made */
  NOT_OURS = 2, /* what is there is no copy, and was left alone */
  BUSY = 3,     /* somebody keeps a file from being overwritten for now (fcntl(2), leases): to be tried again */
  DAMAGED = 4   /* wiped: it is unmounted, but `error` kept something from being overwritten */
};

enum memory { MEMORY_NOSWAP = 1, MEMORY_NO_SWAP_ON_HOST = 2, MEMORY_RAMFS = 3 };

struct reply {
  uint8_t outcome;
  uint8_t memory; /* probe, make */
  uint16_t unused;
  int32_t error;
  uint64_t device; /* make: st_dev of the copy */
  uint32_t page_bytes;
  char step[28];
};

/*
 * A look: `count` of these, and the answer says who else shows the copy of that key, as it is mounted with that device
 * number: the kernel gives the number of a file system that is gone to the next one.
 */
struct look_request {
  uint32_t count;
  uint32_t pid; /* to look into the mount namespace of this process alone; 0: into all */
};
struct look_copy {
  uint64_t device;
  char key[KEY_LENGTH];
};

/* `complete`: every mount table there is was read. Else there may be more holders than `count`. */
struct look_reply {
  uint32_t count;
  uint8_t complete;
  uint8_t unused[3];
};
struct look_holder {
  uint64_t device;
  char key[KEY_LENGTH];
  uint32_t pid;       /* a process in whose mount table it is; 0 when none was found */
  uint32_t unused;
  char container[64]; /* zeros when its mounts name no container */
};
