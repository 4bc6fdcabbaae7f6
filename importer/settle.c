#include <inttypes.h>
#include <stdlib.h>

#include "base/units.h"
#include "evidence/case.h"
#include "importer/collection_state.h"

enum {
    /* Times that count from 0 begin here: 0 is what is not known, and something may come before. A whole
     * day, so that a time of day still reads as one. */
    BEGIN_S = 86400,
    CLOSE_S = 2, /* looks at one process so close to each other are one look */
};

static const char *const basis_names[WHEN_BASES] = {
    [WHEN_NONE] = "none",   [WHEN_RELATIVE] = "relative", [WHEN_TIME_OF_DAY] = "time-of-day",
    [WHEN_LOCAL] = "local", [WHEN_ABSOLUTE] = "absolute",
};

/* --- the clock --- */

static enum when_basis best_basis(const struct collection *c)
{
    for (int basis = WHEN_ABSOLUTE; basis >= WHEN_NONE; basis--)
        if (c->lanes[basis].events)
            return (enum when_basis)basis;

    enum when_basis best = WHEN_NONE;

#define CONSIDER(vector)                                                                           \
    for (size_t i = 0; i < (vector).count; i++)                                                    \
    best = (vector).items[i].when.basis > best ? (vector).items[i].when.basis : best
    CONSIDER(c->snapshots);
    CONSIDER(c->dumps);
    CONSIDER(c->facts);
#undef CONSIDER
    for (size_t i = 0; i < c->memories.count; i++)
        if (c->memories.items[i].memory.when.basis > best)
            best = c->memories.items[i].memory.when.basis;
    return best;
}

const char *settle_basis_name(enum when_basis basis)
{
    return basis_names[basis];
}

/* A recorded case has no word for it. */
enum when_basis settle_basis_of(const struct case_dir *into)
{
    const char *name =
        json_string_value(json_object_get(json_object_get(into->json, "clock"), "basis"));

    for (int i = 0; name && i < WHEN_BASES; i++)
        if (strcmp(name, basis_names[i]) == 0)
            return (enum when_basis)i;
    return WHEN_ABSOLUTE;
}

bool settle_is_fresh(const struct case_dir *into)
{
    return !json_object_get(into->json, "clock");
}

uint64_t settle_begin_ns(enum when_basis basis)
{
    return basis >= WHEN_LOCAL ? 0 : (uint64_t)BEGIN_S * NS_PER_S;
}

/* Lanes that cannot be compared go behind the one that gives the clock, one after the other. */
static struct seep_error *settle_lanes(struct collection *c, struct settled *settled)
{
    const struct lane *main = &c->lanes[settled->basis];
    struct seep_error *err = NULL;

    settled->lane_shift_ns[settled->basis] = settled->shift_ns - settled->wall_offset_ns;
    if (main->events && main->first_ns + settled->shift_ns <= settled->wall_offset_ns)
        return error_remedy(error_create(ERROR_INVALID, "calls from before the machine started on "
                                                        "which the case was recorded"),
                            "make a case of its own of them");
    if (main->events) {
        settled->first_ns = main->first_ns + settled->lane_shift_ns[settled->basis];
        settled->last_ns = main->last_ns + settled->lane_shift_ns[settled->basis];
    }
    for (int basis = WHEN_ABSOLUTE; basis >= WHEN_NONE && !err; basis--) {
        const struct lane *lane = &c->lanes[basis];
        uint64_t start =
            (settled->last_ns ? settled->last_ns : (uint64_t)BEGIN_S * NS_PER_S) + NS_PER_S;

        if (!lane->events || basis == (int)settled->basis)
            continue;
        settled->lane_shift_ns[basis] = start - lane->first_ns;
        settled->first_ns = settled->first_ns ? settled->first_ns : start;
        settled->last_ns = lane->last_ns + settled->lane_shift_ns[basis];
        err = collection_say(c,
                             "calls whose times are %s cannot be compared with those whose times "
                             "are %s, and were put behind them (--date and --tz place times)",
                             when_basis_name((enum when_basis)basis),
                             when_basis_name(settled->basis));
    }
    return err;
}

struct seep_error *settle(struct collection *c, const struct case_dir *into, struct settled *ret)
{
    struct case_info info;
    struct seep_error *err;

    case_info(into, &info);
    *ret = (struct settled){.wall_offset_ns = info.wall_offset_ns};
    ret->basis = settle_is_fresh(into) ? best_basis(c) : settle_basis_of(into);
    ret->shift_ns = settle_begin_ns(ret->basis);
    err = settle_pids(c, &info, ret);
    if (!err)
        err = settle_lanes(c, ret);
    if (!err && (ret->basis == WHEN_TIME_OF_DAY || ret->basis == WHEN_LOCAL))
        err = collection_say(c, "times are those of a clock of which %s: %s place%s them",
                             ret->basis == WHEN_LOCAL ? "the time zone is not known"
                                                      : "neither date nor time zone is known",
                             ret->basis == WHEN_LOCAL ? "--tz" : "--date and --tz",
                             ret->basis == WHEN_LOCAL ? "s" : "");
    return err;
}

bool settle_time(const struct settled *settled, struct when when, uint64_t *ret_ns)
{
    int64_t ns;

    if (when.basis != settled->basis || when.basis < WHEN_TIME_OF_DAY ||
        __builtin_add_overflow(when.ns, (int64_t)(settled->shift_ns - settled->wall_offset_ns),
                               &ns) ||
        ns <= 0)
        return false;
    *ret_ns = (uint64_t)ns;
    return true;
}

/* --- looks --- */

/* By basis, time and coming: those that cannot be compared with the clock still have their own order. */
static int compare_coming(const void *a, const void *b)
{
    const struct kept_snapshot *x = a, *y = b;

    if (x->when.basis != y->when.basis)
        return x->when.basis < y->when.basis ? -1 : 1;
    if (x->when.basis >= WHEN_TIME_OF_DAY && x->when.ns != y->when.ns)
        return x->when.ns < y->when.ns ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

static bool same_moment(const struct kept_snapshot *a, const struct kept_snapshot *b)
{
    return when_comparable(a->when, b->when) &&
           llabs(a->when.ns - b->when.ns) <= (int64_t)CLOSE_S * NS_PER_S;
}

/* Of those without a place: is there an earlier one, a later one of the same process? */
static void look_around(const struct collection *c, const uint64_t *times, size_t at,
                        bool *ret_earlier, bool *ret_later)
{
    const struct kept_snapshot *one = &c->snapshots.items[at];

    *ret_earlier = *ret_later = false;
    for (size_t i = 0; i < c->snapshots.count; i++) {
        const struct kept_snapshot *other = &c->snapshots.items[i];

        if (times[i] || other->record.pid != one->record.pid || same_moment(one, other))
            continue;
        *ret_earlier |= i < at;
        *ret_later |= i > at;
    }
}

struct seep_error *settle_snapshots(struct collection *c, const struct settled *settled,
                                    uint64_t **ret_times)
{
    size_t count = c->snapshots.count, unplaced = 0;
    _cleanup_free_ uint64_t *times = calloc(count + 1, sizeof(*times));
    _cleanup_free_ uint64_t *made_up = calloc(count + 1, sizeof(*made_up));
    uint64_t last = settled->last_ns ? settled->last_ns : settled->shift_ns;
    struct seep_error *err = NULL;

    if (!times || !made_up)
        return error_no_memory();
    if (count)
        qsort(c->snapshots.items, count, sizeof(struct kept_snapshot), compare_coming);
    for (size_t i = 0; i < count; i++) {
        if (!settle_time(settled, c->snapshots.items[i].when, &times[i]))
            unplaced++;
        else if (times[i] > last)
            last = times[i];
    }
    for (size_t i = 0; i < count; i++) {
        bool earlier, later;

        if (times[i])
            continue;
        look_around(c, times, i, &earlier, &later);
        if (!earlier && later && settled->first_ns > NS_PER_S) {
            made_up[i] = settled->first_ns - NS_PER_S;
            continue;
        }
        if (i == 0 || times[i - 1] ||
            !same_moment(&c->snapshots.items[i - 1], &c->snapshots.items[i]))
            last += NS_PER_S;
        made_up[i] = last;
    }
    for (size_t i = 0; i < count; i++)
        times[i] = times[i] ? times[i] : made_up[i];
    if (unplaced && settled->first_ns)
        err =
            collection_say(c,
                           "%zu looks at the regions have times that cannot be compared with the "
                           "calls': of several of one process the first was put before the calls, "
                           "all others after them (FILE@TIME, --date and --tz place them)",
                           unplaced);
    if (!err)
        *ret_times = take_ptr(times);
    return err;
}
