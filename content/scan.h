/*
 * One pass over memory on all cores, in bounded memory, with results that do not depend on how many
 * cores there are.
 *
 *     source       units of 1 MiB at most, in order      | u0 | u1 |  u2  | u3 |
 *     any thread   read, then look, in any order           look u1, look u0, look u3, ...
 *     one thread   merge, in the units' order              merge u0, merge u1, merge u2, ...
 *
 *     struct scan_consumer *consumers[] = {&strings.consumer, &pages.consumer};
 *     err = scan_run(&source, consumers, ARRAY_SIZE(consumers), &options);
 *
 * A unit is one or several stretches: bytes that lie one behind the other. A consumer does the bulk
 * of its work in `look`, which sees one stretch without its neighbours and leaves a part; what
 * depends on the memory before is done in `merge`, in order, where the stretch can still be read and
 * the last SCAN_BEFORE_BYTES before it too. So nothing is lost at the borders: either merge looks
 * again at what crosses one, or it keeps a scanner going from stretch to stretch until it agrees
 * with the one that `look` began afresh (content/strings_pass.h).
 *
 * It knows nothing of cases and dumps: a source tells what there is to read.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/vector.h"

enum {
    SCAN_UNIT_BYTES = 1 << 20,
    SCAN_BEFORE_BYTES = 4096,
    SCAN_MAX_THREADS = 32, /* 2 MiB and the consumers' parts each */
};

/* Bytes at ADDRESS, one behind the other. */
struct scan_stretch {
    uint64_t address;
    const uint8_t *bytes; /* NULL: LEN zeros, pages never touched or found to be zero */
    size_t len;
    const void *origin; /* what the source calls the piece of memory that it belongs to */
    /* In merge only: */
    bool first;            /* nothing lies before it: a gap, or the beginning of a piece */
    const uint8_t *before; /* the BEFORE_LEN bytes before it, of the stretches before */
    size_t before_len;
};

/* Something that wants to see all the bytes. Several may share a pass. */
struct scan_consumer {
    /* In any thread, several at once: RET_PART, what STRETCH alone says; it may stay NULL. NULL: all
     * is done in merge. */
    struct seep_error *(*look)(struct scan_consumer *consumer, const struct scan_stretch *stretch,
                               void **ret_part);
    /* One at a time, in order; takes PART over, whether it fails or not. */
    struct seep_error *(*merge)(struct scan_consumer *consumer, const struct scan_stretch *stretch,
                                void *part);
    /* One at a time: all was merged. May be NULL. */
    struct seep_error *(*finish)(struct scan_consumer *consumer);
    /* Of a part that is not to be merged, as the pass ended early; from any thread. May be NULL when
     * there are no parts. */
    void (*drop)(struct scan_consumer *consumer, void *part);
};

/* Up to SCAN_UNIT_BYTES of memory, to be read at once. */
struct scan_unit {
    uint64_t address;
    size_t len;
    const void *origin;
    bool begins;  /* a piece of memory: it continues nothing even if it lies behind the last unit */
    uint64_t key; /* the source's own */
};

VECTOR_TYPE(scan_stretches, struct scan_stretch);

struct scan_source {
    /* The next unit, in order; false: that was all. One at a time. */
    bool (*next)(struct scan_source *source, struct scan_unit *ret_unit);
    /* What a thread needs to read. Both may be NULL. */
    struct seep_error *(*open)(struct scan_source *source, void **ret_reader);
    void (*close)(struct scan_source *source, void *reader);
    /* Reads UNIT, in any thread: appends its stretches, of which address, bytes and len count, to
     * RET_STRETCHES, in order, without what cannot be read. Their bytes lie in ROOM, which has
     * SCAN_UNIT_BYTES, or elsewhere when they stay there until the pass ends. */
    struct seep_error *(*read)(struct scan_source *source, void *reader,
                               const struct scan_unit *unit, uint8_t *room,
                               struct scan_stretches *ret_stretches);
};

struct scan_options {
    unsigned threads; /* 0: one for every core that this process may use */
    /* Told, one at a time, how many bytes of units were merged; an error ends the pass. May be
     * NULL. */
    struct seep_error *(*progress)(uint64_t done_bytes, void *context);
    void *context;
};

/* The first error by the units' order is returned; parts that are not merged by then are dropped. */
struct seep_error *scan_run(struct scan_source *source, struct scan_consumer *const *consumers,
                            size_t consumer_count, const struct scan_options *options);

/* A source over LEN bytes that lie at ADDRESS. */
struct scan_bytes {
    struct scan_source source;
    uint64_t address;
    const uint8_t *bytes;
    size_t len, at;
};
void scan_bytes_init(struct scan_bytes *ret_source, uint64_t address, const void *bytes,
                     size_t len);
