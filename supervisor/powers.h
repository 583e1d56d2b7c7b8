/* What each process may do. The supervisor is root with the capabilities that it was started with; whatever it forks has less. */
#pragma once

/* For what works on file systems: these capabilities and no others, as far as the caller has them. */
void keep_for_copies(void);
/* For what looks at mount tables. */
void keep_for_looking(void);
/*
 * For the daemon, right before it is executed: no capability, now or by any later execve(2) (capabilities(7),
 * prctl(2) PR_SET_NO_NEW_PRIVS), and none of the system calls that these capabilities were for (seccomp(2)).
 */
void give_up_all(void);
