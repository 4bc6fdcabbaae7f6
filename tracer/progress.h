/*
 * The line that says how a recording is getting on, on a terminal. It never waits for the terminal: a
 * ^S there must not keep anything up.
 */
#pragma once

#include <stdint.h>

void progress_show(uint64_t elapsed_ns, uint64_t events, uint64_t rss_bytes);
void progress_clear(void);
