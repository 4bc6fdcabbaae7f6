/* seep snap: one look at the regions of a process or a family, in pmap's place. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/io.h"
#include "base/units.h"
#include "cmd/command.h"
#include "cmd/pids.h"
#include "evidence/case.h"
#include "report/snap.h"
#include "target/describe.h"
#include "target/take.h"

extern const struct seep_command command_snap;

enum { KEY_JSON = 0x1000, KEY_SORT, DEFAULT_WIDTH = 80 };

struct arguments {
    struct proc_pids pids;
    bool tree, json, sorted;
    const char *case_path;
    enum snap_sort sort;
};

static const struct argp_option option_table[] = {
    {"pid", 'p', "PID[,PID...]", 0, "The process to look at; several are shown side by side", 0},
    {"tree", 't', NULL, 0, "And all its descendants, side by side", 0},
    {"sort", KEY_SORT, "KEY", 0,
     "The order of one process's regions: address (default), size, rss, pss, dirty or swap", 0},
    {"json", KEY_JSON, NULL, 0,
     "Print one object of schema seep-snap/1: every field of every region, in bytes", 0},
    {"output", 'o', "CASE", 0, "Also write what was seen into the new case CASE", 0},
    {0},
};

static enum snap_sort parse_sort(const char *text, const struct argp_state *state)
{
    static const char *const keys[] = {
        [SNAP_BY_ADDRESS] = "address", [SNAP_BY_SIZE] = "size",   [SNAP_BY_RSS] = "rss",
        [SNAP_BY_PSS] = "pss",         [SNAP_BY_DIRTY] = "dirty", [SNAP_BY_SWAP] = "swap",
    };

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        if (strcmp(text, keys[i]) == 0)
            return (enum snap_sort)i;
    argp_error(state, "--sort takes address, size, rss, pss, dirty or swap, not '%s'", text);
    return SNAP_BY_ADDRESS;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;

    switch (key) {
    case 'p':
        pids_parse(state, argument, &arguments->pids);
        return 0;
    case 't':
        arguments->tree = true;
        return 0;
    case KEY_SORT:
        arguments->sort = parse_sort(argument, state);
        arguments->sorted = true;
        return 0;
    case KEY_JSON:
        arguments->json = true;
        return 0;
    case 'o':
        arguments->case_path = argument;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "'%s' is not expected here: name the process with -p PID", argument);
        return 0;
    case ARGP_KEY_END:
        if (arguments->pids.count == 0)
            argp_error(state, "which process? -p PID");
        else if (arguments->sorted &&
                 (arguments->json || arguments->tree || arguments->pids.count > 1))
            argp_error(state, "--sort orders the table of one process");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .options = option_table,
    .parser = parse,
    .doc = "Prints the memory map of a process with what is resident, private, swapped and locked "
           "in each region, and the totals.",
};

/* --- looking --- */

struct look {
    struct snapshot snap;
    char *exe, *command;
    uint64_t reading_ns;
    unsigned depth;
};

struct looks {
    VECTOR(struct look) looks;
    size_t ended;       /* descendants that ended before they were looked at */
    struct case_dir *c; /* with -o */
    int fd;             /* its snapshots */
    uint64_t started_ns, wall_offset_ns;
};

static void look_deinit(struct look *look)
{
    snapshot_deinit(&look->snap);
    free(look->exe);
    free(look->command);
}

static void looks_deinit(struct looks *l)
{
    for (size_t i = 0; i < l->looks.count; i++)
        look_deinit(&l->looks.items[i]);
    vector_deinit(&l->looks);
    case_destroy(l->c);
    cleanup_close(&l->fd);
}

static struct seep_error *start_case(struct looks *l, const char *path, pid_t pid, const char *exe,
                                     int argc, char **argv)
{
    _cleanup_buffer_ struct buffer options = {0};
    struct seep_error *err = case_create(path, exe, pid, &l->c);

    for (int i = 1; i < argc; i++)
        buffer_printf(&options, "%s%s", i > 1 ? " " : "", argv[i]);
    if (!err)
        err = describe_host(l->c);
    if (!err)
        err = describe_target(l->c, pid);
    if (!err)
        err = case_set_text(l->c, "tool", "options", options.bytes);
    if (!err)
        err = case_set_text(l->c, "watch", "backend", "snapshots");
    if (!err)
        err = case_set_number(l->c, "clock", "started_ns", l->started_ns);
    if (!err)
        err = case_create_file(l->c, "snapshots", &l->fd);
    return err;
}

static struct seep_error *end_case(struct looks *l)
{
    struct seep_error *err = case_set_number(l->c, "clock", "ended_ns", units_monotonic_ns());
    uint64_t reading_ns = 0;

    for (size_t i = 0; i < l->looks.count; i++)
        reading_ns += l->looks.items[i].reading_ns;
    if (!err)
        err = case_set_number(l->c, "watch", "maps_reading_ns", reading_ns);
    return err ? err : case_save(l->c, CASE_COMPLETE, NULL);
}

/* Takes one look at PID. The first process decides whether there is a case. */
static struct seep_error *look_at(struct looks *l, const struct arguments *arguments, pid_t pid,
                                  int argc, char **argv)
{
    struct look look = {0};
    struct taken taken;
    uint64_t written;
    struct seep_error *err = take_snapshot(pid, SNAPSHOT_SINGLE, TAKE_FULL, &taken);

    if (err)
        return err;
    /* Both may be gone or not permitted; the map says enough. */
    error_destroy(proc_exe(pid, &look.exe));
    error_destroy(proc_command(pid, &look.command));
    look.reading_ns = taken.smaps_ns;
    if (arguments->case_path && !l->c)
        err = start_case(l, arguments->case_path, pid, look.exe, argc, argv);
    if (!err && l->c)
        err = error_prefix(snapshot_write(l->fd, &taken.record, &written), "%s",
                           arguments->case_path);
    if (!err)
        err = snapshot_parse(&taken.record, &look.snap);
    taken_deinit(&taken);
    if (!err)
        err = vector_push(&l->looks, look);
    if (err)
        look_deinit(&look);
    return err;
}

static bool was_looked_at(const struct looks *l, pid_t pid)
{
    for (size_t i = 0; i < l->looks.count; i++)
        if (l->looks.items[i].snap.pid == pid)
            return true;
    return false;
}

/* A descendant may end at any time, or belong to somebody else: the others are shown all the same.
 */
static struct seep_error *look_at_descendants(struct looks *l, const struct arguments *arguments,
                                              pid_t root, int argc, char **argv)
{
    _cleanup_(proc_pids_deinit) struct proc_pids pids = {0};
    struct seep_error *err = proc_descendants(root, &pids);

    for (size_t i = 0; !err && i < pids.count; i++) {
        if (was_looked_at(l, pids.items[i]))
            continue;
        err = look_at(l, arguments, pids.items[i], argc, argv);
        if (err && err->code == ERROR_GONE) {
            l->ended++;
        } else if (err && err->code == ERROR_DENIED) {
            fprintf(stderr, "seep: process %d is left out: %s%s%s%s\n", (int)pids.items[i],
                    err->message, err->remedy ? " (" : "", err->remedy ? err->remedy : "",
                    err->remedy ? ")" : "");
        } else {
            continue;
        }
        error_destroy(err);
        err = NULL;
    }
    return err;
}

/* Puts every process behind its parent, and behind that one's earlier children with all of theirs.
 */
static struct seep_error *order_family(const struct looks *l, struct snap_process *processes)
{
    size_t count = l->looks.count, placed = 0, depth = 0;
    _cleanup_free_ bool *done = calloc(count, sizeof(*done));
    _cleanup_free_ size_t *path = calloc(count + 1, sizeof(*path)); /* from the root down */

    if (!done || !path)
        return error_no_memory();
    while (placed < count) {
        size_t next = count;

        for (size_t i = 0; i < count && next == count; i++)
            if (!done[i] && (depth == 0 ? true
                                        : l->looks.items[i].snap.ppid ==
                                              l->looks.items[path[depth - 1]].snap.pid))
                next = i;
        if (next == count) {
            depth--;
            continue;
        }

        const struct look *look = &l->looks.items[next];

        done[next] = true;
        path[depth] = next;
        processes[placed++] = (struct snap_process){
            .snap = &look->snap,
            .exe = look->exe,
            .command = look->command,
            .reading_ns = look->reading_ns,
            .depth = (unsigned)depth,
        };
        depth++;
    }
    return NULL;
}

/* --- telling --- */

/* COLUMNS, or the terminal's own width; 0 (as wide as it takes) where nobody looks at a terminal. */
static size_t output_width(void)
{
    const char *columns = getenv("COLUMNS");
    struct winsize size;
    uint64_t width;

    if (columns && units_parse_number(columns, 100000, &width) && width > 0)
        return (size_t)width;
    if (!isatty(STDOUT_FILENO))
        return 0;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col
                                                                       : DEFAULT_WIDTH;
}

static struct seep_error *print_text(const struct arguments *arguments,
                                     const struct snap_process *processes, size_t count,
                                     size_t ended)
{
    _cleanup_buffer_ struct buffer out = {0};
    struct snap_table_options options = {.width = output_width(), .sort = arguments->sort};
    struct seep_error *err = arguments->tree || arguments->pids.count > 1
                                 ? snap_tree(&out, processes, count, options.width)
                                 : snap_table(&out, &processes[0], &options);

    if (err)
        return err;
    if (ended)
        buffer_printf(&out, "%zu more ha%s ended meanwhile or as zombie%s\n", ended,
                      ended == 1 ? "s" : "ve", ended == 1 ? "" : "s");
    return out.failed ? error_no_memory() : io_write(STDOUT_FILENO, out.bytes, out.len);
}

static struct seep_error *print_all(const struct arguments *arguments, const struct looks *l)
{
    _cleanup_free_ struct snap_process *processes = calloc(l->looks.count, sizeof(*processes));

    if (!processes)
        return error_no_memory();

    struct seep_error *err = order_family(l, processes);

    if (err)
        return err;
    if (arguments->json)
        return snap_json(processes, l->looks.count, l->wall_offset_ns, stdout);
    return print_text(arguments, processes, l->looks.count, l->ended);
}

static int run(const struct seep_command *command, int argc, char **argv)
{
    struct arguments arguments = {0};
    _cleanup_(looks_deinit) struct looks l = {.fd = -1};
    struct seep_error *err = NULL;
    pid_t pid = 0;

    command_parse(command, argc, argv, &arguments);
    l.started_ns = units_monotonic_ns();
    l.wall_offset_ns = units_wall_ns() - units_monotonic_ns();
    for (size_t i = 0; !err && i < arguments.pids.count; i++) {
        pid = arguments.pids.items[i];
        /* The id of any thread does; what cannot be told here, look_at tells. */
        error_destroy(proc_thread_group(pid, &pid));
        if (!was_looked_at(&l, pid))
            err = look_at(&l, &arguments, pid, argc, argv);
        if (!err && arguments.tree)
            err = look_at_descendants(&l, &arguments, pid, argc, argv);
    }
    proc_pids_deinit(&arguments.pids);
    if (err && l.c)
        error_destroy(case_save(l.c, CASE_INTERRUPTED, err->message));
    if (err)
        return command_report(err, "looking at process %d", (int)pid);
    if (l.c && (err = end_case(&l)))
        return command_report(err, "writing %s", arguments.case_path);
    return command_report(print_all(&arguments, &l), "printing");
}

const struct seep_command command_snap = {
    .name = "snap",
    .arguments = "-p PID[,PID...] [--tree] [-o CASE] [--json]",
    .summary = "look once at the memory map of a process or a family",
    .description =
        "Prints every region of the process with its size and what of it is resident (Rss), its "
        "share of it (Pss), private and dirty (PrDirty), swapped, locked, in huge pages or free to "
        "be taken (LazyFree), in KiB, with totals. On a narrow terminal the columns that say "
        "something come first, and those left out are named; into a pipe or a file every column "
        "goes. COLUMNS sets the width.\n\n"
        "With --tree, or several pids, a row a process and then a column a process: what is "
        "mapped, "
        "by the share (Pss) each has in it, so that shared memory counts once.\n\n"
        "The process runs on. Reading its smaps holds its memory map's lock for a moment, longer "
        "the more it has resident. Memory that is held only by a descriptor (memfd, POSIX shared "
        "memory) or as the creator of a System V segment is listed below the table.",
    .argp = &argp,
    .run = run,
};
