/* The -p PID[,PID...] of the commands that look at live processes. */
#pragma once

#include <argp.h>

#include "target/proc.h"

/* Appends the pids in TEXT; a mistake prints usage and exits. */
void pids_parse(const struct argp_state *state, const char *text, struct proc_pids *pids);
