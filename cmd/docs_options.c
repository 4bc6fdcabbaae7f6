#include "cmd/docs_options.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Short names stand before long ones, whatever the order in the table. */
static void add_name(struct docs_option *option, const char *name)
{
    size_t count = 0, at;

    while (count < DOCS_NAMES && option->names[count][0])
        count++;
    if (count == DOCS_NAMES)
        return;
    for (at = count; at > 0 && name[1] != '-' && option->names[at - 1][1] == '-'; at--)
        memcpy(option->names[at], option->names[at - 1], DOCS_NAME_BYTES);
    snprintf(option->names[at], DOCS_NAME_BYTES, "%s", name);
}

static void add_names(struct docs_option *option, const struct argp_option *row)
{
    char name[DOCS_NAME_BYTES];

    if (row->key > 0 && row->key < 0x80 && isgraph(row->key)) {
        snprintf(name, sizeof(name), "-%c", row->key);
        add_name(option, name);
    }
    if (row->name) {
        snprintf(name, sizeof(name), "--%s", row->name);
        add_name(option, name);
    }
}

static struct seep_error *collect(const struct argp *argp, struct docs_options *options)
{
    struct seep_error *err = NULL;
    const struct argp_option *row = argp ? argp->options : NULL;

    for (; row && (row->name || row->key || row->doc || row->group) && !err; row++) {
        if ((row->flags & (OPTION_HIDDEN | OPTION_DOC)) || (!row->name && !row->key))
            continue;
        if ((row->flags & OPTION_ALIAS) && options->count) {
            add_names(&options->items[options->count - 1], row);
            continue;
        }

        struct docs_option option = {
            .argument = row->arg,
            .optional = row->flags & OPTION_ARG_OPTIONAL,
            .doc = row->doc,
        };

        add_names(&option, row);
        err = vector_push(options, option);
    }
    for (const struct argp_child *child = argp ? argp->children : NULL;
         child && child->argp && !err; child++)
        err = collect(child->argp, options);
    return err;
}

struct seep_error *docs_collect(const struct argp *argp, struct docs_options *ret_options)
{
    struct seep_error *err = collect(argp, ret_options);

    /* argp adds these to every table by itself. */
    struct docs_option help = {.names = {"-?", "--help"}, .doc = "Print the options and exit"};
    struct docs_option usage = {.names = {"--usage"}, .doc = "Print a short usage line and exit"};

    if (!err)
        err = vector_push(ret_options, help);
    return err ? err : vector_push(ret_options, usage);
}

enum docs_argument docs_argument_kind(const char *argument)
{
    static const struct {
        const char *prefix;
        enum docs_argument kind;
    } kinds[] = {
        {"FILE", DOCS_FILE}, {"PATH", DOCS_FILE}, {"CASE", DOCS_CASE},
        {"DIR", DOCS_CASE},  {"PID", DOCS_PID},
    };

    if (!argument)
        return DOCS_NONE;
    if (strchr(argument, '|'))
        return DOCS_WORDS;
    if (strcmp(argument, "F") == 0 || strncmp(argument, "F@", 2) == 0)
        return DOCS_FILE;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (strncmp(argument, kinds[i].prefix, strlen(kinds[i].prefix)) == 0)
            return kinds[i].kind;
    return DOCS_OTHER;
}

void docs_words(struct buffer *out, const char *argument)
{
    for (; *argument; argument++)
        buffer_bytes(out, *argument == '|' ? " " : argument, 1);
}
