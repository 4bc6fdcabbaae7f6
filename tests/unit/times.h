/*
 * What the tests of times share: a window, and a scan in pieces of any size.
 *
 *     struct times got = scan_at(BASE, bytes, len, &defaults, 7, &seed);     sorted by address
 *     same(&got, &want);
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "base/vector.h"
#include "content/timestamps.h"

#define BASE     UINT64_C(0x7f46d34e2000)
#define S        UINT64_C(1000000000)
#define TRUTH_S  UINT64_C(1614644953) /* 2021-03-02T00:29:13Z, 08:29:13 in Shanghai */
#define SHANGHAI (8 * 3600)

VECTOR_TYPE(times, struct timestamps_found);

static const struct timestamps_options defaults = {
    .first_ns = (TRUTH_S - 30 * 86400) * S,
    .last_ns = (TRUTH_S + 86400) * S,
    .utc_offset_s = SHANGHAI,
    .forms = TIMESTAMPS_ALL_FORMS,
};

static struct seep_error *collect(const struct timestamps_found *found, void *context)
{
    return vector_push((struct times *)context, *found);
}

static int by_address(const void *left, const void *right)
{
    const struct timestamps_found *a = left, *b = right;

    return a->address != b->address ? (a->address < b->address ? -1 : 1)
                                    : (int)a->form - (int)b->form;
}

/* Pieces of random sizes up to PIECE (0: one piece), sorted by address. */
__attribute__((unused)) static struct times scan_at(uint64_t base, const void *bytes, size_t len,
                                                    const struct timestamps_options *options,
                                                    size_t piece, unsigned *seed)
{
    struct times into = {0};
    struct timestamps_scan s;

    timestamps_scan_init(&s, options, collect, &into);
    for (size_t at = 0; at < len;) {
        size_t step = piece ? (size_t)rand_r(seed) % piece + 1 : len;

        step = step < len - at ? step : len - at;
        uint8_t *copy = malloc(step);

        assert_non_null(copy);
        memcpy(copy, (const uint8_t *)bytes + at, step);
        assert_null(timestamps_scan_push(&s, base + at, copy, step));
        free(copy);
        at += step;
    }
    assert_null(timestamps_scan_finish(&s));
    if (into.count)
        qsort(into.items, into.count, sizeof(*into.items), by_address);
    return into;
}

__attribute__((unused)) static void same(const struct times *got, const struct times *want)
{
    for (size_t i = 0; i < got->count && i < want->count; i++)
        if (got->items[i].address != want->items[i].address ||
            got->items[i].epoch_ns != want->items[i].epoch_ns ||
            got->items[i].form != want->items[i].form)
            fail_msg(
                "time %zu: got +%#lx %s %lu, want +%#lx %s %lu", i,
                (unsigned long)(got->items[i].address - BASE),
                timestamps_form_name(got->items[i].form), (unsigned long)got->items[i].epoch_ns,
                (unsigned long)(want->items[i].address - BASE),
                timestamps_form_name(want->items[i].form), (unsigned long)want->items[i].epoch_ns);
    assert_int_equal(got->count, want->count);
}
