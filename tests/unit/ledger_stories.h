/*
 * Small stories for the ledger: calls by name, and a picture of who holds what afterwards.
 *
 *     map(page(0), 8);
 *     CALL(EVENT_MUNMAP, 0, page(2), 2 * PAGE);
 *     assert_picture("0-2:a 4-8:a");
 *
 * In a picture a, b, c are charges in the order of their time, a dot is of unknown origin, ~ is
 * inherited; upper case has no access. Include after cmocka.h.
 */
#pragma once

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>

#include "analyzer/ledger.h"

enum { PID = 100, TID = 101, PAGE = 4096, MAX_PIECES = 64 };

#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define BASE UINT64_C(0x7f0000000000)

static struct ledger *ledger;
static uint64_t now_ns;

static inline int setup(void **state)
{
    (void)state;
    now_ns = 0;
    return ledger_create(&ledger) != NULL;
}

static inline int teardown(void **state)
{
    (void)state;
    ledger_destroy(ledger);
    return 0;
}

static inline struct event call_of(pid_t pid, uint8_t kind, int64_t result, const uint64_t *args,
                                   size_t n)
{
    struct event ev = {.enter_ns = now_ns + 1,
                       .exit_ns = now_ns + 2,
                       .result = result,
                       .pid = pid,
                       .tid = pid == PID ? TID : pid,
                       .kind = kind};

    now_ns += 10;
    memcpy(ev.args, args, n * sizeof(*args));
    return ev;
}

static inline void apply(pid_t pid, uint8_t kind, int64_t result, const uint64_t *args, size_t n)
{
    struct event ev = call_of(pid, kind, result, args, n);

    assert_null(ledger_apply(ledger, &ev));
}

#define CALL_OF(pid, kind, result, ...)                                                            \
    apply((pid), (kind), (int64_t)(result), (uint64_t[]){__VA_ARGS__},                             \
          sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))
#define CALL(kind, result, ...) CALL_OF(PID, kind, result, __VA_ARGS__)

static inline void map(uint64_t at, uint64_t pages)
{
    CALL(EVENT_MMAP, at, 0, pages * PAGE, RW, ANON, (uint64_t)-1, 0);
}

/* Page N of the area all stories play in. */
static inline uint64_t page(uint64_t n)
{
    return BASE + n * PAGE;
}

static struct ledger_interval pieces[MAX_PIECES];
static size_t piece_count;

static inline bool collect(const struct ledger_interval *interval, void *context)
{
    (void)context;
    assert_true(piece_count < MAX_PIECES);
    pieces[piece_count++] = *interval;
    return true;
}

/* "0-4:a 6-8:." in pages from BASE; a, b, c: charges in order of their time; .: unknown; ~:
 * inherited; upper case: no access. */
static inline const char *picture_of(pid_t pid)
{
    static char text[1024];
    const struct ledger_space *space = ledger_find(ledger, pid);
    const struct ledger_charge *seen[26];
    size_t count = 0, used = 0;

    assert_non_null(space);
    piece_count = 0;
    ledger_each(space, 0, UINT64_MAX, collect, NULL);
    for (size_t i = 0; i < piece_count; i++) {
        size_t at = 0;

        if (!pieces[i].charge)
            continue;
        while (at < count && seen[at] != pieces[i].charge)
            at++;
        if (at < count)
            continue;
        while (at > 0 && seen[at - 1]->time_ns > pieces[i].charge->time_ns) {
            seen[at] = seen[at - 1];
            at--;
        }
        seen[at] = pieces[i].charge;
        count++;
    }
    text[0] = '\0';
    for (size_t i = 0; i < piece_count; i++) {
        char who = pieces[i].inherited ? '~' : '.';

        for (size_t c = 0; c < count; c++)
            if (seen[c] == pieces[i].charge)
                who = (char)((pieces[i].perms & 7 ? 'a' : 'A') + c);
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%lld-%lld:%c", i ? " " : "",
                                 ((long long)pieces[i].start - (long long)BASE) / PAGE,
                                 ((long long)pieces[i].end - (long long)BASE) / PAGE, who);
    }
    return text;
}

#define assert_picture(expected) assert_string_equal(picture_of(PID), (expected))

static inline struct ledger_totals totals(void)
{
    struct ledger_totals result;

    ledger_totals(ledger, &result);
    return result;
}

struct group_query {
    uint8_t kind;
    uint64_t unit_bytes;
    struct ledger_group found;
    unsigned count;
};

static inline bool match_group(const struct ledger_group *group, void *context)
{
    struct group_query *query = context;

    if (group->kind == query->kind && group->unit_bytes == query->unit_bytes) {
        query->found = *group;
        query->count++;
    }
    assert_int_equal(group->calls, group->freed + group->dropped + group->live_count);
    return true;
}

static inline struct ledger_group group(uint8_t kind, uint64_t pages)
{
    struct group_query query = {.kind = kind, .unit_bytes = pages * PAGE};

    ledger_each_group(ledger, match_group, &query);
    assert_int_equal(query.count, 1);
    return query.found;
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
