/* `seep dump`: save memory of running processes into a case. */
#include <inttypes.h>
#include <stdio.h>

#include "analyzer/analysis.h"
#include "base/units.h"
#include "cmd/command.h"
#include "cmd/find_case.h"
#include "cmd/pids.h"
#include "cmd/save_memory.h"
#include "cmd/stop.h"
#include "evidence/case.h"
#include "evidence/snapshot.h"
#include "target/describe.h"
#include "target/mapped.h"
#include "target/take.h"

extern const struct seep_command command_dump;

enum { WATCH_S = 10 };

enum {
    OPTION_REGION = 0x200,
    OPTION_GROWING,
    OPTION_FINDING,
    OPTION_HEAP,
    OPTION_ALL,
    OPTION_SWAPPED,
    OPTION_MAX_SIZE,
};

struct options {
    struct proc_pids pids;
    bool tree;
    const char *case_path;
    VECTOR(struct dumper_range) regions;
    bool growing, heap, all, swapped, quiet;
    uint64_t finding; /* its rank; 0: none */
    uint64_t max_bytes;
};

/* What a dump that is under way knows. */
struct work {
    const struct options *options;
    struct case_dir *c;
    bool fresh; /* the case is ours from its start */
    int snapshots_fd;
    size_t dumps;  /* made */
    bool troubled; /* something was said that makes the exit status a failure */
    const char *cut;
};

static const struct argp_option option_table[] = {
    {"pid", 'p', "PID[,PID...]", 0, "The processes whose memory is to be saved", 0},
    {"tree", 't', NULL, 0, "And all their descendants", 0},
    {"output", 'o', "CASE", 0, "The case to add to, or the directory to make (EXE-PID-TIME.seep)",
     0},
    {"region", OPTION_REGION, "START-END", 0,
     "Save what is mapped between these hexadecimal addresses; may be repeated", 0},
    {"growing", OPTION_GROWING, NULL, 0,
     "Save the regions that grew since the case's first snapshot, or else within 10 s from now", 0},
    {"finding", OPTION_FINDING, "N", 0,
     "Save the regions of the Nth finding of the case (the last one here of PID)", 0},
    {"heap", OPTION_HEAP, NULL, 0, "Save [heap]", 0},
    {"all", OPTION_ALL, NULL, 0, "Save everything but what is unchanged in the files it is from",
     0},
    {"swapped", OPTION_SWAPPED, NULL, 0,
     "Read pages that are in swap too, which brings them back into memory", 0},
    {"max-size", OPTION_MAX_SIZE, "SIZE", 0, "Write no more than SIZE a dump: 500MiB", 0},
    {"quiet", 'q', NULL, 0, "Say nothing of what went well, and show no progress", 0},
    {0},
};

static void add_region(const struct argp_state *state, struct options *options, const char *text)
{
    struct dumper_range range;

    if (!units_parse_range(text, &range.start, &range.end))
        argp_error(state,
                   "--region takes two hexadecimal addresses such as "
                   "7f4674483000-7f46d46e3000, not '%s'",
                   text);
    else if (vector_push(&options->regions, range))
        argp_failure(state, COMMAND_FAILED, 0, "out of memory");
}

static void check(const struct argp_state *state, const struct options *options)
{
    if (options->pids.count == 0)
        argp_error(state, "which process? -p PID");
    if (!options->regions.count && !options->growing && !options->finding && !options->heap &&
        !options->all)
        argp_error(state, "what is to be saved? --growing, --region START-END, --finding N, --heap "
                          "or --all");
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct options *options = state->input;

    switch (key) {
    case 'p':
        pids_parse(state, text, &options->pids);
        return 0;
    case 't':
        options->tree = true;
        return 0;
    case 'o':
        options->case_path = text;
        return 0;
    case 'q':
        options->quiet = true;
        return 0;
    case OPTION_REGION:
        add_region(state, options, text);
        return 0;
    case OPTION_GROWING:
        options->growing = true;
        return 0;
    case OPTION_FINDING:
        if (!units_parse_number(text, UINT32_MAX, &options->finding) || !options->finding)
            argp_error(state, "--finding takes a finding's number from the report, not '%s'", text);
        return 0;
    case OPTION_HEAP:
        options->heap = true;
        return 0;
    case OPTION_ALL:
        options->all = true;
        return 0;
    case OPTION_SWAPPED:
        options->swapped = true;
        return 0;
    case OPTION_MAX_SIZE:
        if (!units_parse_size(text, &options->max_bytes) || !options->max_bytes)
            argp_error(state, "--max-size takes a size such as 500MiB or 2GiB, not '%s'", text);
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "'%s' is not expected here: name the process with -p PID", text);
        return 0;
    case ARGP_KEY_END:
        check(state, options);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .options = option_table,
    .parser = parse,
    .doc = "Save memory of running processes, which run on, into a case.",
};

/* --- the case --- */

static struct seep_error *create_case(struct work *work, pid_t pid)
{
    _cleanup_free_ char *exe = NULL;
    struct seep_error *err = proc_exe(pid, &exe);

    /* Another user's exe may not be told: the case then has the pid alone for a name. */
    if (err && err->code != ERROR_DENIED)
        return err;
    error_destroy(err);
    err = case_create(work->options->case_path, exe, pid, &work->c);
    if (err)
        return err;
    work->fresh = true;
    err = describe_host(work->c);
    if (!err)
        err = describe_target(work->c, pid);
    if (!err)
        err = case_set_text(work->c, "watch", "backend", "snapshots");
    if (!err)
        err = case_set_number(work->c, "clock", "started_ns", units_monotonic_ns());
    if (!err)
        err = case_save(work->c, CASE_RECORDING, NULL);
    return err ? err : case_create_file(work->c, "snapshots", &work->snapshots_fd);
}

static struct seep_error *open_case(struct work *work)
{
    const struct options *options = work->options;
    const char *path = options->case_path;
    _cleanup_free_ char *found = NULL;
    struct seep_error *err = NULL;

    if (!path && options->finding) {
        err = find_case_of(options->pids.items[0], &found);
        path = found;
    }
    if (!err && path)
        err = case_open(path, &work->c);
    if (err && err->code == ERROR_NOT_FOUND && !options->finding) {
        error_destroy(err);
        err = NULL;
    }
    return err || work->c ? err : create_case(work, options->pids.items[0]);
}

/* A fresh case gets a look at each process when it begins and when it ends, to be analysed by. */
static struct seep_error *look(struct work *work, enum snapshot_reason reason)
{
    const struct proc_pids *pids = &work->options->pids;
    struct seep_error *err = NULL;

    for (size_t i = 0; i < pids->count && work->fresh && !err; i++) {
        struct taken taken = {0};

        err = take_snapshot(pids->items[i], reason, TAKE_FULL, &taken);
        if (!err)
            err = snapshot_write(work->snapshots_fd, &taken.record, NULL);
        taken_deinit(&taken);
    }
    return err;
}

static struct seep_error *save_case(struct work *work)
{
    struct seep_error *err;

    if (!work->fresh)
        return case_save(work->c, case_state(work->c), NULL);
    err = look(work, SNAPSHOT_END);
    /* The process may have ended in the meantime; its memory is there all the same. */
    if (err && err->code == ERROR_GONE) {
        error_destroy(err);
        err = NULL;
    }
    if (!err)
        err = case_set_number(work->c, "clock", "ended_ns", units_monotonic_ns());
    return err ? err : case_save(work->c, work->cut ? CASE_INTERRUPTED : CASE_COMPLETE, work->cut);
}

/* --- dumps --- */

static void tell(struct work *work, pid_t pid, const struct dumper_result *result)
{
    struct units_text raw, read, file;

    if (result->number)
        work->dumps++;
    if (result->stopped) {
        work->troubled = true;
        work->cut = result->reason;
        fprintf(stderr, "seep: mem/%u-%d was cut short: %s (what was saved until then is there)\n",
                result->number, (int)pid, result->reason);
    }
    if (result->vanished && !result->stopped)
        fprintf(stderr, "seep: %" PRIu64 " regions of process %d went away while being saved\n",
                result->vanished, (int)pid);
    if (work->options->quiet || !result->number)
        return;
    printf("mem/%u-%d: %s of %s in %" PRIu64 " files, %s on disk", result->number, (int)pid,
           units_format_size(&read, result->read_bytes), units_format_size(&raw, result->raw_bytes),
           result->ranges, units_format_size(&file, result->file_bytes));
    if (result->swapped_bytes)
        printf("; %s are in swap (--swapped reads them)",
               units_format_size(&raw, result->swapped_bytes));
    if (result->unreadable_bytes)
        printf("; %s could not be read%s", units_format_size(&raw, result->unreadable_bytes),
               geteuid() ? ", root may be able to" : "");
    if (result->skipped)
        printf("; %" PRIu64 " regions left out, the first as %s", result->skipped,
               result->skipped_why);
    putchar('\n');
}

static struct dumper_options common(const struct work *work)
{
    return (struct dumper_options){
        .swapped = work->options->swapped,
        .show_progress = !work->options->quiet,
        .max_bytes = work->options->max_bytes,
        .stop = &stop_requested,
    };
}

/* Reports ERR, which is the end of one dump and not of the others. */
static void settle(struct work *work, pid_t pid, struct seep_error *err,
                   const struct dumper_result *result)
{
    tell(work, pid, result);
    if (command_report(err, "saving memory of process %d", (int)pid))
        work->troubled = true;
}

static void dump(struct work *work, pid_t pid, enum dumper_what what, const char *why)
{
    struct dumper_options options = common(work);
    struct dumper_result result = {0};

    options.what = what;
    options.why = why;
    options.ranges = work->options->regions.items;
    options.range_count = work->options->regions.count;
    settle(work, pid, dumper_dump(work->c->fd, pid, &options, &result), &result);
}

static void dump_ranges(struct work *work, pid_t pid, const struct growing_ranges *ranges,
                        const char *why)
{
    struct dumper_options options = common(work);
    struct dumper_result result = {0};

    options.why = why;
    settle(work, pid, save_memory_ranges(work->c->fd, pid, ranges, &options, &result), &result);
}

/* --- growing --- */

struct watched {
    pid_t pid;
    bool in_case;      /* the case has a first look of its own */
    struct maps first; /* else this */
};

static void dump_growing_one(struct work *work, const struct watched *w)
{
    struct growing_ranges ranges = {0};
    struct seep_error *err;
    bool found;

    if (w->in_case) {
        err = save_memory_find_growing(work->c->fd, w->pid, &ranges, &found);
    } else {
        _cleanup_(maps_deinit) struct maps now = {0};

        err = mapped_regions(w->pid, &now);
        if (!err)
            err = growing_find(&w->first, &now, &ranges);
    }
    if (err) {
        settle(work, w->pid, err, &(struct dumper_result){0});
    } else if (ranges.count == 0) {
        if (!work->options->quiet)
            printf("process %d: no region grew\n", (int)w->pid);
    } else {
        dump_ranges(work, w->pid, &ranges, "growing");
    }
    vector_deinit(&ranges);
}

/* Finds out of which processes the case cannot say how they were, and watches these. */
static void dump_growing(struct work *work)
{
    const struct proc_pids *pids = &work->options->pids;
    struct watched *watched = calloc(pids->count, sizeof(*watched));
    struct seep_error *err = watched ? NULL : error_no_memory();
    bool wait = work->fresh;

    for (size_t i = 0; i < pids->count && !err; i++) {
        struct growing_ranges ranges = {0};

        watched[i].pid = pids->items[i];
        err = save_memory_find_growing(work->c->fd, pids->items[i], &ranges, &watched[i].in_case);
        vector_deinit(&ranges);
        if (!err && !watched[i].in_case) {
            wait = true;
            err = mapped_regions(pids->items[i], &watched[i].first);
        }
    }
    if (!err && wait) {
        if (!work->options->quiet)
            fprintf(stderr, "seep: watching for %d s what grows\n", WATCH_S);
        stop_sleep((uint64_t)WATCH_S * NS_PER_S);
    }
    for (size_t i = 0; i < pids->count && !err && !stop_requested; i++)
        dump_growing_one(work, &watched[i]);
    if (command_report(err, "looking for what grows"))
        work->troubled = true;
    for (size_t i = 0; i < pids->count && watched; i++)
        maps_deinit(&watched[i].first);
    free(watched);
}

/* --- a finding --- */

static const struct finding *find_finding(const struct analysis *analysis, uint64_t rank)
{
    for (size_t i = 0; i < analysis->findings.count; i++)
        if (analysis->findings.items[i].rank == rank)
            return &analysis->findings.items[i];
    return NULL;
}

/* The regions as they are now that were, or overlap, the finding's. */
static struct seep_error *regions_now(const struct finding *finding, pid_t pid,
                                      struct growing_ranges *ranges)
{
    _cleanup_(maps_deinit) struct maps now = {0};
    struct seep_error *err = mapped_regions(pid, &now);

    for (size_t i = 0; i < finding->vmas.count && !err; i++) {
        const struct analysis_vma *was = &finding->vmas.items[i];

        for (size_t n = maps_lower_bound(&now, was->start);
             n < now.count && now.vmas[n].start < was->end && was->pid == pid && !err; n++)
            err =
                vector_push(ranges, (struct growing_range){now.vmas[n].start, now.vmas[n].end, 0});
    }
    if (!err && ranges->count == 0)
        err = error_create(ERROR_NOT_FOUND, "none of the finding's regions is there any more");
    return err;
}

static void dump_finding(struct work *work)
{
    _cleanup_(analysis_destroyp) struct analysis *analysis = NULL;
    const struct analysis_options options = {.skip_content = true};
    const struct proc_pids *pids = &work->options->pids;
    struct seep_error *err = analysis_run(work->c, &options, &analysis);
    const struct finding *finding = err ? NULL : find_finding(analysis, work->options->finding);

    if (!err && !finding)
        err = error_remedy(
            error_create(ERROR_NOT_FOUND, "the report has %zu findings", analysis->findings.count),
            "`seep analyze %s` lists them", work->c->path);
    if (command_report(err, "looking for finding %" PRIu64, work->options->finding)) {
        work->troubled = true;
        return;
    }
    for (size_t i = 0; i < pids->count && !stop_requested; i++) {
        struct growing_ranges ranges = {0};

        err = regions_now(finding, pids->items[i], &ranges);
        if (err)
            settle(work, pids->items[i], err, &(struct dumper_result){0});
        else
            dump_ranges(work, pids->items[i], &ranges, "finding");
        vector_deinit(&ranges);
    }
}

/* --- the story --- */

static void dump_all_kinds(struct work *work)
{
    const struct options *options = work->options;

    for (size_t i = 0; i < options->pids.count && !stop_requested; i++) {
        if (options->regions.count)
            dump(work, options->pids.items[i], DUMPER_RANGES, "region");
        if (options->heap && !stop_requested)
            dump(work, options->pids.items[i], DUMPER_HEAP, "heap");
        if (options->all && !stop_requested)
            dump(work, options->pids.items[i], DUMPER_ALL, "all");
    }
    if (options->finding && !stop_requested)
        dump_finding(work);
    if (options->growing && !stop_requested)
        dump_growing(work);
}

static struct seep_error *add_descendants(struct options *options)
{
    size_t named = options->pids.count;
    struct seep_error *err = NULL;

    for (size_t i = 0; i < named && options->tree && !err; i++)
        err = proc_descendants(options->pids.items[i], &options->pids);
    return err;
}

static int run_work(struct work *work)
{
    struct seep_error *err = open_case(work);

    if (!err)
        err = look(work, SNAPSHOT_START);
    if (!err)
        dump_all_kinds(work);
    if (stop_requested && !work->cut) {
        fprintf(stderr, "seep: interrupted\n");
        work->troubled = true;
        work->cut = "interrupted";
    }
    if (work->dumps == 0) {
        if (work->fresh)
            case_discard(work->c);
    } else if (!err) {
        err = save_case(work);
        if (!err && !work->options->quiet)
            fprintf(stderr, "seep: the case is in %s\n", work->c->path);
    }
    if (err)
        return command_report(err, "saving memory");
    return work->troubled ? COMMAND_FAILED : COMMAND_DONE;
}

static int run(const struct seep_command *command, int argc, char **argv)
{
    struct options options = {0};
    struct work work = {.options = &options, .snapshots_fd = -1};
    struct seep_error *err;
    int status;

    command_parse(command, argc, argv, &options);
    stop_on_signals();
    /* A file's size limit is a full disk by another name. */
    signal(SIGXFSZ, SIG_IGN);
    err = add_descendants(&options);
    status = err ? command_report(err, "looking for descendants") : run_work(&work);
    cleanup_close(&work.snapshots_fd);
    case_destroy(work.c);
    vector_deinit(&options.pids);
    vector_deinit(&options.regions);
    return status;
}

const struct seep_command command_dump = {
    .name = "dump",
    .arguments = "-p PID[,PID...] [--tree] [-o CASE] WHAT...",
    .summary = "save memory of running processes into a case",
    .description =
        "Copies memory out of processes while they run on: they are not stopped, and no page is "
        "added to them. Pages that were never touched are not read, nor are pages in swap unless "
        "--swapped is given; shared memory and files are read from the object behind the mapping "
        "where the process has not touched it.\n\n"
        "Each dump is a directory mem/N-PID/ of the case, a region a file START-END.gz: `zcat` "
        "gives the bytes that gdb's `dump memory` would give, `seep show CASE bytes` prints them "
        "by address, and the index beside it tells which pages were absent. A case that is there "
        "is added to; else one is made, with a snapshot of the process.\n\n"
        "A dump of memory in motion is not one moment's picture. To have that, stop the process "
        "first (kill -STOP) and let it go on afterwards.\n\n"
        "^C, a full disk and --max-size end a dump with what was saved until then, which is valid; "
        "the exit status is 1.",
    .argp = &argp,
    .run = run,
};
