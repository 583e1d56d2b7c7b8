#pragma once
#include "copies.h"

/* Serves one connection: reads what is asked for, does it, replies. Ends the process when it takes too long. */
void serve_job(const struct copies *copies, int connection);
