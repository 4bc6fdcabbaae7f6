/* seep show CASE bytes: saved memory by address, as hexdump -C prints it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "cmd/show.h"
#include "evidence/case.h"
#include "evidence/dump.h"

extern const struct show_topic show_bytes;

enum { LINE_BYTES = 16, DEFAULT_LEN = 256 };

enum { KEY_FROM = 0x200, KEY_LEN, KEY_RAW, KEY_DUMP, KEY_PID };

struct options {
    uint64_t from, len, number, pid; /* NUMBER, PID: 0 any */
    bool has_from, raw;
};

/* The dumps of one process, each readable. */
struct layers {
    struct dumps dumps;
    VECTOR(struct mem_source *) sources; /* the oldest first */
};

/* --- reading --- */

static struct seep_error *no_dump(const struct options *options, const struct layers *layers)
{
    struct seep_error *err = layers->dumps.dumps.count == 0
                                 ? error_create(ERROR_NOT_FOUND, "no memory was saved in this case")
                                 : error_create(ERROR_NOT_FOUND, "the case has no such dump");

    return layers->dumps.dumps.count == 0
               ? error_remedy(err, "`seep dump -p PID -o CASE ...` saves some")
               : error_remedy(err, "its mem/ lists them: NUMBER-PID%s",
                              options->pid ? "" : ", and --pid chooses the process");
}

/* The process that is meant when none is named: the case's own, if any of its memory was saved, or
 * that of the last dump. */
static pid_t choose_pid(const struct case_dir *c, const struct options *options,
                        const struct layers *layers)
{
    struct case_info info;
    pid_t last = 0;

    if (options->pid)
        return (pid_t)options->pid;
    case_info(c, &info);
    for (size_t i = 0; i < layers->dumps.dumps.count; i++) {
        const struct dump *dump = layers->dumps.dumps.items[i];

        if (options->number ? dump->number == options->number : dump->pid == info.pid)
            return dump->pid;
        last = dump->pid;
    }
    return last;
}

static void layers_deinit(struct layers *layers)
{
    for (size_t i = 0; i < layers->sources.count; i++)
        mem_source_destroy(layers->sources.items[i]);
    vector_deinit(&layers->sources);
    dumps_deinit(&layers->dumps);
}

static struct seep_error *open_layers(const struct case_dir *c, const struct options *options,
                                      struct layers *layers)
{
    struct seep_error *err = dumps_open(c->fd, &layers->dumps);
    pid_t pid = err ? 0 : choose_pid(c, options, layers);

    if (!err && layers->dumps.damaged)
        fprintf(stderr, "seep: %zu damaged files of saved memory are left out\n",
                layers->dumps.damaged);
    for (size_t i = 0; i < layers->dumps.dumps.count && !err; i++) {
        const struct dump *dump = layers->dumps.dumps.items[i];
        struct mem_source *src = NULL;

        if (dump->pid != pid || (options->number && dump->number != options->number))
            continue;
        err = dump_source_create(dump, &src);
        if (!err)
            err = vector_push(&layers->sources, src);
        if (err)
            mem_source_destroy(src);
    }
    if (!err && layers->sources.count == 0)
        err = no_dump(options, layers);
    return err;
}

/* Reads within one page, from the latest dump that has it. */
static struct seep_error *read_page(const struct layers *layers, uint64_t addr, void *buf,
                                    size_t len, size_t *ret_got)
{
    struct seep_error *err = NULL;
    size_t got = 0;

    for (size_t i = layers->sources.count; i-- > 0 && got == 0 && !err;)
        err = mem_source_read(layers->sources.items[i], addr, buf, len, &got);
    if (!err)
        *ret_got = got;
    return err;
}

/* --- printing --- */

struct printer {
    bool raw;
    uint64_t address; /* of the line under way */
    uint8_t line[LINE_BYTES], last[LINE_BYTES];
    size_t filled;
    bool begun, has_last, squeezing;
};

static void print_line(const struct printer *p)
{
    printf("%08" PRIx64 " ", p->address);
    for (size_t i = 0; i < LINE_BYTES; i++) {
        if (i % 8 == 0)
            putchar(' ');
        if (i < p->filled)
            printf("%02x ", p->line[i]);
        else
            fputs("   ", stdout);
    }
    fputs(" |", stdout);
    for (size_t i = 0; i < p->filled; i++)
        putchar(p->line[i] >= 0x20 && p->line[i] < 0x7f ? p->line[i] : '.');
    fputs("|\n", stdout);
}

/* A line like the one before it is shown by one `*` for all of its kind. */
static void end_line(struct printer *p)
{
    bool whole = p->filled == LINE_BYTES;
    bool same = whole && p->has_last && memcmp(p->line, p->last, LINE_BYTES) == 0;

    if (p->filled == 0)
        return;
    if (!same)
        print_line(p);
    else if (!p->squeezing)
        puts("*");
    p->squeezing = same;
    p->has_last = whole;
    memcpy(p->last, p->line, LINE_BYTES);
    p->address += p->filled;
    p->filled = 0;
}

/* Ends what was printed with its end address, as hexdump does. */
static void end_run(struct printer *p)
{
    end_line(p);
    if (p->begun)
        printf("%08" PRIx64 "\n", p->address);
    p->begun = p->has_last = p->squeezing = false;
}

static void print_bytes(struct printer *p, uint64_t addr, const uint8_t *bytes, size_t len)
{
    if (p->raw) {
        fwrite(bytes, 1, len, stdout);
        return;
    }
    if (!p->begun)
        p->address = addr;
    p->begun = true;
    for (size_t i = 0; i < len; i++) {
        p->line[p->filled++] = bytes[i];
        if (p->filled == LINE_BYTES)
            end_line(p);
    }
}

/* --- the story --- */

static uint64_t page_end(uint64_t addr)
{
    return addr > UINT64_MAX - DUMP_PAGE_BYTES ? UINT64_MAX
                                               : addr - addr % DUMP_PAGE_BYTES + DUMP_PAGE_BYTES;
}

/* Where what can be read begins again. */
static struct seep_error *skip_hole(const struct layers *layers, uint64_t addr, uint64_t end,
                                    uint64_t *ret_addr)
{
    struct seep_error *err = NULL;
    size_t got = 0;
    uint8_t byte;

    while (addr < end && !err) {
        addr = page_end(addr);
        if (addr < end)
            err = read_page(layers, addr, &byte, 1, &got);
        if (got)
            break;
    }
    *ret_addr = addr < end ? addr : end;
    return err;
}

static struct seep_error *not_saved(uint64_t start, uint64_t end)
{
    return error_remedy(
        error_create(ERROR_NOT_FOUND, "%08" PRIx64 "-%08" PRIx64 " is not in the case", start, end),
        "the case's mem/*/dump.json tells what was saved, and why not the rest");
}

/* Bytes written raw lose their addresses: there a hole is the end. In the table it is a gap. */
static struct seep_error *print_range(const struct layers *layers, const struct options *options)
{
    struct printer printer = {.raw = options->raw};
    uint64_t at = options->from, end = options->from + options->len;
    struct seep_error *err = NULL, *hole = NULL;
    uint8_t page[DUMP_PAGE_BYTES];

    while (at < end && !err && !ferror(stdout)) {
        size_t len = (size_t)((page_end(at) < end ? page_end(at) : end) - at), got = 0;
        uint64_t behind = at;

        err = read_page(layers, at, page, len, &got);
        if (got)
            print_bytes(&printer, at, page, got);
        at += got;
        if (err || got == len)
            continue;
        err = skip_hole(layers, at, end, &behind);
        if (!err && !hole)
            hole = not_saved(at, behind);
        if (options->raw)
            break;
        end_run(&printer);
        at = behind;
    }
    end_run(&printer);
    if (err)
        error_destroy(hole);
    return err ? err : hole;
}

static struct seep_error *show(const char *case_path, const struct options *options)
{
    _cleanup_(case_destroyp) struct case_dir *c = NULL;
    _cleanup_(layers_deinit) struct layers layers = {0};
    struct seep_error *err = command_open_case(case_path, &c);

    if (!err)
        err = open_layers(c, options, &layers);
    if (!err)
        err = print_range(&layers, options);
    return show_end(err);
}

static bool parse_len(const char *text, uint64_t *ret_len)
{
    return strncmp(text, "0x", 2) == 0 ? units_parse_address(text, ret_len)
                                       : units_parse_size(text, ret_len);
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct options *options = state->input;

    switch (key) {
    case KEY_FROM:
        if (!units_parse_address(text, &options->from))
            argp_error(state, "--from takes a hexadecimal address, not '%s'", text);
        options->has_from = true;
        return 0;
    case KEY_LEN:
        if (!parse_len(text, &options->len))
            argp_error(state, "--len takes a size such as 4096, 0x1000 or 16KiB, not '%s'", text);
        return 0;
    case KEY_RAW:
        options->raw = true;
        return 0;
    case KEY_DUMP:
        if (!units_parse_number(text, UINT32_MAX, &options->number) || !options->number)
            argp_error(state, "--dump takes the number of a dump, not '%s'", text);
        return 0;
    case KEY_PID:
        if (!units_parse_number(text, INT32_MAX, &options->pid) || !options->pid)
            argp_error(state, "--pid takes a process id, not '%s'", text);
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "'%s' is not expected here", text);
        return 0;
    case ARGP_KEY_END:
        if (!options->has_from)
            argp_error(state, "where from? --from ADDRESS");
        if (options->len > UINT64_MAX - options->from)
            options->len = UINT64_MAX - options->from;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option option_table[] = {
    {"from", KEY_FROM, "ADDRESS", 0, "The first address, in hexadecimal", 0},
    {"len", KEY_LEN, "SIZE", 0, "How many bytes: 4096, 0x1000, 16KiB (256)", 0},
    {"raw", KEY_RAW, NULL, 0, "Write the bytes themselves, up to the first that was not saved", 0},
    {"dump", KEY_DUMP, "N", 0, "As dump number N has them (for each page the latest that has it)",
     0},
    {"pid", KEY_PID, "PID", 0, "Of this process, where the case has memory of several", 0},
    {0},
};

static const struct argp argp = {
    .options = option_table,
    .parser = parse,
    .doc = "Prints saved memory by address, as hexdump -C does.",
};

static int run(const struct show_topic *topic, const char *case_path, int argc, char **argv)
{
    struct options options = {.len = DEFAULT_LEN};

    show_parse(topic, argc, argv, &options);
    return command_report(show(case_path, &options), "showing the bytes of %s", case_path);
}

const struct show_topic show_bytes = {
    .name = "bytes",
    .arguments = "--from ADDRESS [--len SIZE] [--raw] [--dump N] [--pid PID]",
    .summary = "saved memory by address, as hexdump -C prints it, or raw",
    .description =
        "Prints what `seep dump` saved. The first column is the address in the process; like lines "
        "that follow each other are shown by one `*`. Pages that were absent are zeros, as the "
        "process itself would have read them. What was not saved leaves a gap and makes the exit "
        "status 1.",
    .argp = &argp,
    .run = run,
};
