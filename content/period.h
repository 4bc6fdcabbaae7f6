/*
 * Whether bytes are an array of records: how long one is, and which of its bytes are always the same.
 *
 *     ...|1001 Mary    0 42|1002 Peter   0 17|1003 Sue     0 99|...        period 18
 *     constant            ^^^^..........^..
 *
 * Equal words vote for the distance from one to the next; the distance with the most votes is one if
 * bytes that far apart are equal far more often than bytes at other distances, which is autocorrelation
 * at one lag instead of at all. Zeros count for nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PERIOD_LEAST = 16,
    PERIOD_MOST = 16 * 1024,
    PERIOD_SAMPLE_BYTES = 64 * 1024, /* no more are looked at */
    PERIOD_RECORDS = 4,              /* and no less than so many records there must be */
};

struct period {
    size_t len;       /* of a record */
    size_t offset;    /* of a whole one, where records seem to begin */
    size_t constants; /* bytes of a record that are the same in all, zeros left out */
    double likeness;  /* share of the bytes that come again one period on: 0 to 1 */
};

/* False: no period. */
bool period_find(const uint8_t *bytes, size_t len, struct period *ret_period);

/* RET_CONSTANT[0..period->len): whether that byte is the same in all records of BYTES. */
void period_constants(const struct period *period, const uint8_t *bytes, size_t len,
                      bool *ret_constant);
