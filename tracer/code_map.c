#include "tracer/code_map.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "base/cleanup.h"
#include "base/units.h"

#include "target/object.h"

enum {
    VDSO_MAX_BYTES = 64 << 10,
    PRESENT_BATCH = 32,
    PRESENT_KEPT_MS = 10,
    MANY_RANGES = 4096, /* of code; asking about fewer is cheap */
    PAUSE_TIMES = 100,
    WIDEN_TRIES = 8
};

/* Bits of an entry of pagemap: present, swapped; and a guard (MADV_GUARD_INSTALL), which looks swapped. */
#define ENTRY_IS_THERE (UINT64_C(3) << 62)
#define ENTRY_IS_GUARD (UINT64_C(1) << 58)

void code_map_init(struct code_map *map, pid_t pid, struct modules *modules)
{
    *map = (struct code_map){
        .pid = pid,
        .modules = modules,
        .pagemap_fd = -1,
        .stale = {{0, UINT64_MAX}},
        .stale_count = 1,
    };
}

void code_map_deinit(struct code_map *map)
{
    mapped_destroy(map->mapped);
    layout_unref(map->layout);
    cleanup_close(&map->pagemap_fd);
    map->mapped = NULL;
    map->pagemap_fd = -1;
    map->layout = NULL;
}

void code_map_reset(struct code_map *map)
{
    struct code_map fresh;

    code_map_init(&fresh, map->pid, map->modules);
    code_map_deinit(map);
    *map = fresh;
}

void code_map_inherit(struct code_map *map, const struct code_map *parent)
{
    layout_unref(map->layout);
    map->layout = layout_ref(parent->layout);
    memcpy(map->stale, parent->stale, sizeof(map->stale));
    map->stale_count = parent->stale_count;
}

/* --- what is stale --- */

static void remove_stale(struct code_map *map, unsigned at)
{
    map->stale_count--;
    memmove(&map->stale[at], &map->stale[at + 1], (map->stale_count - at) * sizeof(map->stale[0]));
}

/* Makes room: the two that are closest become one. */
static void unite_closest(struct code_map *map)
{
    unsigned best = 1;

    for (unsigned i = 2; i < map->stale_count; i++)
        if (map->stale[i].start - map->stale[i - 1].end <
            map->stale[best].start - map->stale[best - 1].end)
            best = i;
    map->stale[best - 1].end = map->stale[best].end;
    remove_stale(map, best);
}

static void mark_stale(struct code_map *map, uint64_t start, uint64_t len)
{
    struct code_map_stale added = {start, len > UINT64_MAX - start ? UINT64_MAX : start + len};
    unsigned at = 0;

    if (len == 0)
        return;
    /* Those it touches become part of it. */
    while (at < map->stale_count && map->stale[at].start <= added.end) {
        const struct code_map_stale *s = &map->stale[at];

        if (s->end < added.start) {
            at++;
            continue;
        }
        added.start = s->start < added.start ? s->start : added.start;
        added.end = s->end > added.end ? s->end : added.end;
        remove_stale(map, at);
    }
    if (map->stale_count == CODE_MAP_STALE_RANGES) {
        unite_closest(map);
        mark_stale(map, added.start, added.end - added.start);
        return;
    }
    memmove(&map->stale[at + 1], &map->stale[at], (map->stale_count - at) * sizeof(added));
    map->stale[at] = added;
    map->stale_count++;
}

/* Code is known to be somewhere in [START, START + LEN). */
static bool has_code(const struct code_map *map, uint64_t start, uint64_t len)
{
    const struct layout_range *range = map->layout ? layout_find_from(map->layout, start) : NULL;

    return range && (range->start < start || range->start - start < len);
}

static void mark_if_code(struct code_map *map, uint64_t start, uint64_t len)
{
    if (has_code(map, start, len))
        mark_stale(map, start, len);
}

/* JIT compilers change the protection of what is known to be code all the time. */
static void note_protect(struct code_map *map, const struct event *ev)
{
    const struct layout_range *range = map->layout ? layout_find(map->layout, ev->args[0]) : NULL;
    bool inside = range && ev->args[1] <= range->end - ev->args[0];

    if ((ev->args[2] & PROT_EXEC) && !inside)
        mark_stale(map, ev->args[0], ev->args[1]);
}

void code_map_note(struct code_map *map, const struct event *ev)
{
    /* An mprotect that fails may have done half of its work. */
    if (event_failed(ev) && ev->kind != EVENT_MPROTECT && ev->kind != EVENT_PKEY_MPROTECT)
        return;
    switch (ev->kind) {
    case EVENT_MMAP:
        if (ev->args[2] & PROT_EXEC)
            mark_stale(map, (uint64_t)ev->result, ev->args[1]);
        else if (ev->args[3] & MAP_FIXED)
            mark_if_code(map, (uint64_t)ev->result, ev->args[1]);
        break;
    case EVENT_MUNMAP:
        mark_if_code(map, ev->args[0], ev->args[1]);
        break;
    case EVENT_MREMAP:
        if (has_code(map, ev->args[0], ev->args[1])) {
            mark_stale(map, ev->args[0], ev->args[1]);
            mark_stale(map, (uint64_t)ev->result, ev->args[2]);
        } else if (ev->args[3] & MREMAP_FIXED) {
            mark_if_code(map, (uint64_t)ev->result, ev->args[2]);
        }
        break;
    case EVENT_MPROTECT:
    case EVENT_PKEY_MPROTECT:
        note_protect(map, ev);
        break;
    default:
        break;
    }
}

/* --- asking --- */

struct asking {
    struct code_map *map;
    struct layout_ranges found, all;
    struct code_map_stale asked[CODE_MAP_STALE_RANGES]; /* the whole of what was found there, too */
    unsigned asked_count;
    uint64_t start, end; /* of what is being asked for */
    struct seep_error *err;
};

static struct seep_error *add_vdso(struct asking *a, const struct vma *vma, struct module **ret)
{
    uint64_t len = vma_size(vma) < VDSO_MAX_BYTES ? vma_size(vma) : VDSO_MAX_BYTES;
    _cleanup_free_ void *bytes = malloc(len);
    struct iovec local = {bytes, len};
    struct iovec remote = {(void *)(uintptr_t)vma->start, len};

    if (!bytes)
        return error_no_memory();
    /* It cannot be read: it has no module. */
    if (process_vm_readv(a->map->pid, &local, 1, &remote, 1, 0) != (ssize_t)len)
        return NULL;
    return modules_add_image(a->map->modules, vma->name, bytes, len, ret);
}

static struct seep_error *add_file(struct asking *a, const struct vma *vma, struct module **ret)
{
    static const char deleted[] = " (deleted)";
    size_t len = strlen(vma->name), tail = sizeof(deleted) - 1;
    _cleanup_free_ char *path = NULL;

    if (len > tail && strcmp(vma->name + len - tail, deleted) == 0)
        len -= tail;
    path = strndup(vma->name, len);
    return path ? modules_add(a->map->modules, path, object_pin(a->map->pid, vma), ret)
                : error_no_memory();
}

static bool begins(const char *name, const char *with)
{
    return strncmp(name, with, strlen(with)) == 0;
}

/* Memory that has an inode in the kernel's own tmpfs, and never holds an ELF file. Held, it would not be given
 * back when the target unmaps it. */
static bool is_memory(const struct vma *vma)
{
    return vma->major == 0 && (begins(vma->name, "/dev/zero") || begins(vma->name, "/SYSV") ||
                               begins(vma->name, "/[aio]"));
}

static bool visit(const struct vma *vma, void *context)
{
    struct asking *a = context;
    struct layout_range range = {vma->start, vma->end, vma->offset, NULL};

    if (vma->inode != 0 && !is_memory(vma))
        a->err = add_file(a, vma, &range.module);
    else if (strcmp(vma->name, "[vdso]") == 0)
        a->err = add_vdso(a, vma, &range.module);
    if (!a->err)
        a->err = vector_push(&a->found, range);
    a->start = vma->start < a->start ? vma->start : a->start;
    a->end = vma->end > a->end ? vma->end : a->end;
    return !a->err;
}

/* What was cut is asked for with all that is left of it. False: nothing was. */
static bool widen(struct asking *a)
{
    const struct layout *old = a->map->layout;
    const struct layout_range *range = old ? layout_find_from(old, a->start) : NULL;
    const uint64_t start = a->start, end = a->end;

    for (; range && range->start < a->end; range = layout_find_from(old, range->end)) {
        a->start = range->start < a->start ? range->start : a->start;
        a->end = range->end > a->end ? range->end : a->end;
    }
    return a->start != start || a->end != end;
}

static struct seep_error *open_mapped(struct code_map *map)
{
    return map->mapped ? NULL : mapped_create(map->pid, &map->mapped);
}

/* One range that is stale; those before it were asked for. */
static struct seep_error *ask_for(struct asking *a, const struct code_map_stale *stale)
{
    uint64_t from = a->asked_count ? a->asked[a->asked_count - 1].end : 0;
    size_t known = a->found.count;
    struct seep_error *err = NULL;

    a->start = stale->start;
    a->end = stale->end;
    widen(a);
    for (int tries = 0; !err && tries < WIDEN_TRIES; tries++) {
        a->start = a->start > from ? a->start : from;
        a->found.count = known;
        if (a->start >= a->end)
            return NULL;
        err = mapped_each(a->map->mapped, a->start, a->end, true, visit, a);
        if (!err)
            err = take_ptr(a->err);
        if (!widen(a))
            break;
    }
    a->asked[a->asked_count++] = (struct code_map_stale){a->start, a->end};
    return err;
}

/* What was found takes the place of what was known there. */
static struct seep_error *put_together(struct asking *a)
{
    const struct layout *old = a->map->layout;
    const struct layout_range *range = old ? layout_find_from(old, 0) : NULL;
    struct seep_error *err = NULL;
    size_t next = 0, window = 0;

    for (; range && !err; range = layout_next(old, range)) {
        while (window < a->asked_count && a->asked[window].end <= range->start)
            window++;
        if (window < a->asked_count && range->end > a->asked[window].start)
            continue;
        while (!err && next < a->found.count && a->found.items[next].start < range->start)
            err = vector_push(&a->all, a->found.items[next++]);
        if (!err)
            err = vector_push(&a->all, *range);
    }
    while (!err && next < a->found.count)
        err = vector_push(&a->all, a->found.items[next++]);
    return err;
}

static struct seep_error *ask(struct code_map *map)
{
    struct asking a = {.map = map};
    struct layout *layout = NULL;
    struct seep_error *err = open_mapped(map);

    for (unsigned i = 0; !err && i < map->stale_count; i++)
        err = ask_for(&a, &map->stale[i]);
    if (!err)
        err = put_together(&a);
    if (!err)
        err = layout_create(&a.all, &layout);
    vector_deinit(&a.found);
    vector_deinit(&a.all);
    if (err)
        return err;
    layout_unref(map->layout);
    map->layout = layout;
    map->stale_count = 0;
    return NULL;
}

/* Asks, and takes note when to ask again at the earliest. */
static struct seep_error *ask_in_time(struct code_map *map)
{
    bool first = !map->layout;
    uint64_t before_ns = units_monotonic_ns(), now_ns;
    struct seep_error *err = ask(map);

    if (err || first || layout_count(map->layout) <= MANY_RANGES)
        return err;
    now_ns = units_monotonic_ns();
    map->ask_after_ns = now_ns + PAUSE_TIMES * (now_ns - before_ns);
    return NULL;
}

static bool is_no_failure(const struct seep_error *err)
{
    return err->code == ERROR_GONE || err->code == ERROR_DENIED || err->code == ERROR_NOT_FOUND;
}

struct seep_error *code_map_layout(struct code_map *map, const struct layout **ret_layout)
{
    struct seep_error *err = NULL;

    if (map->stale_count && map->ask_after_ns && units_monotonic_ns() < map->ask_after_ns) {
        *ret_layout = NULL;
        return NULL;
    }
    if (map->stale_count)
        err = ask_in_time(map);
    if (err && is_no_failure(err)) {
        error_destroy(err);
        *ret_layout = NULL;
        return NULL;
    }
    if (!err)
        *ret_layout = map->layout;
    return err;
}

static bool take_stack(const struct vma *vma, void *context)
{
    struct code_map_stack *stack = context;

    stack->start = vma->start;
    stack->end = vma->end;
    return false;
}

uint64_t code_map_stack_end(struct code_map *map, struct code_map_stack *stack, uint64_t sp)
{
    struct seep_error *err;

    if (sp >= stack->start && sp < stack->end)
        return stack->end;
    *stack = (struct code_map_stack){0};
    err = open_mapped(map);
    if (!err)
        err = mapped_each(map->mapped, sp, sp + 1, false, take_stack, stack);
    error_destroy(err);
    return sp >= stack->start && sp < stack->end ? stack->end : sp;
}

static int open_pagemap(pid_t pid)
{
    char path[32];

    snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)pid);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* Without pagemap the page of START alone is: the thread has just used it. */
static size_t count_present(struct code_map *map, uint64_t start, size_t len)
{
    uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE), entries[PRESENT_BATCH];
    uint64_t at = start - start % page_bytes, end = start + len;

    if (map->pagemap_fd < 0)
        map->pagemap_fd = open_pagemap(map->pid);
    while (at < end) {
        uint64_t left = (end - at + page_bytes - 1) / page_bytes;
        size_t count = left < PRESENT_BATCH ? (size_t)left : PRESENT_BATCH;
        ssize_t got = pread(map->pagemap_fd, entries, count * sizeof(entries[0]),
                            (off_t)(at / page_bytes * sizeof(entries[0])));

        if (got <= 0) {
            at += at <= start ? page_bytes : 0;
            break;
        }
        for (size_t i = 0; i < (size_t)got / sizeof(entries[0]); i++, at += page_bytes)
            if (!(entries[i] & ENTRY_IS_THERE) || (entries[i] & ENTRY_IS_GUARD))
                return at > start ? (size_t)((at < end ? at : end) - start) : 0;
    }
    return (size_t)((at < end ? at : end) - start);
}

size_t code_map_present(struct code_map *map, struct code_map_stack *stack, uint64_t start,
                        size_t len)
{
    uint64_t now_ns = units_monotonic_ns();

    if (start >= stack->present_start && start + len <= stack->present_end &&
        now_ns - stack->present_ns < (uint64_t)PRESENT_KEPT_MS * NS_PER_MS)
        return len;
    stack->present_start = start;
    stack->present_end = start + count_present(map, start, len);
    stack->present_ns = now_ns;
    return (size_t)(stack->present_end - start);
}
