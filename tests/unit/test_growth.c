#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/growth.h"
#include "base/units.h"

static void look(struct growth *growth, unsigned second, const char *text)
{
    struct snapshot snap = {.begin_ns = second * (uint64_t)NS_PER_S,
                            .end_ns = second * (uint64_t)NS_PER_S};

    assert_null(maps_parse(text, strlen(text), &snap.maps));
    assert_null(growth_look(growth, &snap, NULL));
    maps_deinit(&snap.maps);
}

static const struct growth_track *track_at(const struct growth *growth, uint64_t addr)
{
    const struct growth_range *range = growth_find(growth, addr);

    assert_non_null(range);
    return &growth->tracks.items[range->track];
}

static void a_region_that_grows_downwards_is_the_same(void **state)
{
    struct growth g;

    (void)state;
    growth_init(&g);
    look(&g, 0, "7f0000200000-7f0000300000 rw-p 00000000 00:00 0 \n");
    look(&g, 10, "7f0000100000-7f0000300000 rw-p 00000000 00:00 0 \n");
    look(&g, 20, "7f0000000000-7f0000400000 rw-p 00000000 00:00 0 \n");
    assert_int_equal(g.tracks.count, 1);
    assert_int_equal(growth_gain(track_at(&g, 0x7f0000000000), GROWTH_OPEN), 3 << 20);
    growth_deinit(&g);
}

static void merging_is_no_growth_and_splitting_no_shrinking(void **state)
{
    struct growth g;

    (void)state;
    growth_init(&g);
    look(&g, 0,
         "7f0000000000-7f0000100000 rw-p 00000000 00:00 0 \n"
         "7f0000200000-7f0000300000 rw-p 00000000 00:00 0 \n");
    look(&g, 10, "7f0000000000-7f0000300000 rw-p 00000000 00:00 0 \n");
    assert_int_equal(g.tracks.count, 1);
    assert_int_equal(growth_gain(track_at(&g, 0x7f0000000000), GROWTH_OPEN), 1 << 20);
    look(&g, 20,
         "7f0000000000-7f0000100000 rw-p 00000000 00:00 0 \n"
         "7f0000200000-7f0000300000 rw-p 00000000 00:00 0 \n");
    assert_int_equal(g.tracks.count, 1);
    assert_int_equal(growth_gain(track_at(&g, 0x7f0000000000), GROWTH_OPEN), 0);
    growth_deinit(&g);
}

static void a_new_region_grew_from_nothing(void **state)
{
    struct growth g;

    (void)state;
    growth_init(&g);
    look(&g, 0, "7f0000000000-7f0000100000 rw-p 00000000 00:00 0 \n");
    look(&g, 10,
         "7f0000000000-7f0000100000 rw-p 00000000 00:00 0 \n"
         "7f1000000000-7f1000500000 rw-p 00000000 00:00 0 \n");
    assert_int_equal(growth_gain(track_at(&g, 0x7f0000000000), GROWTH_OPEN), 0);
    assert_int_equal(growth_gain(track_at(&g, 0x7f1000000000), GROWTH_OPEN), 5 << 20);
    look(&g, 20, "7f0000000000-7f0000100000 rw-p 00000000 00:00 0 \n");
    assert_int_equal(g.tracks.count, 1);
    assert_null(growth_find(&g, 0x7f1000000000));
    growth_deinit(&g);
}

static void a_file_in_the_place_of_a_buffer_is_another_region(void **state)
{
    struct growth g;

    (void)state;
    growth_init(&g);
    look(&g, 0, "7f0000000000-7f0000100000 rw-p 00000000 00:00 0 \n");
    look(&g, 10, "7f0000000000-7f0000200000 r--p 00000000 08:01 7 /lib/x.so\n");
    assert_int_equal(growth_gain(track_at(&g, 0x7f0000000000), GROWTH_OPEN), 2 << 20);
    growth_deinit(&g);
}

static void making_a_reservation_accessible_is_growth(void **state)
{
    struct growth g;

    (void)state;
    growth_init(&g);
    look(&g, 0,
         "7f0000000000-7f0000100000 rw-p 00000000 00:00 0 \n"
         "7f0000100000-7f0004000000 ---p 00000000 00:00 0 \n");
    look(&g, 10,
         "7f0000000000-7f0000900000 rw-p 00000000 00:00 0 \n"
         "7f0000900000-7f0004000000 ---p 00000000 00:00 0 \n");
    assert_int_equal(g.tracks.count, 1);
    assert_int_equal(growth_gain(&g.tracks.items[0], GROWTH_OPEN), 8 << 20);
    assert_int_equal(g.tracks.items[0].region, REGION_ARENA);
    growth_deinit(&g);
}

static void rss_is_followed_too(void **state)
{
    struct growth g;

    (void)state;
    growth_init(&g);
    look(&g, 0, "7f0000000000-7f0000800000 rw-p 00000000 00:00 0 \nSize: 8192 kB\nRss: 4 kB\n");
    look(&g, 10,
         "7f0000000000-7f0000800000 rw-p 00000000 00:00 0 \n"
         "Size: 8192 kB\nRss: 2048 kB\nSwap: 1024 kB\n");
    assert_int_equal(growth_gain(&g.tracks.items[0], GROWTH_OPEN), 0);
    assert_int_equal(growth_gain(&g.tracks.items[0], GROWTH_RSS), 3068 << 10);
    growth_deinit(&g);
}

static void a_look_without_rss_changes_no_rss(void **state)
{
    struct growth g;
    const struct growth_track *track;

    (void)state;
    growth_init(&g);
    look(&g, 0, "7f0000000000-7f0000800000 rw-p 00000000 00:00 0 \n");
    look(&g, 10, "7f0000000000-7f0000800000 rw-p 00000000 00:00 0 \nSize: 8192 kB\nRss: 4096 kB\n");
    look(&g, 20, "7f0000000000-7f0000800000 rw-p 00000000 00:00 0 \nSize: 8192 kB\nRss: 6144 kB\n");
    look(&g, 30, "7f0000000000-7f0000900000 rw-p 00000000 00:00 0 \n");
    track = track_at(&g, 0x7f0000000000);
    assert_int_equal(growth_gain(track, GROWTH_RSS), 2 << 20);
    assert_int_equal(growth_gain(track, GROWTH_OPEN), 1 << 20);
    assert_int_equal(growth_find(&g, 0x7f0000000000)->rss_bytes, 6 << 20);
    assert_int_equal(g.first_rss_bytes[REGION_ANON_MMAP], 4 << 20);
    growth_deinit(&g);
}

static void a_sawtooth_holds_nothing(void **state)
{
    struct growth g;
    struct growth_points points = {0};
    char text[128];

    (void)state;
    growth_init(&g);
    for (unsigned i = 0; i < 12; i++) {
        snprintf(text, sizeof(text), "7f0000000000-%llx rw-p 00000000 00:00 0 \n",
                 0x7f0000100000ull + (i % 4) * 0x100000);
        look(&g, i, text);
    }
    assert_null(growth_held(&g.tracks.items[0], GROWTH_OPEN, &points));
    /* Only the last tooth, which began at second 8, can still be held. */
    assert_int_equal(points.count, 3);
    assert_int_equal(points.items[0].time_ns, 9ull * NS_PER_S);
    vector_deinit(&points);
    growth_deinit(&g);
}

static void long_series_are_thinned_out(void **state)
{
    struct growth g;
    struct growth_points points = {0};
    char text[128];
    uint64_t sum = 0;

    (void)state;
    growth_init(&g);
    for (unsigned i = 0; i < 2000; i++) {
        snprintf(text, sizeof(text), "7f0000000000-%llx rw-p 00000000 00:00 0 \n",
                 0x7f0000001000ull + i * 0x1000);
        look(&g, i, text);
    }
    assert_true(g.tracks.items[0].steps.count <= GROWTH_MAX_STEPS);
    assert_int_equal(growth_gain(&g.tracks.items[0], GROWTH_OPEN), 1999 * 0x1000);
    assert_null(growth_held(&g.tracks.items[0], GROWTH_OPEN, &points));
    for (size_t i = 0; i < points.count; i++)
        sum += points.items[i].bytes;
    assert_int_equal(sum, 1999 * 0x1000);
    vector_deinit(&points);
    growth_deinit(&g);
}

static void torn_text_gives_disjoint_ranges(void **state)
{
    struct growth g;

    (void)state;
    growth_init(&g);
    for (unsigned i = 0; i < 3; i++)
        look(&g, i,
             "7f0000000000-7f0000800000 rw-p 00000000 00:00 0 \n"
             "7f0000100000-7f0000200000 rw-p 00000000 00:00 0 \n"
             "7f0000700000-7f0000900000 rw-p 00000000 00:00 0 \n"
             "7f0000100000-7f0000200000 ---p 00000000 00:00 0 \n");
    for (size_t i = 1; i < g.ranges.count; i++)
        assert_true(g.ranges.items[i - 1].end <= g.ranges.items[i].start);
    growth_deinit(&g);
}

/* Any text of maps after any other: the figures of all tracks together are those of the last. */
static void tracks_always_add_up(void **state)
{
    unsigned seed = 7;
    struct growth g;

    (void)state;
    growth_init(&g);
    for (unsigned round = 0; round < 300; round++) {
        char text[8192];
        size_t len = 0;
        uint64_t at = 0x7f0000000000, total = 0;

        while (len < sizeof(text) - 200 && rand_r(&seed) % 24) {
            uint64_t start = at + 0x1000 * (uint64_t)(rand_r(&seed) % 3);
            uint64_t size = 0x1000 * (uint64_t)(1 + rand_r(&seed) % 9);
            static const char *const kinds[] = {"rw-p 00000000 00:00 0 ", "---p 00000000 00:00 0 ",
                                                "rw-s 00000000 00:01 9 /dev/zero (deleted)"};

            len += (size_t)snprintf(text + len, sizeof(text) - len, "%llx-%llx %s\n",
                                    (unsigned long long)start, (unsigned long long)(start + size),
                                    kinds[rand_r(&seed) % 3]);
            at = start + size;
            total += size;
        }
        text[len] = '\0';
        look(&g, round, text);

        uint64_t sum = 0;

        for (size_t i = 0; i < g.tracks.count; i++) {
            assert_true(g.tracks.items[i].steps.count > 0);
            sum +=
                g.tracks.items[i].steps.items[g.tracks.items[i].steps.count - 1].figures.size_bytes;
        }
        assert_int_equal(sum, total);
    }
    growth_deinit(&g);
}

static void look_at_part(struct growth *growth, unsigned second, const char *text)
{
    struct snapshot snap = {.begin_ns = second * (uint64_t)NS_PER_S,
                            .end_ns = second * (uint64_t)NS_PER_S,
                            .partial = true};

    assert_null(maps_parse(text, strlen(text), &snap.maps));
    assert_null(growth_look(growth, &snap, NULL));
    maps_deinit(&snap.maps);
}

/* An excerpt says nothing of what is not in it. */
static void what_a_part_lacks_is_not_gone(void **state)
{
    static const char part[] = "7f0000001000-7f0000002000 rw-p 00000000 00:00 0\n";
    static const char grown[] = "7f0000001000-7f0000003000 rw-p 00000000 00:00 0\n";
    static const char whole[] = "7f0000001000-7f0000003000 rw-p 00000000 00:00 0\n"
                                "7f0000009000-7f000000a000 rw-p 00000000 00:00 0\n";
    struct growth g;

    (void)state;
    growth_init(&g);
    look_at_part(&g, 1, part);
    look_at_part(&g, 2, grown);
    assert_int_equal(growth_gain(&g.tracks.items[0], GROWTH_OPEN), 0x1000);
    look(&g, 3, whole);
    assert_int_equal(g.ranges.count, 2);
    for (size_t i = 0; i < g.tracks.count; i++)
        assert_int_equal(growth_gain(&g.tracks.items[i], GROWTH_OPEN), 0);
    look_at_part(&g, 4, part);
    look_at_part(&g, 5, "");
    assert_int_equal(g.ranges.count, 2);
    growth_deinit(&g);
}

/* pmap in two of its forms: what one of them leaves out is no difference. */
static void listings_of_one_process_agree(void **state)
{
    static const char plain[] =
        "00400000-00500000 r-xp 00000000 00:00 0 /.../nginx\n"
        "01dee000-01e8b000 rw-p 00000000 00:00 0\n"
        "7efe7082d000-7efe70d2d000 rw-s 00000000 00:00 0 /dev/zero (deleted)\n";
    static const char full[] =
        "00400000-00500000 r-xp 00000000 ca:01 19363 /usr/sbin/nginx\n"
        "01dee000-01e8b000 rw-p 00000000 00:00 0 [heap]\n"
        "7efe7082d000-7efe70d2d000 rw-s 00000000 00:05 15856 /dev/zero (deleted)\n";
    struct growth g;

    (void)state;
    growth_init(&g);
    look(&g, 1, plain);
    look(&g, 2, full);
    look(&g, 3, plain);
    assert_int_equal(g.tracks.count, 3);
    for (size_t i = 0; i < g.tracks.count; i++)
        assert_int_equal(growth_gain(&g.tracks.items[i], GROWTH_OPEN), 0);
    growth_deinit(&g);
}

static void the_slope_ignores_a_spike(void **state)
{
    struct growth_sample samples[20];

    (void)state;
    for (unsigned i = 0; i < 20; i++)
        samples[i] = (struct growth_sample){i * (uint64_t)NS_PER_S, 1000.0 + 50.0 * i};
    samples[7].value = 1e12;
    assert_float_equal(growth_slope(samples, 20), 50, 0.001);
    assert_true(isnan(growth_slope(samples, 1)));
    assert_true(isnan(growth_slope(samples, 0)));
}

static void what_a_look_at_the_maps_leaves_out_is_no_growth(void **state)
{
    static const char full[] = "7f0000000000-7f0000400000 rw-p 00000000 00:00 0 \n"
                               "Size:               4096 kB\nRss:                2048 kB\n";
    static const char more[] = "7f0000000000-7f0000800000 rw-p 00000000 00:00 0 \n"
                               "Size:               8192 kB\nRss:                3072 kB\n";
    struct growth g;

    (void)state;
    growth_init(&g);
    look(&g, 0, "7f0000000000-7f0000100000 rw-p 00000000 00:00 0 \n");
    look(&g, 1, "7f0000000000-7f0000400000 rw-p 00000000 00:00 0 \n");
    assert_int_equal(growth_gain(track_at(&g, 0x7f0000000000), GROWTH_RSS), 0);
    assert_false(g.has_rss);
    look(&g, 10, full);
    /* No more than its size then can have been resident at the start. */
    assert_int_equal(growth_gain(track_at(&g, 0x7f0000000000), GROWTH_RSS), 1 << 20);
    assert_int_equal(g.first_rss_bytes[REGION_ANON_MMAP], 1 << 20);
    look(&g, 20, more);
    assert_int_equal(growth_gain(track_at(&g, 0x7f0000000000), GROWTH_RSS), 2 << 20);
    look(&g, 30,
         "7f0000000000-7f0000400000 rw-p 00000000 00:00 0 \n"
         "7f0000400000-7f0000c00000 rw-p 00000000 00:00 0 \n");
    assert_true(g.has_rss);
    assert_int_equal(growth_gain(track_at(&g, 0x7f0000000000), GROWTH_RSS), 2 << 20);
    assert_int_equal(growth_find(&g, 0x7f0000000000)->rss_bytes, 3 << 19);
    growth_deinit(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listings_of_one_process_agree),
        cmocka_unit_test(what_a_part_lacks_is_not_gone),
        cmocka_unit_test(a_region_that_grows_downwards_is_the_same),
        cmocka_unit_test(merging_is_no_growth_and_splitting_no_shrinking),
        cmocka_unit_test(a_new_region_grew_from_nothing),
        cmocka_unit_test(a_file_in_the_place_of_a_buffer_is_another_region),
        cmocka_unit_test(making_a_reservation_accessible_is_growth),
        cmocka_unit_test(rss_is_followed_too),
        cmocka_unit_test(a_look_without_rss_changes_no_rss),
        cmocka_unit_test(what_a_look_at_the_maps_leaves_out_is_no_growth),
        cmocka_unit_test(a_sawtooth_holds_nothing),
        cmocka_unit_test(long_series_are_thinned_out),
        cmocka_unit_test(torn_text_gives_disjoint_ranges),
        cmocka_unit_test(tracks_always_add_up),
        cmocka_unit_test(the_slope_ignores_a_spike),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
