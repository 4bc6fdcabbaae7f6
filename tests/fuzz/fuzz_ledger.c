/*
 * Bytes become events of a few processes and snapshots between them; the ledger, the order and the
 * replay take them whatever they are, and the sums hold.
 *
 * 9 bytes an event: kind, process and thread, times, flags, four arguments, result.
 */
#include <stdlib.h>
#include <string.h>

#include "analyzer/replay.h"
#include "base/cursor.h"
#include "tests/unit/ledger_invariants.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PAGE = 4096, MAX_VMAS = 8, EVENT_BYTES = 9 };

#define BASE UINT64_C(0x7f0000000000)

struct input {
    struct event_source source;
    struct cursor events;    /* the first half of the bytes */
    struct cursor snapshots; /* the second */
    uint64_t now_ns;
    uint64_t snap_ns;
};

/* Mostly within a few pages, so that calls meet; sometimes at the edges of the address space. */
static uint64_t address(struct cursor *c)
{
    uint8_t page = cursor_u8(c);

    return page == 0xff ? UINT64_MAX - 100 : page == 0xfe ? 0 : BASE + (uint64_t)page * PAGE;
}

static uint64_t length(struct cursor *c)
{
    uint8_t pages = cursor_u8(c);

    return pages == 0xff ? UINT64_MAX : pages > 0xf0 ? pages : (uint64_t)(pages % 32) * PAGE;
}

static uint8_t kind_of(uint8_t byte)
{
    static const uint8_t lives[] = {EVENT_PROCESS_START, EVENT_THREAD_EXIT, EVENT_EXEC,
                                    EVENT_PROCESS_EXIT,  EVENT_LOST,        EVENT_DETACH};

    return byte < 0xe0 ? byte % (EVENT_SYSCALL_LAST + 2) : lives[byte % sizeof(lives)];
}

static void arguments_of(struct cursor *c, struct event *ev)
{
    uint8_t flags = cursor_u8(c);

    ev->args[0] = address(c);
    ev->args[1] = length(c);
    ev->args[2] = cursor_u8(c);
    ev->args[3] = cursor_u8(c);
    switch (ev->kind) {
    case EVENT_MMAP:
        ev->args[3] = (ev->args[3] & 0x3f) | (flags & 1 ? 0x10 : 0) | (flags & 2 ? 0x40000 : 0);
        break;
    case EVENT_MREMAP:
        ev->args[2] = (ev->args[2] % 32) * PAGE;
        break;
    case EVENT_SHMAT:
        ev->args[0] = flags % 4;
        ev->args[3] = ev->args[3] % 8 * PAGE;
        break;
    case EVENT_IO_SETUP:
        ev->args[2] = BASE + ev->args[2] * PAGE;
        ev->args[3] = ev->args[3] % 8 * PAGE;
        break;
    case EVENT_PROCESS_START:
        ev->args[0] = flags % 4;
        ev->args[1] = flags / 4 % 4;
        break;
    default:
        break;
    }
}

static struct seep_error *next_event(struct event_source *src, struct event *ret_ev,
                                     enum event_source_step *ret_step)
{
    struct input *input = (struct input *)src;
    struct cursor *c = &input->events;
    uint8_t who, times;

    *ret_step = cursor_left(c) >= EVENT_BYTES ? EVENT_SOURCE_MORE : EVENT_SOURCE_END;
    if (*ret_step == EVENT_SOURCE_END)
        return NULL;
    *ret_ev = (struct event){.kind = kind_of(cursor_u8(c))};
    who = cursor_u8(c);
    times = cursor_u8(c);
    ret_ev->pid = who % 4;
    ret_ev->tid = who % 16;
    ret_ev->stack_id = who / 64;
    input->now_ns += 1 + times % 8;
    ret_ev->exit_ns = input->now_ns;
    ret_ev->enter_ns = input->now_ns - (times / 8 % 8) * 4;
    ret_ev->pending_ns = times & 0x80 ? ret_ev->enter_ns - times / 64 * 8 : 0;
    arguments_of(c, ret_ev);
    ret_ev->result = (int64_t)address(c);
    if (who >= 0xf0)
        ret_ev->result = who == 0xff ? EVENT_RESULT_UNKNOWN : -12;
    return NULL;
}

static struct seep_error *next_snapshot(void *context, struct snapshot *ret_snap, bool *ret_more)
{
    static const char *const names[] = {"",        "[heap]", "[stack]",  "/SYSV00000000 (deleted)",
                                        "/a file", "[vdso]", "/[aio] x", "/dev/zero (deleted)"};
    struct input *input = context;
    struct cursor *c = &input->snapshots;
    uint8_t head, at = 0;

    *ret_more = cursor_left(c) >= 2;
    if (!*ret_more)
        return NULL;
    head = cursor_u8(c);
    input->snap_ns += head;
    *ret_snap = (struct snapshot){.pid = head % 4,
                                  .reason = (enum snapshot_reason)(head / 4 % 7),
                                  .stopped = head & 0x80,
                                  .begin_ns = input->snap_ns - head % 16,
                                  .end_ns = input->snap_ns};
    ret_snap->maps.vmas = calloc(MAX_VMAS, sizeof(struct vma));
    if (!ret_snap->maps.vmas)
        abort();
    for (size_t count = cursor_u8(c) % MAX_VMAS; count > 0 && cursor_left(c) >= 4; count--) {
        uint8_t what = cursor_u8(c);
        struct vma *vma = &ret_snap->maps.vmas[ret_snap->maps.count++];

        at = (uint8_t)(at + cursor_u8(c) % 32); /* sorted, perhaps overlapping: torn */
        vma->start = BASE + (uint64_t)at * PAGE;
        vma->end = vma->start + (uint64_t)(1 + cursor_u8(c) % 32) * PAGE;
        vma->perms = what % 16;
        vma->name = names[what / 16 % 8];
        vma->offset = (uint64_t)(cursor_u8(c) % 8) * PAGE;
    }
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {.source.next = next_event,
                          .events = cursor_of(data, size / 2),
                          .snapshots = cursor_of(data + size / 2, size - size / 2),
                          .now_ns = 1000,
                          .snap_ns = 1000};
    struct replay_input replay = {
        .events = &input.source, .next_snapshot = next_snapshot, .context = &input};
    struct replay_result result;
    struct ledger *ledger;

    if (ledger_create(&ledger))
        abort();
    if (replay_run(&replay, ledger, NULL, &result) || invariants_check(ledger))
        abort();
    ledger_destroy(ledger);
    return 0;
}
