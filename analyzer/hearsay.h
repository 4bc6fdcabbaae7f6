/*
 * How far imported evidence reaches: what logs reported, what was assumed of which file, what could not
 * be read, and what was not there at all, with the command that collects it the next time.
 *
 *     incidents     out of memory, whom the kernel killed, crashes
 *     assumptions   "pmap-1.txt: taken when the file was last written"
 *     missing       "no times with dates": strace -f -ttt -T -e trace=%memory,%process -p PID
 */
#pragma once

#include "analyzer/conclusions.h"

struct seep_error *hearsay_conclude(const struct conclusions_input *input,
                                    struct analysis *analysis);
