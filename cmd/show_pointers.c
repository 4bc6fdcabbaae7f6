/* seep show CASE pointers: which regions point into which, and who points into some of them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/references.h"
#include "base/escape.h"
#include "base/units.h"
#include "cmd/command.h"
#include "cmd/grep.h"
#include "cmd/show_memory.h"
#include "report/json_parts.h"

extern const struct show_topic show_pointers;

enum { KEY_JSON = 0x2000, KEY_TOP, KEY_GREP };

enum { DEFAULT_TOP = 40 };

struct arguments {
    struct show_memory_options memory; /* its ranges are what is pointed to */
    const char *pattern;               /* NULL: none */
    uint64_t top;
    bool json;
};

struct output {
    const struct arguments *arguments;
    const struct references *references;
    struct grep *grep;
};

/* --- regions --- */

static const struct references_region *region_at(const struct output *out, size_t index)
{
    return index < out->references->regions.count ? &out->references->regions.items[index] : NULL;
}

static const char *name_at(const struct output *out, size_t index)
{
    const struct references_region *region = region_at(out, index);

    return region ? references_region_name(region) : "memory that was no region then";
}

static bool is_wanted(const struct output *out, size_t from, size_t to)
{
    const char *left = name_at(out, from), *right = name_at(out, to);

    return grep_matches(out->grep, left, strlen(left)) ||
           grep_matches(out->grep, right, strlen(right));
}

static struct seep_error *print_region(const struct output *out, size_t index)
{
    const struct references_region *region = region_at(out, index);
    const char *name = name_at(out, index);
    _cleanup_free_ char *safe = escape_text(name, strlen(name));

    if (!safe)
        return error_no_memory();
    printf("%s", safe);
    if (region)
        printf(" %" PRIx64 "-%" PRIx64, region->start, region->end);
    return NULL;
}

static json_t *json_region(const struct output *out, size_t index)
{
    const struct references_region *region = region_at(out, index);
    char perms[5];

    if (!region)
        return json_null();
    return JSON_OBJECT({"start", json_parts_address(region->start)},
                       {"end", json_parts_address(region->end)},
                       {"perms", json_string(vma_perms_text(region->perms, perms))},
                       {"name", json_parts_text(region->name)},
                       {"region", json_string(region_name(region->kind))});
}

static struct seep_error *write_line(json_t *object)
{
    struct seep_error *err = json_parts_write(object, JSON_COMPACT, stdout);

    putchar('\n');
    return err;
}

/* --- the graph --- */

static int by_words(const void *left, const void *right)
{
    const struct pointers_edge *a = left, *b = right;

    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    return (a->address > b->address) - (a->address < b->address);
}

static struct seep_error *put_edge(const struct output *out, const struct pointers_edge *edge)
{
    struct units_text count;
    struct seep_error *err;

    if (out->arguments->json)
        return write_line(JSON_OBJECT(
            {"pid", json_parts_id(out->references->pid)}, {"from", json_region(out, edge->from)},
            {"to", json_region(out, edge->to)}, {"words", json_parts_number(edge->count)},
            {"address", json_parts_address(edge->address)},
            {"value", json_parts_address(edge->value)}));
    printf("%14s  ", units_format_count(&count, edge->count));
    err = print_region(out, edge->from);
    if (err)
        return err;
    printf(edge->from == edge->to ? "  into itself" : "  ->  ");
    if (edge->from != edge->to)
        err = print_region(out, edge->to);
    putchar('\n');
    return err;
}

static struct seep_error *put_graph(const struct output *out, const struct pointers *pointers)
{
    struct pointers_edges edges = {0};
    struct seep_error *err = pointers_edges(pointers, &edges);
    struct units_text lost;
    uint64_t told = 0;

    if (edges.count)
        qsort(edges.items, edges.count, sizeof(*edges.items), by_words);
    if (!err && !out->arguments->json)
        printf("%14s  from, to\n", "words");
    for (size_t i = 0; i < edges.count && told < out->arguments->top && !err; i++) {
        if (!is_wanted(out, edges.items[i].from, edges.items[i].to))
            continue;
        told++;
        err = put_edge(out, &edges.items[i]);
    }
    vector_deinit(&edges);
    if (!err && pointers->lost_words)
        fprintf(stderr, "seep: %s words more point between regions than can be told apart\n",
                units_format_count(&lost, pointers->lost_words));
    return err;
}

/* --- who points into some regions --- */

static struct seep_error *put_reference(const struct output *out,
                                        const struct pointers_reference *reference)
{
    struct seep_error *err;

    if (out->arguments->json)
        return write_line(JSON_OBJECT({"pid", json_parts_id(out->references->pid)},
                                      {"address", json_parts_address(reference->address)},
                                      {"value", json_parts_address(reference->value)},
                                      {"from", json_region(out, reference->from)}));
    printf("  %012" PRIx64 "  %012" PRIx64 "  ", reference->address, reference->value);
    err = print_region(out, reference->from);
    putchar('\n');
    return err;
}

static json_t *json_targets(const struct references_target *target,
                            const struct references_result *result)
{
    json_t *array = json_array();

    for (size_t i = 0; i < target->range_count; i++) {
        const struct pointers_target *counts = &result->pointers.targets[i];

        if (json_array_append_new(
                array, JSON_OBJECT({"start", json_parts_address(target->ranges[i].start)},
                                   {"end", json_parts_address(target->ranges[i].end)},
                                   {"words", json_parts_number(counts->outside)},
                                   {"words_to_start", json_parts_number(counts->exact)},
                                   {"words_inside", json_parts_number(counts->inside)}))) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *json_holders(const struct output *out, const struct references_result *result)
{
    json_t *array = json_array();

    for (size_t i = 0; i < result->holders.count; i++) {
        const struct references_holder *holder = &result->holders.items[i];
        size_t index =
            holder->region ? (size_t)(holder->region - out->references->regions.items) : SIZE_MAX;

        if (json_array_append_new(array,
                                  JSON_OBJECT({"from", json_region(out, index)},
                                              {"words", json_parts_number(holder->words)},
                                              {"regions", json_parts_number(holder->regions)},
                                              {"counts", json_boolean(holder->counts)}))) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static struct seep_error *put_targets(const struct output *out,
                                      const struct references_target *target,
                                      const struct references_result *result)
{
    const struct pointers *pointers = &result->pointers;
    _cleanup_free_ char *sentence = NULL, *safe = NULL;
    struct units_text inside;
    uint64_t told = 0, words_inside = 0;
    struct seep_error *err = references_sentence(result, &sentence);

    if (err)
        return err;
    for (size_t i = 0; i < target->range_count; i++)
        words_inside += pointers->targets[i].inside;
    if (!out->arguments->json) {
        safe = sentence ? escape_text(sentence, strlen(sentence)) : NULL;
        printf("pid %d: %s\n", (int)out->references->pid,
               safe ? safe : "nothing was saved beside it that could point there");
        printf("%s words of its own point into it\n", units_format_count(&inside, words_inside));
        if (pointers->references.count)
            printf("\n  %-12s  %-12s  %s\n", "word at", "points to", "in");
    }
    for (size_t i = 0; i < pointers->references.count && told < out->arguments->top && !err; i++) {
        const struct pointers_reference *reference = &pointers->references.items[i];

        if (!is_wanted(out, reference->from, reference->from))
            continue;
        told++;
        err = put_reference(out, reference);
    }
    if (err || !out->arguments->json)
        return err;
    return write_line(JSON_OBJECT(
        {"pid", json_parts_id(out->references->pid)}, {"sentence", json_parts_text(sentence)},
        {"targets", json_targets(target, result)}, {"holders", json_holders(out, result)},
        {"words", json_parts_number(pointers->reference_count)},
        {"searched_bytes", json_parts_number(result->outside_bytes)},
        {"unsearched_bytes", json_parts_number(result->unsearched_bytes)},
        {"consistent", json_false()}));
}

/* --- the topic --- */

static int by_start(const void *left, const void *right)
{
    const struct address_range *a = left, *b = right;

    return (a->start > b->start) - (a->start < b->start);
}

/* The ranges sorted, joined where they overlap; the caller frees them. */
static struct seep_error *make_target(const struct show_memory_options *options,
                                      struct address_range **ret_ranges, size_t *ret_count)
{
    struct address_range *ranges = calloc(options->ranges.count + 1, sizeof(*ranges));
    size_t count = 0;

    if (!ranges)
        return error_no_memory();
    for (size_t i = 0; i < options->ranges.count; i++)
        ranges[i] =
            (struct address_range){options->ranges.items[i].start, options->ranges.items[i].end};
    qsort(ranges, options->ranges.count, sizeof(*ranges), by_start);
    for (size_t i = 0; i < options->ranges.count; i++) {
        if (count && ranges[i].start < ranges[count - 1].end) {
            if (ranges[i].end > ranges[count - 1].end)
                ranges[count - 1].end = ranges[i].end;
        } else {
            ranges[count++] = ranges[i];
        }
    }
    *ret_ranges = ranges;
    *ret_count = count;
    return NULL;
}

static struct seep_error *show_process(const struct output *out)
{
    _cleanup_free_ struct address_range *ranges = NULL;
    struct show_memory_progress progress = {.total_bytes =
                                                saved_memory_bytes(&out->references->pieces)};
    struct scan_options scan = {.progress = show_memory_progress, .context = &progress};
    struct references_target target = {0};
    struct references_result result;
    struct seep_error *err = make_target(&out->arguments->memory, &ranges, &target.range_count);

    target.ranges = ranges;
    if (!err)
        err = references_find(out->references, &target, 1, &scan, &result);
    show_memory_progress_end(&progress);
    if (err)
        return err;
    err =
        target.range_count ? put_targets(out, &target, &result) : put_graph(out, &result.pointers);
    references_result_deinit(&result);
    return err;
}

static pid_t choose_pid(const struct arguments *arguments, const struct case_info *info,
                        const struct dumps *dumps)
{
    pid_t last = 0;

    if (arguments->memory.pid)
        return (pid_t)arguments->memory.pid;
    for (size_t i = 0; i < dumps->dumps.count; i++) {
        last = dumps->dumps.items[i]->pid;
        if (last == info->pid)
            break;
    }
    return last;
}

static struct seep_error *show(const char *case_path, struct arguments *arguments)
{
    _cleanup_(case_destroyp) struct case_dir *c = NULL;
    _cleanup_(grep_destroyp) struct grep *grep = NULL;
    _cleanup_dumps_ struct dumps dumps = {0};
    struct references references = {0};
    struct output out = {.arguments = arguments, .references = &references};
    struct case_info info;
    struct seep_error *err = arguments->pattern ? grep_create(arguments->pattern, &grep) : NULL;

    out.grep = grep;
    if (!err)
        err = command_open_case(case_path, &c);
    if (!err)
        err = show_memory_find(c, &arguments->memory);
    if (!err)
        err = dumps_open(c->fd, &dumps);
    if (err)
        return err;
    case_info(c, &info);
    err =
        references_open(c, &dumps, choose_pid(arguments, &info, &dumps), info.runtime, &references);
    if (!err && references.pieces.count == 0)
        err = error_remedy(error_create(ERROR_NOT_FOUND, "no memory of that process was saved"),
                           "`seep dump -p PID -o CASE --all` saves what can be");
    if (!err)
        err = show_process(&out);
    err = show_end(err);
    references_deinit(&references);
    vector_deinit(&arguments->memory.ranges);
    return err;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->memory;
        return 0;
    case KEY_TOP:
        arguments->top = show_parse_top(argument, UINT32_MAX, state);
        return 0;
    case KEY_GREP:
        arguments->pattern = argument;
        return 0;
    case KEY_JSON:
        arguments->json = true;
        return 0;
    case ARGP_KEY_END:
        if (arguments->memory.number)
            argp_error(state, "--dump does not go with pointers: they are of all that was saved");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    {"top", KEY_TOP, "N", 0, "How many edges or words to show; 40 if not given", 0},
    {"grep", KEY_GREP, "RE", 0,
     "Only what is from, or to, a region whose name matches this Perl-compatible regular "
     "expression",
     0},
    {"json", KEY_JSON, NULL, 0, "One JSON object a line", 0},
    {0},
};

static const struct argp_child children[] = {{&show_memory_argp, 0, NULL, 0}, {0}};

static const struct argp argp = {
    .options = options,
    .parser = parse,
    .children = children,
    .doc = "Says which regions point into which; with --region, --around or --finding, who points "
           "into these.",
};

static int run(const struct show_topic *topic, const char *case_path, int argc, char **argv)
{
    struct arguments arguments = {.top = DEFAULT_TOP};

    show_parse(topic, argc, argv, &arguments);
    return command_report(show(case_path, &arguments), "showing the pointers in %s", case_path);
}

const struct show_topic show_pointers = {
    .name = "pointers",
    .summary = "which regions of memory point into which, and who holds some of it",
    .description =
        "Looks at every aligned word that `seep dump` saved of a process. One whose value lies in "
        "a "
        "region counts as a pointer into it, be it a number that only looks so: what nothing "
        "points "
        "to is lost for certain, what something seems to point to may be lost none the less.\n"
        "Without --region, --around and --finding the regions are told that point into each other, "
        "with the number of words. With them, who points into that memory from outside of it: a "
        "sentence, then the words themselves.\n"
        "Dumps are made while the process runs. What its stacks seem to point to is told but does "
        "not count, and its registers are not known. Memory that was not saved can hide a pointer: "
        "`seep dump --all` saves what there is.",
    .argp = &argp,
    .run = run,
};
