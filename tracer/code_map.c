#include "tracer/code_map.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "base/cleanup.h"

#include "target/object.h"

enum { VDSO_MAX_BYTES = 64 << 10, PRESENT_BATCH = 32 };

/* Bits of an entry of pagemap: present, swapped; and a guard (MADV_GUARD_INSTALL), which looks swapped. */
#define ENTRY_IS_THERE (UINT64_C(3) << 62)
#define ENTRY_IS_GUARD (UINT64_C(1) << 58)

void code_map_init(struct code_map *map, pid_t pid, struct modules *modules)
{
    *map = (struct code_map){
        .pid = pid, .modules = modules, .pagemap_fd = -1, .stale_end = UINT64_MAX};
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
    map->stale_start = parent->stale_start;
    map->stale_end = parent->stale_end;
}

/* --- what is stale --- */

static void mark_stale(struct code_map *map, uint64_t start, uint64_t len)
{
    uint64_t end = len > UINT64_MAX - start ? UINT64_MAX : start + len;

    if (len == 0)
        return;
    if (map->stale_start >= map->stale_end) {
        map->stale_start = start;
        map->stale_end = end;
        return;
    }
    map->stale_start = start < map->stale_start ? start : map->stale_start;
    map->stale_end = end > map->stale_end ? end : map->stale_end;
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
    struct layout_ranges ranges; /* found */
    uint64_t start, end;         /* asked for, and what was found there */
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
        a->err = vector_push(&a->ranges, range);
    a->start = vma->start < a->start ? vma->start : a->start;
    a->end = vma->end > a->end ? vma->end : a->end;
    return !a->err;
}

static int compare_ranges(const void *a, const void *b)
{
    const struct layout_range *x = a, *y = b;

    return (x->start > y->start) - (x->start < y->start);
}

/* Adds what the old layout has outside of what was asked for. */
static struct seep_error *keep_the_rest(struct asking *a)
{
    struct seep_error *err = NULL;
    const struct layout_range *range = a->map->layout ? layout_find_from(a->map->layout, 0) : NULL;

    for (; range && !err; range = layout_find_from(a->map->layout, range->end))
        if (range->end <= a->start || range->start >= a->end)
            err = vector_push(&a->ranges, *range);
    if (a->ranges.count > 1)
        qsort(a->ranges.items, a->ranges.count, sizeof(*a->ranges.items), compare_ranges);
    return err;
}

/* What was cut is asked for with all that is left of it. */
static void widen(struct asking *a)
{
    const struct layout_range *range =
        a->map->layout ? layout_find_from(a->map->layout, a->start) : NULL;

    for (; range && range->start < a->end; range = layout_find_from(a->map->layout, range->end)) {
        a->start = range->start < a->start ? range->start : a->start;
        a->end = range->end > a->end ? range->end : a->end;
    }
}

static struct seep_error *open_mapped(struct code_map *map)
{
    return map->mapped ? NULL : mapped_create(map->pid, &map->mapped);
}

static struct seep_error *ask(struct code_map *map)
{
    struct asking a = {.map = map, .start = map->stale_start, .end = map->stale_end};
    struct layout *layout = NULL;
    struct seep_error *err = open_mapped(map);

    widen(&a);
    if (!err)
        err = mapped_each(map->mapped, a.start, a.end, true, visit, &a);
    if (!err)
        err = take_ptr(a.err);
    if (!err)
        err = keep_the_rest(&a);
    if (!err)
        err = layout_create(&a.ranges, &layout);
    vector_deinit(&a.ranges);
    if (err)
        return err;
    layout_unref(map->layout);
    map->layout = layout;
    map->stale_start = map->stale_end = 0;
    return NULL;
}

static bool is_no_failure(const struct seep_error *err)
{
    return err->code == ERROR_GONE || err->code == ERROR_DENIED || err->code == ERROR_NOT_FOUND;
}

struct seep_error *code_map_layout(struct code_map *map, const struct layout **ret_layout)
{
    struct seep_error *err = map->stale_start < map->stale_end ? ask(map) : NULL;

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
size_t code_map_present(struct code_map *map, uint64_t start, size_t len)
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
