/* From syscall stops to events. See ptrace(2) and PTRACE_GET_SYSCALL_INFO. */
#include <errno.h>
#include <linux/audit.h>
#include <string.h>
#include <sys/uio.h>

#include "base/units.h"
#include "evidence/maps.h"
#include "target/proc.h"
#include "tracer/ptrace_state.h"

enum {
    X32_BIT = 0x40000000,   /* __X32_SYSCALL_BIT */
    ERESTARTSYS = 512,      /* the kernel's own, include/linux/errno.h */
    ERESTART_LAST = 516,    /* ERESTART_RESTARTBLOCK */
    MEMFD_NAME_BYTES = 256, /* NAME_MAX with its prefix "memfd:" */
    MAX_MAPS_BYTES = 256 << 20,
};

void ptrace_emit(struct ptrace_source *source, struct event ev, char *name, struct capture *capture)
{
    const struct tracee *oldest = TAILQ_FIRST(&source->calls);
    _cleanup_error_ struct seep_error *err = NULL;

    if (source->quiet) {
        stack_pool_release(capture);
        free(name);
        return;
    }
    ev.pending_ns = oldest ? oldest->enter_ns : 0;
    ev.name = name;
    err = vector_push(&source->events, (struct event_queue_item){ev, capture});
    if (err) {
        stack_pool_release(capture);
        free(name);
        source->out_of_memory = true;
    }
}

void ptrace_emit_life(struct ptrace_source *source, enum event_kind kind, pid_t pid, pid_t tid,
                      const uint64_t args[3], int64_t result, const char *name)
{
    uint64_t now = units_monotonic_ns();
    struct event ev = {
        .enter_ns = now,
        .exit_ns = now,
        .pid = pid,
        .tid = tid,
        .kind = (uint8_t)kind,
        .result = result,
    };

    if (args)
        memcpy(ev.args, args, 3 * sizeof(args[0]));
    ptrace_emit(source, ev, name && name[0] ? strdup(name) : NULL, NULL);
}

void ptrace_note_name(struct ptrace_source *source, struct tracee *tracee)
{
    char name[17];
    _cleanup_error_ struct seep_error *err =
        proc_thread_name(tracee->process->pid, tracee->tid, name);

    if (err || strcmp(name, tracee->comm) == 0)
        return;
    strcpy(tracee->comm, name);
    if (tracee->process->started)
        ptrace_emit_life(source, EVENT_THREAD_NAME, tracee->process->pid, tracee->tid, NULL, 0,
                         name);
}

static size_t read_target(pid_t tid, uint64_t address, void *bytes, size_t len)
{
    struct iovec local = {bytes, len};
    struct iovec remote = {(void *)(uintptr_t)address, len};
    ssize_t got = process_vm_readv(tid, &local, 1, &remote, 1, 0);

    return got > 0 ? (size_t)got : 0;
}

/* The 32-bit word at ADDRESS, EVENT_RESULT_UNKNOWN when it cannot be read. */
static int64_t read_word(pid_t tid, uint64_t address)
{
    uint32_t word;

    return read_target(tid, address, &word, sizeof(word)) == sizeof(word) ? (int64_t)word
                                                                          : EVENT_RESULT_UNKNOWN;
}

/* A memfd's name; NULL when it cannot be read. */
static char *read_name(pid_t tid, uint64_t address)
{
    char name[MEMFD_NAME_BYTES + 1];
    /* The next page may be unmapped, which would fail the whole read. */
    size_t first = 4096 - (address & 4095);
    size_t len =
        read_target(tid, address, name, first < MEMFD_NAME_BYTES ? first : MEMFD_NAME_BYTES);

    if (len == first && len < MEMFD_NAME_BYTES && !memchr(name, '\0', len))
        len += read_target(tid, address + len, name + len, MEMFD_NAME_BYTES - len);
    if (len == 0)
        return NULL;
    name[len] = '\0';
    return strdup(name);
}

static uint8_t abi_of(uint32_t arch, uint64_t number)
{
    switch (arch) {
    case AUDIT_ARCH_X86_64:
        if (!(number & X32_BIT))
            return EVENT_ABI_X86_64;
        return EVENT_ABI_X32;
    case AUDIT_ARCH_I386:
        return EVENT_ABI_I386;
    case AUDIT_ARCH_AARCH64:
        return EVENT_ABI_AARCH64;
    default:
        return EVENT_ABI_UNKNOWN;
    }
}

static bool is_i386(uint8_t abi)
{
    return abi == EVENT_ABI_I386 || abi == EVENT_ABI_I386_OLD;
}

/* Of ipc, the row of the call it stands for, with its arguments in ARGS. */
static const struct syscall_row *find_row(uint8_t abi, uint64_t number, uint64_t args[6],
                                          uint64_t *ret_result_at)
{
    const struct syscall_row *row = syscalls_find(abi, number);

    *ret_result_at = 0;
    if (!row)
        return NULL;
    for (size_t i = 0; is_i386(abi) && i < 6; i++)
        args[i] = (uint32_t)args[i];
    return row->flags & SYSCALL_IPC ? syscalls_unpack_ipc(args, ret_result_at) : row;
}

static void take_arguments(struct tracee *t, const uint64_t *args)
{
    uint32_t packed[6];

    memset(t->args, 0, sizeof(t->args));
    if (t->row->flags & SYSCALL_OLD_MMAP) {
        t->abi = EVENT_ABI_I386_OLD;
        if (read_target(t->tid, args[0], packed, sizeof(packed)) == sizeof(packed))
            for (size_t i = 0; i < 6; i++)
                t->args[i] = packed[i];
        return;
    }
    for (size_t i = 0; i < t->row->count; i++)
        t->args[i] = args[i];
    if (t->row->flags & SYSCALL_PAGE_OFFSET)
        t->args[5] *= 4096;
    if (t->row->flags & SYSCALL_NAME_ARGUMENT)
        t->name = read_name(t->tid, args[0]);
}

static enum tracee_resume enter(struct ptrace_source *source, struct tracee *t, uint32_t arch,
                                uint64_t number, uint64_t args[6])
{
    uint8_t abi = abi_of(arch, number);
    uint64_t result_at = 0;
    const struct syscall_row *row = source->quiet ? NULL : find_row(abi, number, args, &result_at);
    enum tracee_resume ignored = source->filtered ? TRACEE_CONTINUE : TRACEE_TO_SYSCALL;

    if (t->restarting && row == t->row) {
        t->restarting = false;
        t->call = CALL_WANTED;
        return TRACEE_TO_SYSCALL;
    }
    if (t->restarting) {
        /* restart_syscall, or a handler's own calls: the kernel gave the program EINTR. */
        t->restarting = false;
        ptrace_call_abandon(source, t);
    }
    if (!row || !t->process->started) {
        t->call = source->filtered ? CALL_NONE : CALL_SKIPPED;
        return ignored;
    }
    t->row = row;
    t->abi = abi;
    t->result_at = result_at;
    take_arguments(t, args);
    t->call = CALL_WANTED;
    TAILQ_INSERT_TAIL(&source->calls, t, in_calls);
    t->enter_ns = units_monotonic_ns();
    return TRACEE_TO_SYSCALL;
}

/* The bytes of the mapping that begins at ADDRESS, which the call's arguments do not tell. */
static uint64_t mapping_bytes(pid_t pid, uint64_t address)
{
    _cleanup_buffer_ struct buffer text = {0};
    _cleanup_error_ struct seep_error *err = proc_read(pid, "maps", &text);
    struct maps maps = {0};
    uint64_t bytes = 0;

    if (err)
        return 0;
    err = maps_parse(text.bytes, text.len, &maps);
    if (err)
        return 0;

    const struct vma *vma = maps_find(&maps, address);

    if (vma && vma->start == address)
        bytes = vma_size(vma);
    maps_deinit(&maps);
    return bytes;
}

static void look_up_mapping(struct tracee *t, struct event *ev)
{
    pid_t pid = t->process->pid;

    if (event_failed(ev))
        return;
    if (ev->kind == EVENT_SHMAT) {
        ev->args[3] = mapping_bytes(pid, (uint64_t)ev->result);
    } else if (ev->kind == EVENT_IO_SETUP) {
        size_t word = is_i386(t->abi) || t->abi == EVENT_ABI_X32 ? 4 : 8;

        if (read_target(t->tid, t->args[1], &ev->args[2], word) == word)
            ev->args[3] = mapping_bytes(pid, ev->args[2]);
        else
            ev->args[2] = 0;
    }
}

/* What the call did to the process's code, and the stack it came from, if it added memory. */
static struct capture *take_stack(struct ptrace_source *source, struct tracee *t,
                                  const struct event *ev)
{
    const struct capture_options *options = &source->options.capture;
    struct process_memory *memory = t->process->memory;
    struct capture *capture = NULL;
    _cleanup_error_ struct seep_error *err = NULL;

    if (!options->pool || source->quiet)
        return NULL;
    code_map_note(&memory->code, ev);
    if (event_failed(ev))
        return NULL;
    if (capture_is_wanted(options, ev, memory->brk))
        err = capture_take(options, &memory->code, &t->stack, t->tid, &capture);
    if (ev->kind == EVENT_BRK)
        memory->brk = (uint64_t)ev->result;
    /* Stacks that cannot be had are counted; the events go on. */
    return capture;
}

static void leave(struct ptrace_source *source, struct tracee *t, int64_t result, bool is_error)
{
    if (is_i386(t->abi) && !is_error)
        result = (uint32_t)result;
    if (t->result_at && !is_error)
        result = read_word(t->tid, t->result_at);
    if (is_error && result <= -ERESTARTSYS && result >= -ERESTART_LAST) {
        t->restarting = true;
        t->call = CALL_NONE;
        return;
    }

    struct event ev = {
        .enter_ns = t->enter_ns,
        .exit_ns = units_monotonic_ns(),
        .pid = t->process->pid,
        .tid = t->tid,
        .kind = t->row->kind,
        .abi = t->abi,
        .result = result,
    };

    memcpy(ev.args, t->args, sizeof(ev.args));
    look_up_mapping(t, &ev);
    t->call = CALL_NONE;
    TAILQ_REMOVE(&source->calls, t, in_calls);
    ptrace_emit(source, ev, take_ptr(t->name), take_stack(source, t, &ev));
}

void ptrace_call_abandon(struct ptrace_source *source, struct tracee *t)
{
    if (t->call != CALL_WANTED && !t->restarting)
        return;
    t->restarting = false;
    leave(source, t, EVENT_RESULT_UNKNOWN, true);
}

enum tracee_resume ptrace_call_stop(struct ptrace_source *source, struct tracee *t,
                                    enum tracee_stop stop)
{
    enum tracee_resume further = source->filtered ? TRACEE_CONTINUE : TRACEE_TO_SYSCALL;
    struct __ptrace_syscall_info info = {0};

    /* Two stops a call: of a call that nobody wants, the second needs no look. */
    if (t->call == CALL_SKIPPED && stop == TRACEE_SYSCALL) {
        t->call = CALL_NONE;
        return further;
    }
    if (tracee_syscall_info(t->tid, &info) != TRACEE_DONE)
        return further;
    switch (info.op) {
    case PTRACE_SYSCALL_INFO_ENTRY:
        return enter(source, t, info.arch, info.entry.nr, (uint64_t *)info.entry.args);
    case PTRACE_SYSCALL_INFO_SECCOMP:
        return enter(source, t, info.arch, info.seccomp.nr, (uint64_t *)info.seccomp.args);
    case PTRACE_SYSCALL_INFO_EXIT:
        if (t->call == CALL_WANTED)
            leave(source, t, info.exit.rval, info.exit.is_error);
        return further;
    default:
        return further;
    }
}
