/*
 * The Java runtime's own account: its heap, its native memory tracking, its direct memory.
 *
 *     heap      955.0 MiB of 8,192.0 MiB used            not a leak: far from its limit
 *     Internal  4,778.0 MiB, had from malloc             direct buffers of a JDK 8 are counted here
 *     direct    2,130,706,439 of 2,147,483,648 bytes     and the next 16,777,216 failed
 *
 * A process of another number than the case's has an account too, and that is said. It also gives a
 * finding whose allocations are as large as the one that failed the stack that was logged, and
 * findings whose threads are in a thread dump the stack nearest in time.
 */
#pragma once

#include "analyzer/conclusions.h"

struct seep_error *jvm_conclude(const struct conclusions_input *input, struct analysis *analysis);
