/*
 * What tests order: `$SECRETBOX_FAULTS/POINT` holds `kill` or `wait`, and `POINT.reached` tells that it came to that.
 * The same as src/base/fault-points.ts, for the jobs; only in a build with FAULT_POINTS.
 */
#include "copies.h"

#ifdef FAULT_POINTS
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int orders = -1;

void open_orders(void)
{
  const char *directory = getenv("SECRETBOX_FAULTS");
  if (directory != NULL)
    orders = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

void reach(const char *point)
{
  char reached[64], action = 0;
  int order = orders < 0 ? -1 : openat(orders, point, O_RDONLY | O_CLOEXEC);
  if (order < 0)
    return;
  ssize_t length = read(order, &action, 1);
  close(order);
  snprintf(reached, sizeof reached, "%s.reached", point);
  int claim = openat(orders, reached, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (length != 1 || claim < 0)
    return;
  dprintf(claim, "%d", getpid());
  close(claim);
  if (action == 'k')
    raise(SIGKILL);
  while (faccessat(orders, point, F_OK, 0) == 0)
    usleep(10000);
}
#else
void open_orders(void) {}
void reach(const char *point)
{
  (void)point;
}
#endif
