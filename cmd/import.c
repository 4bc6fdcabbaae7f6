/* seep import: evidence that other tools left, made into a case. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/escape.h"
#include "base/units.h"
#include "cmd/command.h"
#include "cmd/import_files.h"
#include "cmd/in_child.h"
#include "evidence/case.h"
#include "importer/importer.h"

enum {
    KEY_DATE = 0x3000,
    KEY_TZ,
    KEY_PID,
    KEY_SKIP_UNKNOWN,
    KEY_FORMATS, /* and one for each row of the table from here on */
    MAX_FORMATS = 64,
    SHOWN_REMARKS = 8,
};

struct arguments {
    const char *case_path;
    bool quiet, skip_unknown;
    struct collection_options collection;
    struct import_files files;
};

/* --- options --- */

static void add_file(struct arguments *arguments, const char *text, const struct importer *importer,
                     const struct argp_state *state)
{
    struct seep_error *err =
        vector_push(&arguments->files, (struct import_file){.text = text, .importer = importer});

    if (err)
        argp_failure(state, COMMAND_FAILED, 0, "%s", err->message);
}

/* A mistake in a value ends here. */
static void expect(struct seep_error *err, const struct argp_state *state)
{
    if (err)
        argp_error(state, "%s (%s)", err->message, err->remedy ? err->remedy : "see --help");
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    uint64_t pid;

    if (key >= KEY_FORMATS && key < KEY_FORMATS + MAX_FORMATS) {
        add_file(arguments, argument, importers[key - KEY_FORMATS], state);
        return 0;
    }
    switch (key) {
    case 'o':
        arguments->case_path = argument;
        return 0;
    case 'q':
        arguments->quiet = true;
        return 0;
    case KEY_DATE:
        expect(when_parse_date(argument, &arguments->collection.when), state);
        return 0;
    case KEY_TZ:
        expect(when_parse_zone(argument, &arguments->collection.when), state);
        return 0;
    case KEY_PID:
        if (!units_parse_number(argument, 1 << 22, &pid) || !pid)
            argp_error(state, "'%s' is no pid", argument);
        arguments->collection.pid = (pid_t)pid;
        return 0;
    case KEY_SKIP_UNKNOWN:
        arguments->skip_unknown = true;
        return 0;
    case ARGP_KEY_ARG:
        add_file(arguments, argument, NULL, state);
        return 0;
    case ARGP_KEY_END:
        if (!arguments->case_path)
            argp_error(state, "which case? Name the directory to make, or to add to, with -o");
        if (!arguments->files.count)
            argp_error(state, "which files? Name what strace, pmap, gdb, jstack ... left");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option own_options[] = {
    {"output", 'o', "CASE", 0, "Make the case CASE, or add to it when it is there", 1},
    {"date", KEY_DATE, "DATE", 0,
     "The day of the first time of day of a log that has no dates, as 2021-03-02", 1},
    {"tz", KEY_TZ, "ZONE", 0,
     "The time zone of times that do not say theirs, as +08:00 or Europe/Berlin", 1},
    {"pid", KEY_PID, "PID", 0, "The process that files are of which do not say theirs", 1},
    {"skip-unknown", KEY_SKIP_UNKNOWN, NULL, 0,
     "Leave out files of no known kind instead of refusing all", 1},
    {"quiet", 'q', NULL, 0, "Print nothing but errors", 1},
    {0},
};

/* The formats' rows make the rest of the table. */
static struct argp_option options[ARRAY_SIZE(own_options) + MAX_FORMATS];

__attribute__((constructor)) static void build_options(void)
{
    size_t count = 0;

    for (; importers[count] && count < MAX_FORMATS; count++)
        options[count] = (struct argp_option){.name = importers[count]->option,
                                              .key = KEY_FORMATS + (int)count,
                                              .arg = importers[count]->argument,
                                              .doc = importers[count]->doc};
    memcpy(options + count, own_options, sizeof(own_options));
}

static const struct argp argp = {
    .options = options,
    .parser = parse,
    .args_doc = "FILE...",
    .doc = "Makes a case of what other tools left. A FILE is recognised by its content; an option "
           "says what it is instead.",
};

/* --- what was taken --- */

static void print_some(const char *what, uint64_t count, bool *any)
{
    struct units_text text;

    if (!count)
        return;
    printf("%s%s %s", *any ? ", " : ": ", units_format_count(&text, count), what);
    *any = true;
}

static void print_file(const struct collection_file *file)
{
    _cleanup_free_ char *path = escape_text(file->path, strlen(file->path));
    struct units_text text;
    bool any = false;

    printf("%s: %s", path ? path : "?", file->format);
    if (file->lines)
        printf(", %s lines", units_format_count(&text, file->lines));
    print_some("events", file->events, &any);
    print_some("snapshots", file->snapshots, &any);
    print_some("thread names", file->thread_names, &any);
    print_some("dumps of threads", file->thread_dumps, &any);
    print_some("facts", file->facts, &any);
    if (file->memory_bytes)
        printf("%s%s of memory", any ? ", " : ": ", units_format_size(&text, file->memory_bytes));
    putchar('\n');
    if (file->skipped)
        printf("  skipped %s lines that could not be read:\n",
               units_format_count(&text, file->skipped));
    for (size_t i = 0; i < ARRAY_SIZE(file->first_skipped) && file->first_skipped[i].text; i++)
        printf("    %s:%" PRIu64 ": %s\n", path ? path : "?", file->first_skipped[i].number,
               file->first_skipped[i].text);
    for (size_t i = 0; i < file->remarks.count && i < SHOWN_REMARKS; i++) {
        _cleanup_free_ char *shown =
            escape_text(file->remarks.items[i], strlen(file->remarks.items[i]));

        printf("  %s\n", shown ? shown : "?");
    }
}

static void print_result(const struct collection *collection, const struct case_dir *c)
{
    for (size_t i = 0; i < collection_file_count(collection); i++)
        print_file(collection_file(collection, i));
    for (size_t i = 0; i < collection_remark_count(collection); i++) {
        const char *remark = collection_remark_text(collection, i);
        _cleanup_free_ char *shown = escape_text(remark, strlen(remark));

        printf("note: %s\n", shown ? shown : "?");
    }
    printf("The case is in %s; `seep analyze %s` is next.\n", c->path, c->path);
}

/* What is shown on a terminal while it goes on. */
struct progress {
    uint64_t last_ns;
    size_t file, files;
};

static void show_progress(const char *path, uint64_t taken_bytes, uint64_t size_bytes,
                          void *context)
{
    struct progress *progress = context;
    uint64_t now_ns = units_monotonic_ns();
    _cleanup_free_ char *shown = NULL;

    if (now_ns - progress->last_ns < NS_PER_S / 4)
        return;
    progress->last_ns = now_ns;
    shown = escape_text(path, strlen(path));
    fprintf(stderr, "\r\033[K");
    if (progress->file && progress->files > 1)
        fprintf(stderr, "%zu of %zu: ", progress->file, progress->files);
    if (size_bytes)
        fprintf(stderr, "%s: %" PRIu64 "%%", shown ? shown : "?",
                (uint64_t)((double)taken_bytes * 100 / (double)size_bytes));
    else
        fprintf(stderr, "%s: %" PRIu64 " MiB", shown ? shown : "?", taken_bytes >> 20);
}

/* --- the story --- */

struct work {
    struct arguments *arguments;
    struct case_dir *c;
    bool fresh;
    struct progress progress;
};

/* What cannot be read does not end the import of all others. */
static struct seep_error *leave_rest(struct collection *collection, struct seep_error *err)
{
    _cleanup_error_ struct seep_error *why = err;

    return collection_remark(collection, "no more can be read of it: %s", why->message);
}

static struct seep_error *import_file(struct collection *collection, struct import_file *file,
                                      bool only)
{
    struct seep_error *err = import_file_open(file);

    if (!err)
        err = collection_begin(collection, file->input, file->importer->name);
    if (err)
        return err;
    err = file->importer->import(file->input, collection);
    if (err && err->code == ERROR_CORRUPT && !only)
        err = leave_rest(collection, err);
    if (!err)
        err = collection_end(collection);
    import_file_close(file);
    return err;
}

static struct seep_error *import_files(struct work *work, struct collection *collection)
{
    struct import_files *files = &work->arguments->files;
    struct seep_error *err = import_files_refuse_twice(files, work->c);

    work->progress.files = files->count;
    for (int stage = IMPORTER_REGIONS; stage <= IMPORTER_MEMORY && !err; stage++)
        for (size_t i = 0; i < files->count && !err; i++) {
            struct import_file *file = &files->items[i];

            if (!file->importer || (int)file->importer->stage != stage)
                continue;
            work->progress.file++;
            err = import_file(collection, file, files->count == 1);
        }
    work->progress.file = 0;
    return err;
}

/* A case that is there is added to. */
static struct seep_error *open_case(const char *path, struct case_dir **ret_case, bool *ret_fresh)
{
    struct seep_error *err = case_open(path, ret_case);

    *ret_fresh = false;
    if (!err && (*ret_case)->live)
        return error_remedy(error_create(ERROR_INVALID, "%s is still being recorded", path),
                            "end the recording first");
    if (!err || (err->code != ERROR_NOT_FOUND && access(path, F_OK) == 0))
        return err;
    error_destroy(err);
    *ret_fresh = true;
    err = case_create(path, NULL, 0, ret_case);
    return err ? err : case_save(*ret_case, CASE_RECORDING, case_import_begun);
}

/* Until it is saved again the case says that an import into it was begun. */
static struct seep_error *write_all(struct work *work, struct collection *collection)
{
    struct case_dir *c = work->c;
    enum case_state state = work->fresh ? CASE_COMPLETE : case_state(c);
    struct case_info info;
    _cleanup_free_ char *reason = NULL;
    struct seep_error *err = NULL;

    case_info(c, &info);
    if (info.reason && !info.import_open && !work->fresh)
        reason = strdup(info.reason);
    if (!work->fresh)
        err = case_save(c, CASE_RECORDING, case_import_begun);
    if (!err)
        err = collection_write(collection, c);
    if (!err && json_object_del(c->json, "reason") < 0)
        err = error_no_memory();
    return err ? err : case_save(c, state, reason);
}

static struct seep_error *import_all(struct work *work)
{
    struct arguments *arguments = work->arguments;
    _cleanup_(collection_destroyp) struct collection *collection = NULL;
    bool terminal = isatty(STDERR_FILENO) && !arguments->quiet;
    struct seep_error *err;

    work->progress.last_ns = units_monotonic_ns();
    if (terminal) {
        arguments->collection.progress = show_progress;
        arguments->collection.context = &work->progress;
    }
    err = collection_create(work->c->fd, &arguments->collection, &collection);
    if (!err)
        err = import_files(work, collection);
    if (!err)
        err = write_all(work, collection);
    if (terminal)
        fputs("\r\033[K", stderr);
    if (!err && !arguments->quiet)
        print_result(collection, work->c);
    return err;
}

static int import_in_child(void *context)
{
    struct work *work = context;
    struct seep_error *err = import_all(work);

    if (err && err->code == ERROR_FULL && !err->remedy)
        error_remedy(err, "make room there, or name a case elsewhere with -o");
    return command_report(err, "the import into %s", work->c->path);
}

/* Dumps of memory stay open until they are written, thousands of them perhaps. */
static void allow_many_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int run(const struct seep_command *command, int argc, char **argv)
{
    struct arguments arguments = {0};
    struct work work = {.arguments = &arguments};
    int status = COMMAND_DONE;
    struct seep_error *err;

    command_parse(command, argc, argv, &arguments);
    signal(SIGXFSZ, SIG_IGN); /* EFBIG says it better */
    allow_many_files();
    err = import_files_look(&arguments.files, arguments.skip_unknown);
    if (!err)
        err = open_case(arguments.case_path, &work.c, &work.fresh);
    if (!err)
        err = in_child(import_in_child, &work, &status);
    if ((err || status != COMMAND_DONE) && work.fresh && work.c)
        case_discard(work.c);
    case_destroy(work.c);
    import_files_deinit(&arguments.files);
    when_options_deinit(&arguments.collection.when);
    return err ? command_report(err, "the import") : status;
}

const struct seep_command command_import = {
    .name = "import",
    .arguments = "-o CASE [--date D] [--tz ZONE] [--pid PID] [--FORMAT] FILE...",
    .summary = "make a case of what strace, pmap, gdb and others left",
    .description =
        "Most incidents are over before seep is installed. Import turns what was collected by hand "
        "into the same kind of case that a recording gives: strace logs become events, pmap and "
        "smaps snapshots, memory dumps saved memory, thread dumps names and call paths. Files may "
        "be compressed with gzip and have any line ending; what each is, is told by its content "
        "where no option says it.\n"
        "A line that cannot be read is counted, the first few are shown, and the rest goes on. "
        "What was assumed is said here and in the report. The same file twice is refused, "
        "and so are files of no known kind, all of them before anything is read, unless "
        "--skip-unknown leaves them out.\n"
        "^C leaves nothing behind. An import that was killed says so in the case.\n"
        "The time of a snapshot is that of its file, unless FILE@TIME says else.",
    .argp = &argp,
    .run = run,
};
