/*
 * Memory for passes in tests: one array of bytes cut into units and stretches of any lengths, with
 * gaps where nothing is.
 *
 *     units_cut(&units, bytes, len, most, &seed);      random cuts, gaps, zero stretches
 *     scan_run(&units.source, ...)                     units.next = 0 to begin again
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "content/scan.h"

struct cut_unit {
    struct scan_unit unit;
    struct scan_stretches stretches;
};

struct units {
    struct scan_source source;
    VECTOR(struct cut_unit) units;
    size_t next;
    size_t fails_at; /* the unit that cannot be read; SIZE_MAX: none */
    bool copies;     /* into the room */
};

static bool units_next(struct scan_source *source, struct scan_unit *ret_unit)
{
    struct units *units = (struct units *)source;

    if (units->next == units->units.count)
        return false;
    *ret_unit = units->units.items[units->next].unit;
    ret_unit->key = units->next++;
    return true;
}

static struct seep_error *units_read(struct scan_source *source, void *reader,
                                     const struct scan_unit *unit, uint8_t *room,
                                     struct scan_stretches *ret_stretches)
{
    const struct units *units = (const struct units *)source;
    const struct cut_unit *cut = &units->units.items[unit->key];
    struct seep_error *err = NULL;

    (void)reader;
    if (unit->key == units->fails_at)
        return error_create(ERROR_CORRUPT, "unit %zu", (size_t)unit->key);
    for (size_t i = 0; i < cut->stretches.count && !err; i++) {
        struct scan_stretch stretch = cut->stretches.items[i];

        if (units->copies && stretch.bytes) {
            memcpy(room, stretch.bytes, stretch.len);
            stretch.bytes = room;
            room += stretch.len;
        }
        err = vector_push(ret_stretches, stretch);
    }
    return err;
}

/* LEN bytes at ADDRESS in units of up to MOST, of up to three stretches each. With HOLES some
 * stretches are left out, and some pieces begin without one; BYTES become zeros where a stretch is
 * said to be zeros. */
static void units_cut(struct units *units, uint64_t address, uint8_t *bytes, size_t len,
                      size_t most, bool holes, unsigned *seed)
{
    const void *origin = units;

    *units = (struct units){.source = {.next = units_next, .read = units_read},
                            .fails_at = SIZE_MAX,
                            .copies = rand_r(seed) % 2};
    for (size_t at = 0; at < len;) {
        struct cut_unit cut = {.unit = {.address = address + at}};

        if (at == 0 || (holes && rand_r(seed) % 4 == 0)) {
            cut.unit.begins = true;
            origin = bytes + at;
        }
        cut.unit.origin = origin;
        for (int i = rand_r(seed) % 3; i >= 0 && at < len; i--) {
            size_t step = 1 + (size_t)rand_r(seed) % most;

            step = step < len - at ? step : len - at;

            struct scan_stretch stretch = {
                .address = address + at, .bytes = bytes + at, .len = step};

            if (holes && rand_r(seed) % 6 == 0) {
                memset(bytes + at, 0, step);
                stretch.bytes = NULL;
            }
            if (!holes || rand_r(seed) % 6)
                assert_null(vector_push(&cut.stretches, stretch));
            at += step;
            cut.unit.len += step;
        }
        assert_null(vector_push(&units->units, cut));
    }
}

static void units_deinit(struct units *units)
{
    for (size_t i = 0; i < units->units.count; i++)
        vector_deinit(&units->units.items[i].stretches);
    vector_deinit(&units->units);
}
