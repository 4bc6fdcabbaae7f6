/* seep import: evidence that other tools left, made into a case. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/units.h"
#include "cmd/command.h"
#include "evidence/case.h"
#include "importer/compressed.h"
#include "importer/importer.h"

enum {
    KEY_DATE = 0x3000,
    KEY_TZ,
    KEY_PID,
    KEY_FORMATS, /* and one for each row of the table from here on */
    MAX_FORMATS = 64,
    SHOWN_REMARKS = 8,
};

struct named_file {
    const char *text;                /* as on the command line */
    const struct importer *importer; /* NULL: by its content */
    struct input *input;
};

struct arguments {
    const char *case_path;
    bool quiet;
    struct collection_options collection;
    VECTOR(struct named_file) files;
};

/* --- options --- */

static void add_file(struct arguments *arguments, const char *text, const struct importer *importer,
                     const struct argp_state *state)
{
    struct seep_error *err =
        vector_push(&arguments->files, (struct named_file){text, importer, NULL});

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

/* --- files --- */

static struct seep_error *refuse_unknown(const struct input *in)
{
    struct seep_error *err = error_create(ERROR_INVALID, "%s is of no known kind", in->path);
    char known[1024] = "";
    size_t used = 0;

    for (size_t i = 0; importers[i] && used < sizeof(known) - 64; i++)
        used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", i ? ", " : "",
                                 importers[i]->expected);
    return error_remedy(err, "known are %s; an option such as --%s says what a file is", known,
                        importers[0]->option);
}

static struct seep_error *refuse_compressed(const struct named_file *file, const char *head,
                                            size_t len)
{
    const char *tool = NULL, *kind = compressed_kind(head, len, &tool);

    /* What an option calls a dump of memory may begin with anything. */
    if (!kind || (file->importer && strcmp(file->importer->name, "raw") == 0))
        return NULL;
    return error_remedy(
        error_create(ERROR_UNSUPPORTED, "%s is compressed with %s", file->input->path, kind),
        "expand it first, with %s", tool);
}

/* FILE@TIME, but for what needs an address more. */
static struct seep_error *check_suffix(const struct named_file *file)
{
    struct when when;

    if (!file->input->suffix || file->importer->stage == IMPORTER_MEMORY)
        return NULL;
    return input_suffix_time(file->input, &when);
}

static struct seep_error *open_files(struct arguments *arguments)
{
    struct seep_error *err = NULL;

    for (size_t i = 0; i < arguments->files.count && !err; i++) {
        struct named_file *file = &arguments->files.items[i];
        const char *head;
        size_t len;

        err = input_open(file->text, &file->input);
        if (!err)
            err = input_head(file->input, &head, &len);
        if (!err)
            err = refuse_compressed(file, head, len);
        if (!err && !file->importer && !(file->importer = importer_recognise(head, len)))
            err = refuse_unknown(file->input);
        if (!err)
            err = check_suffix(file);
    }
    return err;
}

/* The name under which the case has the same bytes already; NULL. */
static const char *find_import(const struct case_dir *c, uint64_t size_bytes, const char *sha256)
{
    const json_t *imports = json_object_get(c->json, "imports");

    for (size_t i = 0; i < json_array_size(imports); i++) {
        const json_t *import = json_array_get(imports, i);
        const char *sum = json_string_value(json_object_get(import, "sha256"));

        if ((uint64_t)json_integer_value(json_object_get(import, "size_bytes")) != size_bytes)
            continue;
        if (!sha256 || (sum && strcmp(sum, sha256) == 0))
            return json_string_value(json_object_get(import, "file"));
    }
    return NULL;
}

/* The same file twice would count everything twice. Only files of the same size are read for it. */
static struct seep_error *refuse_twice(const struct case_dir *c, const struct arguments *arguments,
                                       size_t at)
{
    struct input *in = arguments->files.items[at].input;
    const char *before = find_import(c, in->size_bytes, NULL);
    struct seep_error *err = NULL;
    char sum[65], other[65];

    if (!in->size_bytes)
        return NULL;
    if (before) {
        err = input_sha256(in, sum);
        before = err ? NULL : find_import(c, in->size_bytes, sum);
    }
    for (size_t i = 0; i < at && !err && !before; i++) {
        struct input *earlier = arguments->files.items[i].input;

        if (earlier->size_bytes != in->size_bytes)
            continue;
        err = input_sha256(in, sum);
        if (!err)
            err = input_sha256(earlier, other);
        if (!err && strcmp(sum, other) == 0)
            before = earlier->path;
    }
    if (err || !before)
        return err;
    return error_remedy(error_create(ERROR_INVALID,
                                     "%s has the same bytes as %s, which is there already",
                                     in->path, before),
                        "leave it out, or make a new case of it");
}

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

static void show_progress(const char *path, uint64_t taken_bytes, uint64_t size_bytes,
                          void *context)
{
    uint64_t *last_ns = context;
    uint64_t now_ns = units_monotonic_ns();
    _cleanup_free_ char *shown = NULL;

    if (now_ns - *last_ns < NS_PER_S / 4)
        return;
    *last_ns = now_ns;
    shown = escape_text(path, strlen(path));
    if (size_bytes)
        fprintf(stderr, "\r\033[K%s: %" PRIu64 "%%", shown ? shown : "?",
                taken_bytes * 100 / size_bytes);
    else
        fprintf(stderr, "\r\033[K%s: %" PRIu64 " MiB", shown ? shown : "?", taken_bytes >> 20);
}

/* --- the story --- */

static struct seep_error *import_file(struct collection *collection, const struct named_file *file)
{
    struct seep_error *err = collection_begin(collection, file->input, file->importer->name);

    if (!err)
        err = file->importer->import(file->input, collection);
    return err ? err : collection_end(collection);
}

static struct seep_error *import_files(struct collection *collection, struct case_dir *c,
                                       const struct arguments *arguments)
{
    struct seep_error *err = NULL;

    for (size_t i = 0; i < arguments->files.count && !err; i++)
        if (!arguments->files.items[i].importer->repeatable)
            err = refuse_twice(c, arguments, i);
    for (int stage = IMPORTER_REGIONS; stage <= IMPORTER_MEMORY && !err; stage++)
        for (size_t i = 0; i < arguments->files.count && !err; i++)
            if ((int)arguments->files.items[i].importer->stage == stage)
                err = import_file(collection, &arguments->files.items[i]);
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
    return case_create(path, NULL, 0, ret_case);
}

static struct seep_error *import_all(struct arguments *arguments)
{
    _cleanup_(case_destroyp) struct case_dir *c = NULL;
    _cleanup_(collection_destroyp) struct collection *collection = NULL;
    bool fresh = false, terminal = isatty(STDERR_FILENO) && !arguments->quiet;
    uint64_t progress_ns = units_monotonic_ns();
    struct seep_error *err = open_files(arguments);

    if (terminal) {
        arguments->collection.progress = show_progress;
        arguments->collection.context = &progress_ns;
    }
    if (!err)
        err = open_case(arguments->case_path, &c, &fresh);
    if (!err)
        err = collection_create(c->fd, &arguments->collection, &collection);
    if (!err)
        err = import_files(collection, c, arguments);
    if (!err)
        err = collection_write(collection, c);
    if (terminal)
        fputs("\r\033[K", stderr);
    if (!err)
        err = case_save(c, fresh ? CASE_COMPLETE : case_state(c), NULL);
    if (err && fresh && c)
        case_discard(c);
    if (!err && !arguments->quiet)
        print_result(collection, c);
    return err;
}

static int run(const struct seep_command *command, int argc, char **argv)
{
    struct arguments arguments = {0};
    struct seep_error *err;

    command_parse(command, argc, argv, &arguments);
    err = import_all(&arguments);
    for (size_t i = 0; i < arguments.files.count; i++)
        input_destroy(arguments.files.items[i].input);
    vector_deinit(&arguments.files);
    when_options_deinit(&arguments.collection.when);
    return command_report(err, "the import");
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
        "What was assumed is said here and in the report. The same file twice is refused.\n"
        "The time of a snapshot is that of its file, unless FILE@TIME says else.",
    .argp = &argp,
    .run = run,
};
