#pragma once
#include "copies.h"

/*
 * Serves one connection: reads what is asked for, does it, replies, and again, until it is not asked any more or a job
 * fails. Ends the process when a job takes too long. Waits for nothing more once `listening` is shut down.
 */
void serve_jobs(const struct copies *copies, int connection, int listening);
