/*
 * ELF cores: one look at the process as it died or was copied, its memory, its threads and their
 * registers.
 *
 *     segments ──> maps (a look), memory       notes ──> threads (a dump), names, command line
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/io.h"
#include "evidence/core_reader.h"
#include "evidence/proc_text.h"
#include "importer/importer.h"
#include "importer/saved_bytes.h"

enum { GAP_BYTES = 64 << 20 }; /* as a dump leaves out of its files */

static int recognise(const char *head, size_t len)
{
    return core_is_one(head, len) ? IMPORTER_CERTAIN : IMPORTER_NEVER;
}

/* --- the file as a source --- */

struct file_source {
    struct mem_source source;
    int fd;
};

static struct seep_error *file_read(struct mem_source *base, uint64_t addr, void *buf, size_t len,
                                    size_t *ret_got)
{
    if (addr > INT64_MAX - len) {
        *ret_got = 0;
        return NULL;
    }
    return io_pread(((struct file_source *)base)->fd, buf, len, (off_t)addr, ret_got);
}

/* --- what is in it --- */

struct reading {
    struct input *in;
    struct collection *c;
    struct core core;
    int fd;
    uint64_t file_bytes;
    struct when when;
    uint64_t taken_bytes;
    uint64_t missing_bytes; /* behind the cut */
    uint64_t undumped_bytes;
};

static const char *path_of(const struct reading *r)
{
    const char *slash = strrchr(r->in->path, '/');

    return slash ? slash + 1 : r->in->path;
}

static struct seep_error *add_maps(struct reading *r)
{
    _cleanup_buffer_ struct buffer maps = {0}, tasks = {0};
    _cleanup_(snapshot_record_deinit) struct snapshot_record record = {
        .pid = r->core.pid, .reason = SNAPSHOT_SINGLE, .stopped = true};
    struct seep_error *err;

    for (size_t i = 0; i < r->core.segments.count; i++) {
        const struct core_segment *segment = &r->core.segments.items[i];
        char perms[5];

        buffer_printf(&maps, "%08" PRIx64 "-%08" PRIx64 " %s %08" PRIx64 " 00:00 0 ",
                      segment->start, segment->end, vma_perms_text(segment->perms, perms),
                      segment->offset);
        for (const char *at = segment->name; *at; at++)
            if (*at == '\n') /* as the kernel does */
                buffer_printf(&maps, "\\012");
            else
                buffer_u8(&maps, (uint8_t)*at);
        buffer_u8(&maps, '\n');
    }
    for (size_t i = 0; i < r->core.threads.count; i++) {
        const struct core_thread *thread = &r->core.threads.items[i];
        const char *name = thread->tid == r->core.pid ? r->core.name : "";

        buffer_printf(&tasks, "%d ? ", (int)thread->tid);
        if (thread->cpu_ns) /* gcore does not tell */
            buffer_printf(&tasks, "%" PRIu64 " - ", thread->cpu_ns);
        else
            buffer_printf(&tasks, "- - ");
        proc_text_escape(&tasks, name, strlen(name));
        buffer_u8(&tasks, '\n');
    }
    if (maps.failed || tasks.failed)
        return error_no_memory();
    err = snapshot_record_add(&record, "maps", maps.bytes ? maps.bytes : "", maps.len);
    if (!err && tasks.len)
        err = snapshot_record_add(&record, "tasks", tasks.bytes, tasks.len);
    return err ? err : collection_snapshot(r->c, r->when, &record);
}

static void put_registers(const struct core *core, const struct core_thread *thread,
                          struct buffer *out)
{
    static const char *const x86_64[] = {"rax", "rdx", "rcx", "rbx", "rsi", "rdi",
                                         "rbp", "rsp", "r8",  "r9",  "r10", "r11",
                                         "r12", "r13", "r14", "r15", "rip"};
    static const char *const i386[] = {"eax", "ecx", "edx", "ebx", "esp",
                                       "ebp", "esi", "edi", "eip"};
    static const char *const arm64[] = {"sp", "pc", "pstate"};

    for (uint32_t i = 0; i < thread->register_count; i++) {
        buffer_u8(out, ' ');
        if (thread->register_count == ARRAY_SIZE(x86_64))
            buffer_printf(out, "%s", x86_64[i]);
        else if (thread->register_count == ARRAY_SIZE(i386))
            buffer_printf(out, "%s", i386[i]);
        else if (i > 30)
            buffer_printf(out, "%s", arm64[i - 31]);
        else
            buffer_printf(out, "x%" PRIu32, i);
        buffer_printf(out, "=0x%0*" PRIx64, (int)(core->bits / 4), thread->registers[i]);
    }
    buffer_u8(out, '\n');
}

/* A line a thread: "thread 4242 signal 11 cpu_ns 1000000 rax=0x... rip=0x...". */
static struct seep_error *add_threads(struct reading *r)
{
    _cleanup_buffer_ struct buffer text = {0};

    if (!r->core.threads.count)
        return collection_remark(r->c, "no threads are told in it");
    for (size_t i = 0; i < r->core.threads.count; i++) {
        const struct core_thread *thread = &r->core.threads.items[i];

        buffer_printf(&text, "thread %d signal %d cpu_ns %" PRIu64, (int)thread->tid,
                      thread->signal, thread->cpu_ns);
        put_registers(&r->core, thread, &text);
    }
    if (text.failed)
        return error_no_memory();

    struct seep_error *err =
        collection_thread_dump(r->c, r->when, r->core.pid, "core", text.bytes, text.len);

    if (!err && r->core.name[0])
        err = collection_thread_name(r->c, (struct when){WHEN_NONE, 0}, r->core.pid, r->core.pid,
                                     r->core.name, strlen(r->core.name));
    return err;
}

static struct seep_error *add_process(struct reading *r, struct mem_source *file)
{
    _cleanup_buffer_ struct buffer arguments = {0}, executable = {0};
    const char *command = r->core.arguments[0] ? r->core.arguments : NULL;
    struct seep_error *err = core_command_line(&r->core, file, &arguments, &executable);

    if (err)
        return err;
    if (arguments.len) {
        for (size_t i = 0; i + 1 < arguments.len; i++)
            if (arguments.bytes[i] == '\0')
                arguments.bytes[i] = ' ';
        command = arguments.bytes;
    }
    return collection_process(r->c, r->core.pid, executable.len ? executable.bytes : NULL, command,
                              NULL);
}

/* --- its memory --- */

/* Bytes of SEGMENT that are in the file. */
static uint64_t there(const struct reading *r, const struct core_segment *segment)
{
    uint64_t left = segment->file_at < r->file_bytes ? r->file_bytes - segment->file_at : 0;

    left = segment->saved_bytes < left ? segment->saved_bytes : left;
    /* Segments have bytes of their own: where several claim the same ones, the file's size is the end. */
    if (left > r->file_bytes - r->taken_bytes)
        left = r->file_bytes - r->taken_bytes;
    return left - left % SAVED_BYTES_PAGE;
}

/* The kernel leaves holes in the file for pages that were never touched. Long ones would only be
 * copied as zeros: they are left out. */
static struct seep_error *add_segment(struct reading *r, struct saved_bytes *saved,
                                      const struct core_segment *segment)
{
    uint64_t len = there(r, segment), at = 0;
    struct seep_error *err = NULL;

    r->taken_bytes += len;
    r->missing_bytes += segment->saved_bytes - len;
    r->undumped_bytes += segment->end - segment->start - segment->saved_bytes;
    while (at < len && !err) {
        off_t data = lseek(r->fd, (off_t)(segment->file_at + at), SEEK_DATA), hole;
        uint64_t from = at, to = len;

        if (r->in->compressed) { /* its holes are of our own making: see input_seekable */
            from = at;
        } else if (data >= 0 && (hole = lseek(r->fd, data, SEEK_HOLE)) > data) {
            from = (uint64_t)data - segment->file_at;
            to = (uint64_t)hole - segment->file_at;
        } else if (data < 0 && errno == ENXIO) {
            from = to = len; /* a hole up to the file's end */
        }
        from = from < len ? from - from % SAVED_BYTES_PAGE : len;
        to = (to + SAVED_BYTES_PAGE - 1) & ~(uint64_t)(SAVED_BYTES_PAGE - 1);
        to = to < len ? to : len;
        if (from - at < GAP_BYTES)
            from = at;
        err = saved_bytes_add(saved, segment->start + from, to - from, segment->file_at + from);
        at = to;
    }
    return err;
}

static struct seep_error *hand_over(struct reading *r, struct saved_bytes *saved,
                                    const struct core_segment *segment)
{
    struct seep_error *err = NULL;

    for (uint64_t at = segment->start, start, end;
         !err && saved_bytes_run(saved, at, GAP_BYTES, &start, &end) && start < segment->end;
         at = end) {
        struct collection_memory memory = {
            .pid = r->core.pid,
            .when = r->when,
            .start = start,
            .end = end < segment->end ? end : segment->end,
            .placed = true,
            .name = segment->name,
            .perms = segment->perms,
        };
        struct mem_source *source = NULL;

        end = memory.end;
        err = saved_bytes_source(saved, &source);
        if (!err)
            err = collection_memory(r->c, &memory, source);
    }
    return err;
}

static struct seep_error *add_memory(struct reading *r)
{
    _cleanup_(saved_bytes_destroyp) struct saved_bytes *saved = NULL;
    int fd = fcntl(r->fd, F_DUPFD_CLOEXEC, 0);
    struct seep_error *err = fd < 0 ? error_errno(errno, r->in->path, "cannot keep it open")
                                    : saved_bytes_create(fd, &saved);

    for (size_t i = 0; i < r->core.segments.count && !err; i++)
        err = add_segment(r, saved, &r->core.segments.items[i]);
    if (err)
        return err;
    saved_bytes_settle(saved);
    for (size_t i = 0; i < r->core.segments.count && !err; i++)
        err = hand_over(r, saved, &r->core.segments.items[i]);
    return err;
}

static struct seep_error *say_what_is_missing(struct reading *r)
{
    const struct core *core = &r->core;
    struct seep_error *err = NULL;

    if (!r->in->cut && core->need_bytes <= r->file_bytes && !core->cut && r->missing_bytes)
        err = collection_remark(r->c,
                                "segments claim the same bytes of the file: %" PRIu64 " bytes of "
                                "memory are left out",
                                r->missing_bytes);
    if (!err && (r->in->cut || core->need_bytes > r->file_bytes || core->cut))
        err = collection_remark(r->c,
                                "the core is cut: %" PRIu64 " of %" PRIu64 " bytes are there, and "
                                "%" PRIu64 " bytes of memory are missing",
                                r->file_bytes, core->need_bytes, r->missing_bytes);
    if (!err && core->odd_segments)
        err = collection_remark(r->c,
                                "%zu segments overlap others or are not whole pages: they "
                                "are left out",
                                core->odd_segments);
    if (!err && r->undumped_bytes)
        err = collection_remark(r->c,
                                "%" PRIu64 " bytes of memory were not dumped, such as mapped files "
                                "(/proc/PID/coredump_filter)",
                                r->undumped_bytes);
    if (!err && core->abi == EVENT_ABI_UNKNOWN)
        err = collection_remark(r->c, "a core of machine %u: its registers are not read",
                                core->machine);
    return err;
}

static struct seep_error *take(struct reading *r, struct mem_source *file)
{
    struct seep_error *err = collection_file_time(r->c, &r->when);

    if (!err && !r->core.pid)
        err = collection_remark(r->c, "%s does not tell its process", path_of(r));
    if (!err)
        err = add_maps(r);
    if (!err)
        err = add_process(r, file);
    if (!err)
        err = add_threads(r);
    if (!err)
        err = add_memory(r);
    return err ? err : say_what_is_missing(r);
}

static struct seep_error *import(struct input *in, struct collection *c)
{
    _cleanup_close_ int fd = -1;
    struct reading r = {.in = in, .c = c};
    struct seep_error *err = input_seekable(in, &fd, &r.file_bytes);

    if (err)
        return err;

    struct file_source file = {{file_read, NULL}, fd};

    r.fd = fd;
    err = core_read(&file.source, &r.core);
    if (!err) {
        err = take(&r, &file.source);
        core_deinit(&r.core);
    }
    return err;
}

const struct importer importer_core = {
    .name = "core",
    .option = "core",
    .argument = "F@TIME",
    .doc = "An ELF core of gcore, the kernel or systemd-coredump",
    .expected = "ELF cores",
    .stage = IMPORTER_REGIONS,
    .recognise = recognise,
    .import = import,
};
