/*
 * Which of two ways to serve stops costs less, found out by trying.
 *
 *     usual, other, usual, other ...     a sample of stops each, in turns; then the better way, for a
 *     |----------- trial ----------|     second, two, four, eight; and it is tried again
 *
 * Time in which nothing stops counts for little, so that a target that waits for its own clients says
 * nothing about either way. Where the other way turns out to be far dearer than the usual one was, it is
 * left at once. It does not know what the ways are, and reads no clock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct trial {
    bool other;              /* the way that is taken now */
    unsigned stops, samples; /* of this sample; of this trial */
    uint64_t sample_ns;
    uint64_t taken_ns[2]; /* by the trial's samples of either way */
    uint64_t last_ns;     /* of the last stop */
    uint64_t settled_ns;  /* for how long the verdict holds; 0: there was none yet */
    uint64_t again_ns;    /* when it ends */
    bool verdict;
};

/* A stop was found at NOW_NS. True: it is to be served the other way. */
bool trial_stop(struct trial *t, uint64_t now_ns);
