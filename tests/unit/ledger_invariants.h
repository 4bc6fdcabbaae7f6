/*
 * What always holds in a ledger, whatever it was fed: intervals in order, and the same bytes over
 * intervals, charges and groups.
 *
 *     const char *broken = invariants_check(ledger);       NULL: all hold
 */
#pragma once

#include <stdlib.h>

#include "analyzer/ledger.h"
#include "base/vector.h"

struct invariants_share {
    const void *owner; /* a charge, then a group */
    uint64_t bytes, count;
};

struct invariants {
    VECTOR(struct invariants_share) shares;
    uint64_t end, charged, unknown, inherited, intervals, groups_live, groups_count;
    const char *broken;
};

static void invariants_push(struct invariants *inv, struct invariants_share share)
{
    if (vector_push(&inv->shares, share))
        abort();
}

static bool invariants_interval(const struct ledger_interval *interval, void *context)
{
    struct invariants *inv = context;
    uint64_t bytes = interval->end - interval->start;

    if (interval->start >= interval->end || interval->start < inv->end)
        inv->broken = "intervals out of order";
    if (interval->charge && interval->inherited)
        inv->broken = "an inherited interval with a charge";
    inv->end = interval->end;
    inv->intervals++;
    *(interval->charge      ? &inv->charged
      : interval->inherited ? &inv->inherited
                            : &inv->unknown) += bytes;
    if (interval->charge)
        invariants_push(inv, (struct invariants_share){interval->charge, bytes, 1});
    return true;
}

static bool invariants_space(const struct ledger_space *space, pid_t pid, void *context)
{
    (void)pid;
    ((struct invariants *)context)->end = 0;
    ledger_each(space, 0, UINT64_MAX, invariants_interval, context);
    return true;
}

static bool invariants_group(const struct ledger_group *group, void *context)
{
    struct invariants *inv = context;

    if (group->calls != group->freed + group->dropped + group->live_count)
        inv->broken = "a group's calls are not its freed, dropped and live ones";
    if ((group->live_count == 0) != (group->live_bytes == 0))
        inv->broken = "a group with live charges and no live bytes, or the other way round";
    inv->groups_live += group->live_bytes;
    inv->groups_count += group->live_count;
    return true;
}

static int invariants_order(const void *a, const void *b)
{
    const struct invariants_share *left = a, *right = b;

    return (left->owner > right->owner) - (left->owner < right->owner);
}

/* One share for each owner. */
static void invariants_sum(struct invariants *inv)
{
    size_t kept = 0;

    if (inv->shares.count)
        qsort(inv->shares.items, inv->shares.count, sizeof(*inv->shares.items), invariants_order);
    for (size_t i = 0; i < inv->shares.count; i++) {
        struct invariants_share share = inv->shares.items[i];

        if (kept > 0 && inv->shares.items[kept - 1].owner == share.owner) {
            inv->shares.items[kept - 1].bytes += share.bytes;
            inv->shares.items[kept - 1].count += share.count;
        } else {
            inv->shares.items[kept++] = share;
        }
    }
    inv->shares.count = kept;
}

static void invariants_shares(struct invariants *inv, const struct ledger_totals *totals)
{
    invariants_sum(inv);
    if (inv->shares.count != totals->live_charges)
        inv->broken = "live charges without intervals";
    for (size_t i = 0; i < inv->shares.count; i++) {
        const struct ledger_charge *charge = inv->shares.items[i].owner;

        if (charge->live_bytes != inv->shares.items[i].bytes)
            inv->broken = "a charge's live bytes are not its intervals'";
        inv->shares.items[i] = (struct invariants_share){charge->group, charge->live_bytes, 1};
    }
    invariants_sum(inv);
    for (size_t i = 0; i < inv->shares.count; i++) {
        const struct ledger_group *group = inv->shares.items[i].owner;

        if (group->live_bytes != inv->shares.items[i].bytes ||
            group->live_count != inv->shares.items[i].count)
            inv->broken = "a group's live bytes or count are not its charges'";
    }
}

static const char *invariants_check(const struct ledger *ledger)
{
    struct invariants inv = {0};
    struct ledger_totals totals;

    ledger_totals(ledger, &totals);
    ledger_each_space(ledger, invariants_space, &inv);
    invariants_shares(&inv, &totals);
    ledger_each_group(ledger, invariants_group, &inv);
    if (inv.intervals != totals.intervals)
        inv.broken = "the number of intervals";
    if (inv.charged != totals.live_bytes || inv.groups_live != totals.live_bytes)
        inv.broken = "live bytes over intervals, charges and groups";
    if (inv.groups_count != totals.live_charges)
        inv.broken = "live charges over groups";
    if (inv.unknown != totals.unknown_bytes || inv.inherited != totals.inherited_bytes)
        inv.broken = "unknown or inherited bytes";
    vector_deinit(&inv.shares);
    return inv.broken;
}
