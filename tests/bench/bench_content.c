/*
 * How fast the scanners of content/ read a file:
 *
 *     bench_content FILE [REPEAT]        one line a scanner: name, MB/s, finds
 *
 * The file is in memory before the clock starts, which is that of the processor; for all cores
 * ("pass-all") it is that on the wall. A pass does what an analysis does: strings of three encodings
 * and the commonest of them, and every form of time. scripts/bench compares with GNU strings.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/io.h"
#include "base/units.h"
#include "content/strings_pass.h"
#include "content/timestamps_pass.h"
#include "content/top_strings.h"

enum { PIECE_BYTES = 1 << 20 };

static size_t piece_at(const struct buffer *file, size_t at)
{
    return file->len - at < PIECE_BYTES ? file->len - at : PIECE_BYTES;
}

static struct seep_error *count_string(const struct strings_found *found, void *context)
{
    uint64_t *count = context;

    *count += !found->continued;
    return NULL;
}

static struct seep_error *push_strings(const struct buffer *file, unsigned encodings,
                                       strings_callback found, void *context)
{
    struct strings_options options = {encodings, STRINGS_DEFAULT_MIN};
    struct strings_scan scan;
    struct seep_error *err = strings_scan_init(&scan, &options, found, context);

    for (size_t at = 0; at < file->len && !err; at += PIECE_BYTES)
        err = strings_scan_push(&scan, at, file->bytes + at, piece_at(file, at));
    if (!err)
        err = strings_scan_finish(&scan);
    strings_scan_deinit(&scan);
    return err;
}

static struct seep_error *scan_strings(const struct buffer *file, unsigned encodings,
                                       uint64_t *ret_count)
{
    return push_strings(file, encodings, count_string, ret_count);
}

static struct seep_error *rank_string(const struct strings_found *found, void *context)
{
    return top_strings_add(context, found);
}

static struct seep_error *scan_top(const struct buffer *file, unsigned encodings,
                                   uint64_t *ret_count)
{
    _cleanup_(top_strings_destroyp) struct top_strings *top = NULL;
    struct top_strings_items items = {0};
    struct seep_error *err = top_strings_create(&top);

    if (!err)
        err = push_strings(file, encodings, rank_string, top);
    if (!err)
        err = top_strings_list(top, SIZE_MAX, &items);
    *ret_count = items.count;
    vector_deinit(&items);
    return err;
}

static struct seep_error *count_time(const struct timestamps_found *found, void *context)
{
    uint64_t *count = context;

    (void)found;
    (*count)++;
    return NULL;
}

/* Times of the last 31 days, of these FORMS. */
static struct seep_error *scan_times(const struct buffer *file, unsigned forms, uint64_t *ret_count)
{
    struct timestamps_options options = {.last_ns = units_wall_ns(), .forms = forms};
    struct timestamps_scan scan;
    struct seep_error *err = NULL;

    options.first_ns = options.last_ns - 31 * UINT64_C(86400) * NS_PER_S;
    timestamps_scan_init(&scan, &options, count_time, ret_count);
    for (size_t at = 0; at < file->len && !err; at += PIECE_BYTES)
        err = timestamps_scan_push(&scan, at, file->bytes + at, piece_at(file, at));
    return err ? err : timestamps_scan_finish(&scan);
}

/* WHAT: how many threads; 0: all cores. */
static struct seep_error *scan_pass(const struct buffer *file, unsigned what, uint64_t *ret_count)
{
    _cleanup_(top_strings_destroyp) struct top_strings *top = NULL;
    struct strings_options strings_options = {STRINGS_ASCII | STRINGS_UTF8 | STRINGS_UTF16LE,
                                              STRINGS_DEFAULT_MIN};
    struct timestamps_options times_options = {.last_ns = units_wall_ns(),
                                               .forms = TIMESTAMPS_ALL_FORMS};
    struct strings_in_order in_order;
    struct strings_sink *sinks[] = {&in_order.sink};
    struct strings_pass strings;
    struct timestamps_pass times;
    struct scan_consumer *consumers[] = {&strings.consumer, &times.consumer};
    struct scan_options options = {.threads = what};
    struct scan_bytes source;
    struct seep_error *err = top_strings_create(&top);

    if (err)
        return err;
    times_options.first_ns = times_options.last_ns - 31 * UINT64_C(86400) * NS_PER_S;
    strings_in_order_init(&in_order, rank_string, top);
    timestamps_pass_init(&times, &times_options, count_time, ret_count);
    err = strings_pass_init(&strings, &strings_options, sinks, ARRAY_SIZE(sinks));
    if (err)
        return err;
    scan_bytes_init(&source, 0x1000, file->bytes, file->len);
    err = scan_run(&source.source, consumers, ARRAY_SIZE(consumers), &options);
    strings_pass_deinit(&strings);
    return err;
}

static uint64_t cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static const struct {
    const char *name;
    unsigned what;
    struct seep_error *(*scan)(const struct buffer *file, unsigned what, uint64_t *ret_count);
} scanners[] = {
    {"strings-ascii", STRINGS_ASCII, scan_strings},
    {"strings-utf-8", STRINGS_ASCII | STRINGS_UTF8, scan_strings},
    {"strings-utf-16le", STRINGS_UTF16LE, scan_strings},
    {"strings-all", STRINGS_ALL, scan_strings},
    {"top-strings", STRINGS_ASCII, scan_top},
    {"times-text", TIMESTAMPS_TEXT_FORMS, scan_times},
    {"times-binary", TIMESTAMPS_ALL_FORMS & ~TIMESTAMPS_TEXT_FORMS, scan_times},
    {"pass-one", 1, scan_pass},
    {"pass-all", 0, scan_pass},
};

int main(int argc, char **argv)
{
    _cleanup_buffer_ struct buffer file = {0};
    uint64_t repeat = 1;

    if (argc < 2 || (argc > 2 && !units_parse_number(argv[2], 1000, &repeat))) {
        fprintf(stderr, "usage: bench_content FILE [REPEAT]\n");
        return 2;
    }

    struct seep_error *err = io_read_file(AT_FDCWD, argv[1], SIZE_MAX / 2, &file);

    for (size_t i = 0; i < ARRAY_SIZE(scanners) && !err; i++) {
        bool wall = scanners[i].scan == scan_pass && scanners[i].what != 1;
        uint64_t begin = wall ? units_monotonic_ns() : cpu_ns(), count = 0;

        for (uint64_t r = 0; r < repeat && !err; r++) {
            count = 0;
            err = scanners[i].scan(&file, scanners[i].what, &count);
        }

        double seconds = (double)((wall ? units_monotonic_ns() : cpu_ns()) - begin) / NS_PER_S;

        printf("%-18s %8.0f MB/s %10" PRIu64 " found\n", scanners[i].name,
               (double)file.len * (double)repeat / 1e6 / seconds, count);
    }
    if (err)
        fprintf(stderr, "bench_content: %s\n", err->message);
    return err ? 1 : 0;
}
