/*
 * Any events and any looks, in any order and at any time, through the ledger, the judgement and the
 * report. An input is a row of records:
 *
 *     'e' kind pid tid, then varints: time step (signed), result (signed), six arguments; a name
 *     's' pid reason, a signed time step, then a text of smaps; 16 varints of figures; held objects
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/findings.h"
#include "base/cursor.h"
#include "report/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct play {
    struct cursor c;
    uint64_t now_ns;
    struct stack_table *stacks;
    struct ledger *ledger;
    struct history *history;
};

static void check(struct seep_error *err)
{
    /* Out of memory is the only excuse, and there is enough. */
    if (err)
        abort();
}

/* Some paths to blame: to several culprits, to none, with and without names. */
static void make_stacks(struct stack_table **ret_stacks)
{
    struct stack_module libc = {.path = (char *)"/lib/libc.so.6"}, own = {.path = (char *)"/bin/x"};
    const struct stack_frame frames[] = {
        {.module = &libc, .function = (char *)"malloc", .offset = 1},
        {.module = &own, .function = (char *)"je_extent_grow", .offset = 2},
        {.module = &own, .offset = 3},
        {.module = &own, .function = (char *)"store\033", .offset = 4},
        {.kind = STACK_FRAME_JIT, .address = 5},
        {.kind = STACK_FRAME_GAP, .function = (char *)"a gap"},
        {.module = &own, .function = (char *)"main", .offset = 6},
    };
    uint32_t id;

    check(stack_table_create(ret_stacks));
    for (size_t from = 0; from < ARRAY_SIZE(frames); from++)
        for (size_t count = 0; count <= ARRAY_SIZE(frames) - from; count++)
            check(stack_table_add(
                *ret_stacks,
                &(struct stack_path){.end = count % 6, .frames = &frames[from], .count = count},
                &id));
}

static char *take_name(struct cursor *c)
{
    size_t len;
    const char *text = cursor_text(c, &len);

    return text && len ? strndup(text, len) : NULL;
}

static void play_event(struct play *p)
{
    struct event ev = {.kind = cursor_u8(&p->c)};

    ev.pid = cursor_u8(&p->c) % 4;
    ev.tid = cursor_u8(&p->c) % 8;
    p->now_ns += (uint64_t)cursor_svarint(&p->c);
    ev.enter_ns = ev.exit_ns = p->now_ns;
    ev.result = cursor_svarint(&p->c);
    for (unsigned i = 0; i < 6; i++)
        ev.args[i] = cursor_varint(&p->c);
    ev.name = take_name(&p->c);
    ev.stack_id = (uint32_t)(ev.tid + ev.args[1] / 4096) % (stack_table_count(p->stacks) + 1);
    if (!p->c.failed) {
        check(ledger_apply(p->ledger, &ev));
        check(history_event(p->history, &ev));
    }
    free(ev.name);
}

static uint64_t take_figure(struct cursor *c)
{
    uint64_t figure = cursor_varint(c);

    return figure ? figure - 1 : SNAPSHOT_UNKNOWN;
}

static void take_held(struct cursor *c, struct snapshot *snap)
{
    for (unsigned count = cursor_u8(c) % 16; count; count--)
        check(vector_push(&snap->held, (struct snapshot_held){
                                           .kind = cursor_u8(c) % 2,
                                           .id = cursor_svarint(c),
                                           .device = cursor_u8(c) % 4,
                                           .inode = cursor_varint(c),
                                           .size_bytes = take_figure(c),
                                           .held_bytes = take_figure(c),
                                           .attached = take_figure(c),
                                           .name = "/memfd:x",
                                       }));
}

static void play_snapshot(struct play *p)
{
    struct snapshot snap = {.pid = cursor_u8(&p->c) % 4, .reason = cursor_u8(&p->c) % 7};
    uint64_t *const figures[] = {
        &snap.rss_bytes,          &snap.pss_bytes,
        &snap.virtual_bytes,      &snap.thread_count,
        &snap.cgroup_limit_bytes, &snap.cgroup_used_bytes,
        &snap.rlimit_as_bytes,    &snap.cpu_ns,
        &snap.switches,           &snap.io_calls,
        &snap.memory_total_bytes, &snap.memory_available_bytes,
        &snap.start_ticks,
    };
    size_t len;

    p->now_ns += (uint64_t)cursor_svarint(&p->c);
    snap.begin_ns = snap.end_ns = p->now_ns;

    const char *text = cursor_text(&p->c, &len);

    check(maps_parse(text ? text : "", text ? len : 0, &snap.maps));
    for (size_t i = 0; i < ARRAY_SIZE(figures); i++)
        *figures[i] = take_figure(&p->c);
    take_held(&p->c, &snap);
    check(vector_push(&snap.tasks, (struct snapshot_task){.tid = snap.pid + 1, .name = "main"}));
    if (!p->c.failed) {
        uint64_t unexplained;

        if (snap.reason == SNAPSHOT_PERIODIC)
            check(ledger_reconcile(p->ledger, &snap, NULL, 0, &unexplained));
        else
            check(ledger_rebase(p->ledger, &snap));
        check(history_snapshot(p->history, &snap));
    }
    maps_deinit(&snap.maps);
    vector_deinit(&snap.tasks);
    vector_deinit(&snap.held);
}

static void judge(struct play *p)
{
    struct analysis *analysis = calloc(1, sizeof(*analysis));
    struct frame_names *names;
    struct call_paths *paths;
    struct correlation correlation;
    struct diagnoses diagnoses;
    FILE *out = fopen("/dev/null", "we");

    if (!analysis || !out)
        abort();
    check(frame_names_create(p->stacks, &p->history->uses,
                             &(struct frame_names_options){.skip_symbols = true, .case_fd = -1},
                             &names));
    check(call_paths_create(p->stacks, names, &paths));
    check(correlate(p->history, p->ledger, paths, p->history->last_ns, &correlation));
    check(diagnosis_make(&correlation, p->c.len % 3, &diagnoses));
    check(findings_build(
        &(struct findings_input){&correlation, &diagnoses, p->history, paths, NULL, NULL, NULL},
        analysis));
    check(report_text(analysis, &(struct report_text_options){0}, out));
    check(report_json(analysis, out));
    fclose(out);
    diagnoses_deinit(&diagnoses);
    correlation_deinit(&correlation);
    call_paths_destroy(paths);
    frame_names_destroy(names);
    analysis_destroy(analysis);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct play p = {.c = cursor_of(data, size)};

    make_stacks(&p.stacks);
    check(ledger_create(&p.ledger));
    check(history_create(p.ledger, size % 2 ? "java" : NULL, 4096, &p.history));
    ledger_on_freed(p.ledger, history_freed, p.history);
    while (cursor_left(&p.c)) {
        if (cursor_u8(&p.c) == 's')
            play_snapshot(&p);
        else
            play_event(&p);
    }
    judge(&p);
    ledger_on_freed(p.ledger, NULL, NULL);
    history_destroy(p.history);
    ledger_destroy(p.ledger);
    stack_table_destroy(p.stacks);
    return 0;
}
