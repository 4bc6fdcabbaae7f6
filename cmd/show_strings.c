/* seep show CASE strings: what `strings` would say of saved memory, in more encodings. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "analyzer/finding_paths.h"
#include "analyzer/mapped_pieces.h"
#include "analyzer/recording.h"
#include "base/escape.h"
#include "base/units.h"
#include "base/utf8.h"
#include "cmd/naming.h"
#include "cmd/show_memory.h"
#include "content/strings_pass.h"
#include "evidence/syscalls.h"
#include "report/path_text.h"

extern const struct show_topic show_strings;

enum { KEY_ENCODING = 0x2000, KEY_FORMAT, KEY_BY };

enum { OUTPUT_BYTES = 1 << 18, PATH_COLUMNS = 140 };

/* What the headings above strings tell. */
enum by { BY_NOTHING, BY_REGION, BY_MAPPING, BY_PATH };

struct arguments {
    struct show_memory_options memory;
    struct strings_options strings;
    bool json, addresses;
    enum by by;
};

struct output {
    struct strings_in_order strings;
    const struct arguments *arguments;
    bool terminal;
    const struct saved_piece *piece; /* that the last string was in */
    const struct case_info *info;
    struct recording recording;  /* BY_MAPPING and BY_PATH */
    struct mapped_pieces mapped; /* likewise */
    /* the string under way, whose pieces are printed as they come */
    bool open;
    uint64_t chars, bytes;
    struct buffer line;
};

static struct seep_error *flush(struct output *out)
{
    if (out->line.failed)
        return error_no_memory();
    if (out->line.len && fwrite(out->line.bytes, 1, out->line.len, stdout) < out->line.len)
        return error_errno(errno, NULL, "cannot write");
    buffer_clear(&out->line);
    return NULL;
}

/* Characters that steer a terminal escaped, all others as they are. */
static void add_visible(struct buffer *line, const char *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        uint32_t point;
        size_t step = utf8_decode(text + at, len - at, &point);

        if (step > 1)
            escape_append(line, text + at, step);
        else
            buffer_bytes(line, text + at, 1);
        at += step ? step : 1;
    }
}

/* The line above the strings of a VMA. */
static void add_region(struct buffer *line, const struct saved_piece *piece)
{
    const struct dump_region *vma = saved_memory_region(piece);
    char perms[5];

    buffer_printf(line, "pid %d  ", (int)piece->dump->pid);
    if (vma)
        buffer_printf(line, "%" PRIx64 "-%" PRIx64 " %s  ", vma->start, vma->end,
                      vma_perms_text(vma->perms, perms));
    else
        buffer_printf(line, "%" PRIx64 "-%" PRIx64 "  ", piece->start, piece->end);
    if (vma && vma->name && vma->name[0])
        escape_append(line, vma->name, strlen(vma->name));
    else
        buffer_bytes(line, "[anon]", strlen("[anon]"));
    buffer_u8(line, '\n');
}

static const struct ledger_charge *charge_of(const struct output *out,
                                             const struct saved_piece *piece)
{
    return out->mapped.charges.items[piece - out->mapped.pieces.items];
}

static struct seep_error *add_path(struct output *out, uint32_t stack_id)
{
    struct analysis_stack stack;
    struct seep_error *err;

    if (!call_paths_get(out->recording.paths, stack_id)) {
        buffer_printf(&out->line, "by a path that was not recorded\n");
        return NULL;
    }
    err = finding_paths_make(out->recording.paths, stack_id, 0, 0, &stack);
    if (err)
        return err;
    buffer_printf(&out->line, "by ");
    path_text_line(&out->line, &stack, PATH_COLUMNS);
    buffer_u8(&out->line, '\n');
    analysis_stack_deinit(&stack);
    return NULL;
}

/* The lines above the strings of what one event mapped, or all events of one path. */
static struct seep_error *add_mapping(struct output *out, const struct ledger_charge *charge)
{
    const struct ledger_group *group;
    struct units_text size, time;

    if (!charge) {
        buffer_printf(&out->line, "mapped before the recording, or given back in it\n");
        return NULL;
    }
    group = charge->group;
    if (out->arguments->by == BY_PATH)
        return add_path(out, group->stack_id);

    const struct syscall_row *row = syscalls_of_event(group->kind, EVENT_ABI_X86_64);
    const char *name = history_thread_name_at(out->recording.history, charge->tid, charge->time_ns);

    buffer_printf(&out->line, "%s of %s at %" PRIx64 ", %s, %d/%d ", row ? row->name : "?",
                  units_format_size(&size, charge->mapped_bytes), charge->start,
                  units_format_time(&time, charge->time_ns + out->info->wall_offset_ns, true),
                  (int)charge->pid, (int)charge->tid);
    if (name)
        escape_append(&out->line, name, strlen(name));
    buffer_u8(&out->line, '\n');
    return group->stack_id ? add_path(out, group->stack_id) : NULL;
}

static bool same_group(const struct output *out, const struct saved_piece *a,
                       const struct saved_piece *b)
{
    const struct dump_region *vma = saved_memory_region(a);

    if (out->arguments->by == BY_REGION)
        return a->dump == b->dump && vma && vma == saved_memory_region(b);

    const struct ledger_charge *one = charge_of(out, a), *other = charge_of(out, b);

    return one == other || (out->arguments->by == BY_PATH && one && other &&
                            one->group->stack_id == other->group->stack_id);
}

/* A heading where PIECE is not of the same group as the one before. */
static struct seep_error *add_heading(struct output *out, const struct saved_piece *piece)
{
    if (out->piece && (piece == out->piece || same_group(out, piece, out->piece)))
        return NULL;
    if (out->piece)
        buffer_u8(&out->line, '\n');
    if (out->arguments->by != BY_REGION)
        return add_mapping(out, charge_of(out, piece));
    add_region(&out->line, piece);
    return NULL;
}

static struct seep_error *put_plain(const struct strings_found *found, void *context)
{
    struct output *out = context;
    const struct saved_piece *piece = out->strings.origin;

    struct seep_error *err = out->arguments->by ? add_heading(out, piece) : NULL;

    if (err)
        return err;
    out->piece = piece;
    if (out->arguments->addresses && !out->open)
        buffer_printf(&out->line, "%" PRIx64 " ", found->address);
    out->open = found->continued;
    if (out->terminal && found->encoding != STRINGS_ASCII)
        add_visible(&out->line, found->text, found->len);
    else
        buffer_bytes(&out->line, found->text, found->len);
    if (!found->continued)
        buffer_u8(&out->line, '\n');
    return out->line.len < OUTPUT_BYTES ? NULL : flush(out);
}

/* TEXT as JSON writes it within quotes. */
static void add_json_text(struct buffer *line, const char *text, size_t len)
{
    json_t *string = json_stringn(text, len);
    _cleanup_free_ char *quoted = json_dumps(string, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);

    json_decref(string);
    if (quoted)
        buffer_bytes(line, quoted + 1, strlen(quoted) - 2);
    else
        line->failed = true;
}

static size_t count_chars(const char *text, size_t len)
{
    size_t chars = 0;

    for (size_t i = 0; i < len; i++)
        chars += ((uint8_t)text[i] & 0xc0) != 0x80;
    return chars;
}

/* One object a line; written in parts, since a string may be longer than memory. */
static struct seep_error *put_json(const struct strings_found *found, void *context)
{
    struct output *out = context;

    if (!out->open) {
        out->chars = out->bytes = 0;
        buffer_printf(&out->line, "{\"address\":\"%#" PRIx64 "\",\"pid\":%d,\"text\":\"",
                      found->address,
                      (int)((const struct saved_piece *)out->strings.origin)->dump->pid);
    }
    add_json_text(&out->line, found->text, found->len);
    out->chars += count_chars(found->text, found->len);
    out->bytes += found->raw_len;
    out->open = found->continued;
    if (!out->open)
        buffer_printf(&out->line,
                      "\",\"encoding\":\"%s\",\"length\":%" PRIu64 ",\"bytes\":%" PRIu64 "}\n",
                      strings_encoding_name(found->encoding), out->chars, out->bytes);
    return out->line.len < OUTPUT_BYTES ? NULL : flush(out);
}

static struct seep_error *scan(const struct show_memory *memory, struct output *out,
                               struct saved_memory_result *ret_result)
{
    struct strings_sink *sinks[] = {&out->strings.sink};
    struct strings_pass pass;
    struct scan_consumer *consumers[] = {&pass.consumer};
    struct scan_options options = {0};
    struct saved_memory source;
    struct seep_error *err =
        strings_pass_init(&pass, &out->arguments->strings, sinks, ARRAY_SIZE(sinks));

    if (err)
        return err;
    saved_memory_init(&source,
                      out->arguments->by >= BY_MAPPING ? &out->mapped.pieces : &memory->pieces);
    err = scan_run(&source.source, consumers, ARRAY_SIZE(consumers), &options);
    strings_pass_deinit(&pass);
    *ret_result = source.result;
    return err;
}

/* Who mapped what, with call paths by name. */
static struct seep_error *read_mappings(const struct show_memory *memory, struct output *out)
{
    struct seep_error *err = recording_read(memory->c, &memory->info, &out->recording);

    if (!err)
        err = recording_name_paths(&out->recording, memory->c->fd,
                                   &(struct recording_naming){.progress = naming_progress(false)});
    naming_progress_clear();
    return err ? err
               : mapped_pieces_make(&memory->pieces, out->recording.ledger,
                                    out->arguments->by == BY_PATH ? MAPPED_PIECES_BY_PATH
                                                                  : MAPPED_PIECES_BY_EVENT,
                                    &out->mapped);
}

static struct seep_error *show(const char *case_path, struct arguments *arguments)
{
    _cleanup_(show_memory_close) struct show_memory memory = {0};
    struct output out = {.arguments = arguments, .terminal = isatty(STDOUT_FILENO)};
    struct saved_memory_result result = {0};
    struct seep_error *err = show_memory_open(case_path, &arguments->memory, &memory);

    strings_in_order_init(&out.strings, arguments->json ? put_json : put_plain, &out);
    out.info = &memory.info;
    if (!err && arguments->by >= BY_MAPPING)
        err = read_mappings(&memory, &out);
    if (!err)
        err = scan(&memory, &out, &result);
    if (!err)
        err = flush(&out);
    err = show_end(err);
    if (!err)
        show_memory_warn(&result);
    buffer_deinit(&out.line);
    mapped_pieces_deinit(&out.mapped);
    recording_deinit(&out.recording);
    return err;
}

/* --- options --- */

static unsigned parse_encoding(const char *text, struct argp_state *state)
{
    if (strcmp(text, "all") == 0)
        return STRINGS_ALL;
    for (unsigned encoding = 1; encoding < STRINGS_ALL; encoding <<= 1)
        if (strcmp(text, strings_encoding_name((enum strings_encoding)encoding)) == 0)
            return encoding;
    argp_error(state, "--encoding wants ascii, utf-8, utf-16le, utf-16be or all, not '%s'", text);
    return 0;
}

static enum by parse_by(const char *text, struct argp_state *state)
{
    static const char *const names[] = {
        [BY_REGION] = "region", [BY_MAPPING] = "mapping", [BY_PATH] = "path"};

    for (enum by by = BY_REGION; by <= BY_PATH; by++)
        if (strcmp(text, names[by]) == 0)
            return by;
    argp_error(state, "--by wants region, mapping or path, not '%s'", text);
    return BY_NOTHING;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    uint64_t number = 0;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->memory;
        return 0;
    case 'n':
        if (!units_parse_number(argument, STRINGS_LARGEST_MIN, &number) || number == 0)
            argp_error(state, "-n wants a number of characters from 1 to %d, not '%s'",
                       STRINGS_LARGEST_MIN, argument);
        arguments->strings.min_chars = number;
        return 0;
    case KEY_ENCODING:
        arguments->strings.encodings = parse_encoding(argument, state);
        return 0;
    case 'a':
        arguments->addresses = true;
        return 0;
    case KEY_BY:
        arguments->by = parse_by(argument, state);
        return 0;
    case KEY_FORMAT:
        arguments->json = strcmp(argument, "json") == 0;
        if (!arguments->json && strcmp(argument, "plain") != 0)
            argp_error(state, "--format wants plain or json, not '%s'", argument);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    {"min-length", 'n', "N", 0, "The least length of a string, in characters; 10 if not given", 0},
    {"encoding", KEY_ENCODING, "ascii|utf-8|utf-16le|utf-16be|all", 0,
     "What to take for text; ascii if not given", 0},
    {"addresses", 'a', NULL, 0, "Before each string its address, in hexadecimal", 0},
    {"by", KEY_BY, "region|mapping|path", 0,
     "Headings: the strings of each region, of each recorded call that mapped memory which is "
     "still "
     "held, or of each call path of such calls",
     0},
    {"format", KEY_FORMAT, "plain|json", 0,
     "The strings alone, one a line (default), or one JSON object a line", 0},
    {0},
};

static const struct argp_child children[] = {{&show_memory_argp, 0, NULL, 0}, {0}};

static const struct argp argp = {
    .options = options,
    .parser = parse,
    .children = children,
    .doc = "Lists the strings in saved memory in the order of their addresses.",
};

static int run(const struct show_topic *topic, const char *case_path, int argc, char **argv)
{
    struct arguments arguments = {.strings = {STRINGS_ASCII, STRINGS_DEFAULT_MIN}};

    show_parse(topic, argc, argv, &arguments);
    return command_report(show(case_path, &arguments), "showing the strings of %s", case_path);
}

const struct show_topic show_strings = {
    .name = "strings",
    .summary = "the strings in saved memory",
    .description =
        "Prints every string in the memory that `seep dump` saved, in the order of the addresses, "
        "one a line: in ASCII exactly what `zcat FILE.gz | strings -a -n N` prints for each file.\n"
        "UTF-8 strings hold any printable characters; one that is plain ASCII is shown as such "
        "when "
        "all encodings are asked for. UTF-16 is recognised at any alignment when its characters "
        "are "
        "of one script and its bytes are not ASCII or UTF-8 text already. On a terminal, "
        "characters "
        "that would steer it are escaped.\n"
        "With --by mapping or path, strings are not told in the order of addresses but one call or "
        "call path behind the other, as the ledger stands at the end of the recording; a string "
        "ends where a mapping does. Headings are for --format plain.\n"
        "With --format json each line is an object: address, pid, text, encoding, length in "
        "characters, bytes in memory.",
    .argp = &argp,
    .run = run,
};
