#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "analyzer/charges.h"

static struct event event_at(uint64_t ns, uint32_t stack_id)
{
    return (struct event){
        .exit_ns = ns, .pid = 1, .tid = 2, .stack_id = stack_id, .kind = EVENT_MMAP};
}

static struct ledger_charge *open_charge(struct charges *charges, uint64_t ns, uint32_t stack_id,
                                         uint64_t len)
{
    struct event ev = event_at(ns, stack_id);
    struct ledger_charge *charge = NULL;

    assert_null(charges_open(charges, &ev, LEDGER_ANON, 4096, len, 0, &charge));
    return charge;
}

static bool count_group(const struct ledger_group *group, void *context)
{
    (void)group;
    ++*(uint64_t *)context;
    return true;
}

static uint64_t groups_of(const struct charges *charges)
{
    uint64_t count = 0;

    charges_each_group(charges, count_group, &count);
    return count;
}

static void test_accounts(void **state)
{
    struct charges charges = {0};
    struct ledger_charge *a = open_charge(&charges, 10, 1, 8192);
    struct ledger_charge *b = open_charge(&charges, 20, 1, 8192);
    struct ledger_group *group = a->group;

    (void)state;
    assert_ptr_equal(b->group, group);
    assert_ptr_not_equal(open_charge(&charges, 30, 2, 8192)->group, group);
    assert_ptr_not_equal(open_charge(&charges, 30, 1, 4096)->group, group);
    assert_int_equal(groups_of(&charges), 3);
    assert_int_equal(group->first_ns, 10);
    assert_int_equal(group->last_ns, 20);
    charges_close(&charges, a, 4096, CHARGES_FREED);
    assert_int_equal(a->live_bytes, 4096);
    assert_int_equal(group->live_count, 2);
    charges_grow(&charges, a, 8192);
    assert_int_equal(group->live_bytes, 12288 + 8192);
    charges_close(&charges, a, 12288, CHARGES_FREED);
    charges_close(&charges, b, 8192, CHARGES_DROPPED);
    assert_int_equal(group->calls, 2);
    assert_int_equal(group->freed, 1);
    assert_int_equal(group->dropped, 1);
    assert_int_equal(group->live_count + group->live_bytes, 0);
    assert_int_equal(charges.live_count, 2);
    assert_int_equal(charges.live_bytes, 8192 + 4096);
    charges_deinit(&charges);
}

/* Sizes that never come again do not pile up; what lives, or churns, keeps its history. */
static void test_sweep(void **state)
{
    struct charges charges = {0};
    struct ledger_charge *kept = open_charge(&charges, 1, 7, 8192);
    uint64_t now_ns = 1;

    (void)state;
    for (uint64_t i = 1; i < 5 * (uint64_t)CHARGES_GROUPS; i++) {
        struct ledger_charge *once = open_charge(&charges, ++now_ns, 1, i * 4096);
        struct ledger_charge *churn = open_charge(&charges, now_ns, 3, 4096);

        charges_close(&charges, once, i * 4096, CHARGES_FREED);
        charges_close(&charges, churn, 4096, CHARGES_FREED);
        assert_true(charges_memory(&charges) < UINT64_C(256) * CHARGES_GROUPS);
    }
    assert_true(groups_of(&charges) <= CHARGES_GROUPS);
    assert_int_equal(open_charge(&charges, now_ns, 3, 4096)->group->calls,
                     5 * (uint64_t)CHARGES_GROUPS);
    assert_int_equal(kept->group->live_bytes, 8192);
    charges_deinit(&charges);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accounts),
        cmocka_unit_test(test_sweep),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
