#include "powers.h"
#include <err.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BIT(capability) (UINT64_C(1) << (capability))

static void keep(uint64_t wanted)
{
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct sets[2];
  if (syscall(SYS_capget, &header, sets) < 0)
    err(1, "capget");
  for (int half = 0; half < 2; half++) {
    sets[half].permitted &= (uint32_t)(wanted >> (32 * half));
    sets[half].effective = sets[half].permitted;
    sets[half].inheritable = 0;
  }
  if (syscall(SYS_capset, &header, sets) < 0)
    err(1, "capset");
}

void keep_for_copies(void)
{
  /* mount; owners, modes and set-id bits; entries of any owner and mode; chroot(2); flags of chattr(1). */
  keep(BIT(CAP_SYS_ADMIN) | BIT(CAP_CHOWN) | BIT(CAP_FOWNER) | BIT(CAP_FSETID) | BIT(CAP_DAC_OVERRIDE) |
       BIT(CAP_SYS_CHROOT) | BIT(CAP_LINUX_IMMUTABLE));
}

void keep_for_looking(void)
{
  /* Mount namespaces of others (listmount(2), setns(2)), and which process is in which (proc_pid_ns(5)). */
  keep(BIT(CAP_SYS_ADMIN) | BIT(CAP_SYS_CHROOT) | BIT(CAP_SYS_PTRACE));
}

/* What a process without capabilities that runs its own code alone has no use for. */
static const unsigned forbidden[] = {
  SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_setns, SYS_unshare, SYS_fsopen, SYS_fsconfig,
  SYS_fsmount, SYS_fspick, SYS_move_mount, SYS_open_tree, 442 /* mount_setattr */, SYS_open_by_handle_at,
  SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_perf_event_open, SYS_bpf, SYS_userfaultfd,
  SYS_io_uring_setup, SYS_keyctl, SYS_add_key, SYS_request_key, SYS_kexec_load, SYS_init_module,
  SYS_finit_module, SYS_delete_module, SYS_swapon, SYS_swapoff, SYS_reboot, SYS_acct, SYS_quotactl,
  SYS_settimeofday, SYS_clock_settime, SYS_clock_adjtime, SYS_personality,
};
#define FORBIDDEN (sizeof forbidden / sizeof *forbidden)

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "secretbox runs on x86-64 and arm64"
#endif

static void forbid(void)
{
  enum { HEAD = 4, REFUSE = HEAD + FORBIDDEN + 1 };
  struct sock_filter filter[HEAD + FORBIDDEN + 2];
  const struct sock_filter head[HEAD] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 0, REFUSE - 2),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    /* The numbers of x32 begin here, and would be a second way to the same calls. */
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, REFUSE - 4, 0),
  };
  for (size_t i = 0; i < HEAD; i++)
    filter[i] = head[i];
  for (size_t i = 0; i < FORBIDDEN; i++)
    filter[HEAD + i] =
      (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, forbidden[i], (uint8_t)(FORBIDDEN - i), 0);
  filter[HEAD + FORBIDDEN] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  filter[REFUSE] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1 /* EPERM */);
  struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
  /* A kernel may be built without it; the capabilities are what counts. */
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
    warn("no seccomp filter");
}

void give_up_all(void)
{
  /* EINVAL: the kernel knows no more. EPERM: whoever cannot drop from the bounding set has too little to give away. */
  for (int capability = 0; prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0; capability++)
    ;
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
    err(1, "prctl");
  keep(0);
  forbid();
}
