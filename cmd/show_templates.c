/* seep show CASE templates: what kinds of strings fill saved memory. */
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "base/units.h"
#include "cmd/grep.h"
#include "cmd/show_memory.h"
#include "content/templates.h"
#include "report/json_parts.h"

extern const struct show_topic show_templates;

enum { KEY_JSON = 0x2000, KEY_TOP, KEY_GREP, KEY_EXAMPLES };

enum { DEFAULT_TOP = 40 };

struct arguments {
    struct show_memory_options memory;
    struct strings_options strings;
    const char *pattern; /* NULL: none */
    uint64_t top;
    bool json, examples;
};

/* --- output --- */

/* TEXT escaped,. */
static struct seep_error *print_text(const char *text)
{
    _cleanup_free_ char *safe = escape_text(text, strlen(text));

    if (!safe)
        return error_no_memory();
    printf("%s\n", safe);
    return NULL;
}

static struct seep_error *print_item(const struct templates_item *item,
                                     const struct arguments *arguments)
{
    struct units_text count, bytes, blocks;
    struct seep_error *err;

    printf("%10s %14s %12s  ", units_format_count(&count, item->count),
           units_format_count(&bytes, item->bytes), units_format_size(&blocks, item->block_bytes));
    err = print_text(item->text);
    for (size_t i = 0; i < TEMPLATES_EXAMPLES && item->examples[i] && !err && arguments->examples;
         i++) {
        printf("%40s", "");
        err = print_text(item->examples[i]);
    }
    return err;
}

static json_t *examples_json(const struct templates_item *item)
{
    json_t *array = json_array();

    for (size_t i = 0; i < TEMPLATES_EXAMPLES && item->examples[i]; i++)
        if (json_array_append_new(array, json_parts_text(item->examples[i]))) {
            json_decref(array);
            return NULL;
        }
    return array;
}

static struct seep_error *write_item(const struct templates_item *item)
{
    struct seep_error *err =
        json_parts_write(JSON_OBJECT({"text", json_parts_text(item->text)},
                                     {"count", json_parts_number(item->count)},
                                     {"bytes", json_parts_number(item->bytes)},
                                     {"block_bytes", json_parts_number(item->block_bytes)},
                                     {"examples", examples_json(item)}),
                         JSON_COMPACT, stdout);

    putchar('\n');
    return err;
}

static bool is_wanted(struct grep *grep, const struct templates_item *item)
{
    bool wanted = grep_matches(grep, item->text, strlen(item->text));

    for (size_t i = 0; i < TEMPLATES_EXAMPLES && item->examples[i] && !wanted; i++)
        wanted = grep_matches(grep, item->examples[i], strlen(item->examples[i]));
    return wanted;
}

static struct seep_error *print(const struct templates_items *items,
                                const struct arguments *arguments, struct grep *grep)
{
    struct seep_error *err = NULL;
    uint64_t told = 0;

    if (!arguments->json)
        printf("%10s %14s %12s  %s\n", "times", "bytes", "in pages of", "template");
    for (size_t i = 0; i < items->count && told < arguments->top && !err; i++) {
        const struct templates_item *item = &items->items[i];

        if (!is_wanted(grep, item))
            continue;
        told++;
        err = arguments->json ? write_item(item) : print_item(item, arguments);
    }
    return show_end(err);
}

/* --- the topic --- */

static struct seep_error *mine(const struct show_memory *memory, const struct arguments *arguments,
                               struct templates_items *ret_items)
{
    _cleanup_(templates_destroyp) struct templates *templates = NULL;
    struct strings_pass pass;
    struct seep_error *err = templates_create(&templates);

    if (err)
        return err;

    struct strings_sink *sinks[] = {&templates->sink};
    struct scan_consumer *consumers[] = {&pass.consumer};

    err = strings_pass_init(&pass, &arguments->strings, sinks, ARRAY_SIZE(sinks));
    if (err)
        return err;
    err = show_memory_scan(memory, consumers, ARRAY_SIZE(consumers));
    strings_pass_deinit(&pass);
    return err ? err : templates_list(templates, SIZE_MAX, ret_items);
}

static struct seep_error *show(const char *case_path, struct arguments *arguments)
{
    _cleanup_(show_memory_close) struct show_memory memory = {0};
    _cleanup_(templates_items_deinit) struct templates_items items = {0};
    _cleanup_(grep_destroyp) struct grep *grep = NULL;
    struct seep_error *err = arguments->pattern ? grep_create(arguments->pattern, &grep) : NULL;

    if (!err)
        err = show_memory_open(case_path, &arguments->memory, &memory);
    if (!err)
        err = mine(&memory, arguments, &items);
    return err ? err : print(&items, arguments, grep);
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
    case KEY_TOP:
        arguments->top = show_parse_top(argument, TEMPLATES_KEPT, state);
        return 0;
    case KEY_GREP:
        arguments->pattern = argument;
        return 0;
    case KEY_EXAMPLES:
        arguments->examples = true;
        return 0;
    case KEY_JSON:
        arguments->json = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    {"min-length", 'n', "N", 0, "The least length of a string, in characters; 10 if not given", 0},
    {"top", KEY_TOP, "N", 0, "How many to show; 40 if not given", 0},
    {"grep", KEY_GREP, "RE", 0,
     "Only those that match this Perl-compatible regular expression, or an example of which does",
     0},
    {"examples", KEY_EXAMPLES, NULL, 0, "Show up to three strings of each", 0},
    {"json", KEY_JSON, NULL, 0, "One JSON object a line and template, with examples", 0},
    {0},
};

static const struct argp_child children[] = {{&show_memory_argp, 0, NULL, 0}, {0}};

static const struct argp argp = {
    .options = options,
    .parser = parse,
    .children = children,
    .doc = "Says which strings fill saved memory, those that differ only in parameters as one.",
};

static int run(const struct show_topic *topic, const char *case_path, int argc, char **argv)
{
    struct arguments arguments = {
        .strings = {STRINGS_ASCII | STRINGS_UTF8 | STRINGS_UTF16LE, STRINGS_DEFAULT_MIN},
        .top = DEFAULT_TOP,
    };

    show_parse(topic, argc, argv, &arguments);
    return command_report(show(case_path, &arguments), "showing the templates in %s", case_path);
}

const struct show_topic show_templates = {
    .name = "templates",
    .summary = "which strings fill saved memory, those alike as one",
    .description =
        "Joins the strings in saved memory that differ only in numbers, ids, addresses, dates, "
        "hashes or base64, or in one word of several that four and more have differently, to "
        "templates: \"Message-ID: <*.*.JavaMail.root@*>\". What was always the same is shown as it "
        "is, so that a string that does not vary is its own template.\n"
        "Of each: how often it came, the bytes of its strings, and of the pages in which they "
        "begin, by which they are ranked: a header that stands in every page says more of a leak "
        "than a long text that stands in one. Of strings only the first 256 bytes count; some "
        "8,000 templates are kept, those that come again first.",
    .argp = &argp,
    .run = run,
};
