/*
 * secretbox's first process, and its privileged half.
 *
 *   supervisor [--hold=SECONDS] [--silence=SECONDS] [--old-kernel] COPIES-DIRECTORY RUN-DIRECTORY [COMMAND [ARGUMENT...]]
 *
 * It runs the daemon (COMMAND) without any capability, and does for it what takes one: to make, wipe and look for
 * copies, which are mounts below COPIES-DIRECTORY. It knows no key and parses nothing from outside. It listens in a
 * directory of its own in RUN-DIRECTORY, which the daemon finds in SECRETBOX_SUPERVISOR. Each connection to `jobs` is
 * served by a process of its own, one job after the other; whatever it touches, and however long it waits for it, nobody
 * else waits, and after a time it is ended (job.c). `looks` is answered by one process that remembers what it saw
 * (look.c). Any of these may be killed at any moment: the kernel says what is there.
 *
 * A daemon that dies of a signal is started again, unless this process was told to end (SIGTERM, SIGINT): the daemon may be so
 * young that it does not listen to the signal yet. One that ends by itself ends the supervisor, with the same status;
 * it ends no earlier than `--hold` after its start, since an Engine that is enabling a plugin would restart one that
 * ends at once for ever. A daemon that gives no sign of life (SECRETBOX_LIFE_FD) for a minute, or `--silence`, is killed.
 *
 * Without COMMAND it writes the name of its directory to standard output, and serves until its standard input ends.
 */
#include "copies.h"
#include "job.h"
#include "look.h"
#include "powers.h"
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_JOBS = 64, QUICK_SECONDS = 10, MOST_QUICK_DEATHS = 5, END_SECONDS = 4 };

static struct copies copies;
static int first_directory; /* the working directory that the daemon is to have */
static char run_directory[PATH_MAX]; /* where it listens */
static int jobs_socket, looks_socket, signals;
static pid_t daemon_pid, looker_pid;
static bool ending; /* somebody wants this process to end, and the daemon before it */
static unsigned jobs;
static int life = -1;       /* the end of a pipe that the daemon writes to */
static time_t last_sign;    /* of life */
static time_t daemon_start; /* all by the monotonic clock */
static int silence = 60;    /* for so many seconds a daemon may give no sign */

static time_t now(void)
{
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec;
}

/* A line of the daemon's log, as pino writes it. */
static void say(int level, const char *text)
{
  struct timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  dprintf(1, "{\"level\":%d,\"time\":%lld,\"msg\":\"%s\"}\n", level,
          (long long)time.tv_sec * 1000 + time.tv_nsec / 1000000, text);
}

/* Ends with the reason as the last line of the log. A path with a quote in it is told as it is. */
static _Noreturn void give_up(const char *what, const char *path)
{
  char text[PATH_MAX + 256];
  snprintf(text, sizeof text, "%s \\\"%s\\\": %s\",\"code\":\"unavailable", what, path, strerror(errno));
  say(60, text);
  exit(1);
}

/* A process that ends with this one and gets signals as usual. Returns as fork(2) does. */
static pid_t begin(void)
{
  const pid_t parent = getpid();
  pid_t child = fork();
  if (child < 0)
    warn("fork");
  if (child != 0)
    return child;
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent)
    _exit(1);
  return 0;
}

/* Only root gets there: the directory lets nobody else through. */
static int listen_on(const char *name)
{
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if ((size_t)snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", run_directory, name) >=
      sizeof address.sun_path)
    errno = ENAMETOOLONG;
  else if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 4096) == 0)
    return fd;
  give_up("cannot listen in", run_directory);
}

static void stop_listening(void)
{
  char path[sizeof run_directory + 8];
  for (int i = 0; i < 2; i++) {
    snprintf(path, sizeof path, "%s/%s", run_directory, i == 0 ? "jobs" : "looks");
    unlink(path);
  }
  rmdir(run_directory);
}

/* A directory of its own, named by the pid: what is there of that name was left by a process that is gone. */
static void make_run_directory(const char *parent)
{
  if ((size_t)snprintf(run_directory, sizeof run_directory, "%s/supervisor-%d", parent, getpid()) >=
      sizeof run_directory)
    errno = ENAMETOOLONG;
  else {
    stop_listening();
    if (mkdir(run_directory, 0700) == 0 && setenv("SECRETBOX_SUPERVISOR", run_directory, 1) == 0)
      return;
  }
  give_up("cannot listen in", parent);
}

static void begin_looking(void)
{
  looker_pid = begin();
  if (looker_pid != 0)
    return;
  close(jobs_socket);
  int flags = fcntl(looks_socket, F_GETFL);
  fcntl(looks_socket, F_SETFL, flags & ~O_NONBLOCK);
  serve_looks(looks_socket, copies.proc, copies.is_old_kernel);
}

static void begin_daemon(char **command)
{
  int ends[2];
  char number[16];
  if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0)
    err(1, "pipe");
  if (life >= 0)
    close(life);
  life = ends[0];
  last_sign = daemon_start = now();
  daemon_pid = begin();
  if (daemon_pid == 0) {
    fcntl(ends[1], F_SETFD, 0);
    snprintf(number, sizeof number, "%d", ends[1]);
    setenv("SECRETBOX_LIFE_FD", number, 1);
    if (fchdir(first_directory) < 0)
      err(1, "chdir");
    give_up_all();
    execvp(command[0], command);
    err(127, "cannot execute %s", command[0]);
  }
  close(ends[1]);
}

static void begin_job(void)
{
  int connection = accept4(jobs_socket, NULL, NULL, SOCK_CLOEXEC);
  if (connection < 0)
    return;
  pid_t job = begin();
  if (job == 0) {
    serve_jobs(&copies, connection, jobs_socket);
    _exit(0);
  }
  if (job > 0)
    jobs++;
  close(connection);
}

/* Ends this process, once the jobs that are under way have ended; those that do not are killed with it. */
static _Noreturn void end(int status)
{
  const time_t until = now() + END_SECONDS;
  shutdown(jobs_socket, SHUT_RDWR); /* whoever waits for a job ends */
  close(jobs_socket);
  if (looker_pid > 0)
    kill(looker_pid, SIGKILL);
  stop_listening();
  while (now() < until && waitpid(-1, NULL, WNOHANG) >= 0)
    poll(&(struct pollfd){.fd = signals, .events = POLLIN}, 1, 100);
  exit(status);
}

/* Waits until `until`, unless somebody wants this process to end. */
static void hold(time_t until)
{
  struct signalfd_siginfo signal;
  while (now() < until) {
    poll(&(struct pollfd){.fd = signals, .events = POLLIN}, 1, 1000);
    if (read(signals, &signal, sizeof signal) == sizeof signal && signal.ssi_signo != SIGCHLD)
      return;
  }
}

/* What is to be done about the daemon that has ended; `quick` counts deaths soon after a start. */
static void daemon_ended(int status, char **command, time_t held_until)
{
  static unsigned quick;
  if (WIFEXITED(status)) {
    if (WEXITSTATUS(status) != 0)
      hold(held_until);
    end(WEXITSTATUS(status));
  }
  if (ending)
    end(WTERMSIG(status) == SIGTERM ? 0 : 1);
  quick = now() - daemon_start < QUICK_SECONDS ? quick + 1 : 1;
  if (quick > MOST_QUICK_DEATHS) {
    say(60, "the daemon died again and again: giving up");
    hold(held_until);
    end(1);
  }
  say(50, "the daemon died: starting it again");
  begin_daemon(command);
}

static void reap(char **command, time_t held_until)
{
  int status;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    if (pid == daemon_pid)
      daemon_ended(status, command, held_until);
    else if (pid == looker_pid)
      begin_looking();
    else
      jobs--;
  }
}

static _Noreturn void supervise(char **command, time_t held_until)
{
  for (;;) {
    struct pollfd on[] = {
      {.fd = signals, .events = POLLIN},
      {.fd = jobs < MOST_JOBS ? jobs_socket : -1, .events = POLLIN},
      {.fd = command == NULL ? 0 : life, .events = POLLIN},
    };
    if (poll(on, 3, command == NULL ? -1 : silence * 1000) < 0 && errno != EINTR)
      err(1, "poll");
    if (on[0].revents != 0) {
      struct signalfd_siginfo signal;
      while (read(signals, &signal, sizeof signal) == sizeof signal) {
        if (signal.ssi_signo == SIGCHLD)
          reap(command, held_until);
        else if (daemon_pid > 0)
          ending = true, kill(daemon_pid, SIGTERM);
        else
          end(0);
      }
    }
    if (on[1].revents != 0)
      begin_job();
    if (on[2].revents != 0) {
      char signs[64];
      ssize_t got = read(on[2].fd, signs, sizeof signs);
      if (got > 0)
        last_sign = now();
      else if (command == NULL && got == 0)
        end(0);
      else if (got == 0)
        close(life), life = -1; /* the daemon ends; SIGCHLD follows */
    }
    if (command != NULL && now() - last_sign >= silence) {
      say(50, "the daemon is stuck: killing it");
      kill(daemon_pid, SIGKILL);
      last_sign = now();
    }
  }
}

static void open_copies(const char *path)
{
  copies.proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
  copies.root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  first_directory = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (copies.proc < 0 || copies.root < 0 || first_directory < 0)
    err(1, "open");
  if ((mkdir(path, 0700) < 0 && errno != EEXIST) || chdir(path) < 0)
    give_up("cannot use copies directory", path);
  struct stat found;
  copies.directory = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  /* Files of copies have the modes that containers need; it is this directory that keeps others out. */
  if (copies.directory < 0 || stat(".", &found) < 0 || ((found.st_mode & 0777) != 0700 && chmod(".", 0700) < 0))
    give_up("cannot use copies directory", path);
}

static void catch_signals(void)
{
  sigset_t caught;
  sigemptyset(&caught);
  sigaddset(&caught, SIGCHLD);
  sigaddset(&caught, SIGTERM);
  sigaddset(&caught, SIGINT);
  sigprocmask(SIG_BLOCK, &caught, NULL);
  signals = signalfd(-1, &caught, SFD_NONBLOCK | SFD_CLOEXEC);
  if (signals < 0)
    err(1, "signalfd");
}

/* Copies the daemon's command and takes it out of this process's own title: whoever looks for the daemon finds one. */
static char **take_command(int count, char **words)
{
  char **command = calloc((size_t)count + 1, sizeof *command);
  for (int i = 0; i < count && command != NULL; i++) {
    command[i] = strdup(words[i]);
    memset(words[i], 0, strlen(words[i]));
  }
  return count == 0 ? NULL : command;
}

int main(int count, char **words)
{
  static const struct option options[] = {
    {"hold", required_argument, NULL, 'h'}, {"silence", required_argument, NULL, 's'}, {"old-kernel", no_argument, NULL, 'o'}, {0}};
  time_t held_until = 0;
  for (int option; (option = getopt_long(count, words, "+", options, NULL)) != -1;) {
    if (option == 'h')
      held_until = now() + atoi(optarg);
    else if (option == 's')
      silence = atoi(optarg);
    else if (option == 'o')
      copies.is_old_kernel = true;
    else
      exit(2);
  }
  if (optind + 2 > count)
    errx(2, "which directories?");
  umask(0077);
  make_run_directory(words[optind + 1]);
  open_copies(words[optind]);
  open_orders();
  catch_signals();
  jobs_socket = listen_on("jobs");
  looks_socket = listen_on("looks");
  char **command = take_command(count - optind - 2, words + optind + 2);
  /* The daemon first: it takes longest. */
  if (command != NULL)
    begin_daemon(command);
  begin_looking();
  if (command == NULL)
    puts(run_directory), fflush(stdout);
  supervise(command, held_until);
}
