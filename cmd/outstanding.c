#include "cmd/outstanding.h"

#include <inttypes.h>
#include <stdio.h>

#include "analyzer/replay.h"
#include "base/units.h"
#include "report/json_parts.h"

struct seep_error *outstanding_read(int case_fd, const struct case_info *info,
                                    struct ledger **ret_ledger, struct mapped_times **ret_times)
{
    _cleanup_(ledger_destroyp) struct ledger *ledger = NULL;
    struct replay_result result;
    struct seep_error *err = ledger_create(&ledger);

    if (!err)
        err = replay_case(case_fd, ledger, NULL, NULL, &result);
    if (!err)
        err = mapped_times_create(ledger, info->wall_offset_ns, ret_times);
    if (!err)
        *ret_ledger = take_ptr(ledger);
    return err;
}

struct tally {
    size_t counts[MAPPED_TIMES_OLDER + 1]; /* by enum mapped_times_kind */
    bool rows;                             /* print each */
    json_t *array;                         /* or add it; NULL: not wanted */
    struct seep_error *err;
};

static json_t *json_time(uint64_t epoch_ns)
{
    struct units_text text;

    return json_string(units_format_time(&text, epoch_ns, false));
}

static struct seep_error *add_row(const struct mapped_time *time, json_t *array)
{
    static const char *const names[] = {[MAPPED_TIMES_ONCE] = "once",
                                        [MAPPED_TIMES_LATER] = "later",
                                        [MAPPED_TIMES_OLDER] = "older"};
    const struct ledger_charge *charge = time->charge;
    json_t *row =
        JSON_OBJECT({"address", json_parts_address(charge->start)},
                    {"live_bytes", json_parts_number(charge->live_bytes)},
                    {"mapped", json_time(time->mapped_ns)}, {"tid", json_parts_id(charge->tid)},
                    {"count", json_parts_number(time->count)}, {"first", json_time(time->first_ns)},
                    {"last", json_time(time->last_ns)},
                    {"written", json_string(names[mapped_times_kind(time)])});

    return !row || json_array_append_new(array, row) ? error_no_memory() : NULL;
}

static struct seep_error *print_row(const struct mapped_time *time)
{
    const struct ledger_charge *charge = time->charge;
    _cleanup_free_ char *sentence = NULL;
    struct units_text mapped, size, count;
    struct seep_error *err = mapped_times_sentence(time, &sentence);

    if (!err)
        printf("    %s  thread %d  %s at %" PRIx64 ", %s %s: %s\n",
               units_format_clock(&mapped, time->mapped_ns), (int)charge->tid,
               units_format_size(&size, charge->live_bytes), charge->start,
               units_format_count(&count, time->count), time->count == 1 ? "time" : "times",
               sentence);
    return err;
}

static bool on_mapping(const struct mapped_time *time, void *context)
{
    struct tally *tally = context;

    tally->counts[mapped_times_kind(time)]++;
    if (tally->array)
        tally->err = add_row(time, tally->array);
    if (tally->rows && !tally->err)
        tally->err = print_row(time);
    return !tally->err;
}

static struct seep_error *count(const struct mapped_times *times, pid_t pid, uint64_t start,
                                uint64_t end, struct tally *tally)
{
    struct seep_error *err = mapped_times_each(times, pid, start, end, on_mapping, tally);

    return err ? err : tally->err;
}

struct seep_error *outstanding_print(const struct mapped_times *times, pid_t pid, uint64_t start,
                                     uint64_t end, bool rows)
{
    struct tally tally = {0}, again = {.rows = true};
    struct seep_error *err = count(times, pid, start, end, &tally);
    size_t once = tally.counts[MAPPED_TIMES_ONCE], later = tally.counts[MAPPED_TIMES_LATER],
           older = tally.counts[MAPPED_TIMES_OLDER], all = once + later + older;
    struct units_text number;

    if (err || all == 0)
        return err;
    printf("  mapped  %s outstanding %s times:", units_format_count(&number, all),
           all == 1 ? "mapping holds" : "mappings hold");
    if (once)
        printf(" %s written within %d s of being mapped, never since%s",
               units_format_count(&number, once), MAPPED_TIMES_SOON_S, later + older ? ";" : "");
    if (later)
        printf(" %s written later too%s", units_format_count(&number, later), older ? ";" : "");
    if (older)
        printf(" %s with times from before only", units_format_count(&number, older));
    putchar('\n');
    return rows ? count(times, pid, start, end, &again) : NULL;
}

struct seep_error *outstanding_json(const struct mapped_times *times, pid_t pid, uint64_t start,
                                    uint64_t end, bool each, json_t **ret_json)
{
    struct tally tally = {.array = each ? json_array() : NULL};
    struct seep_error *err = count(times, pid, start, end, &tally);

    if (err) {
        json_decref(tally.array);
        return err;
    }
    *ret_json = JSON_OBJECT({"once", json_parts_number(tally.counts[MAPPED_TIMES_ONCE])},
                            {"later", json_parts_number(tally.counts[MAPPED_TIMES_LATER])},
                            {"older", json_parts_number(tally.counts[MAPPED_TIMES_OLDER])},
                            {"each", tally.array ? tally.array : json_null()});
    return NULL;
}
