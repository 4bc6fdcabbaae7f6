#include <ctype.h>
#include <string.h>

#include "cmd/docs.h"
#include "cmd/docs_options.h"
#include "cmd/show.h"

/* Text as man(7) wants it: an option's hyphen can be copied from the page, a word's is a hyphen. */
static void add_text(struct buffer *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bool line_start = i == 0 || text[i - 1] == '\n';

        if (line_start && (text[i] == '.' || text[i] == '\''))
            buffer_printf(out, "\\&");
        if (text[i] == '\\')
            buffer_printf(out, "\\e");
        else if (text[i] == '-' && (line_start || !isalnum((unsigned char)text[i - 1])))
            buffer_printf(out, "\\-");
        else
            buffer_bytes(out, text + i, 1);
    }
}

static void add_string(struct buffer *out, const char *text)
{
    add_text(out, text, strlen(text));
}

/* A paragraph a line; lines indented by blanks are examples, kept as they are. */
static void add_paragraphs(struct buffer *out, const char *text)
{
    bool first = true, in_example = false;

    for (; *text; text += strspn(text, "\n")) {
        size_t len = strcspn(text, "\n");
        bool example = text[0] == ' ';

        if (in_example && !example)
            buffer_printf(out, ".fi\n");
        if (!first && !(in_example && example))
            buffer_printf(out, ".PP\n");
        if (example && !in_example)
            buffer_printf(out, ".nf\n");
        add_text(out, text, len);
        buffer_printf(out, "\n");
        first = false;
        in_example = example;
        text += len;
    }
    if (in_example)
        buffer_printf(out, ".fi\n");
}

static void add_header(struct buffer *out, const char *name)
{
    buffer_printf(out, ".TH \"");
    for (; *name; name++)
        buffer_printf(out, "%c", toupper((unsigned char)*name));
    buffer_printf(out, "\" 1 \"\" \"seep %s\" \"User Commands\"\n", SEEP_VERSION);
}

static void add_option(struct buffer *out, const struct docs_option *option)
{
    buffer_printf(out, ".TP\n");
    for (size_t i = 0; i < DOCS_NAMES && option->names[i][0]; i++) {
        bool is_long = option->names[i][1] == '-';

        buffer_printf(out, "%s\\fB", i ? ", " : "");
        for (const char *at = option->names[i]; *at; at++)
            buffer_printf(out, *at == '-' ? "\\-" : "%c", *at);
        buffer_printf(out, "\\fR");
        if (!option->argument)
            continue;
        buffer_printf(out, option->optional ? "[%s\\fI" : "%s\\fI", is_long ? "=" : " ");
        add_string(out, option->argument);
        buffer_printf(out, option->optional ? "\\fR]" : "\\fR");
    }
    buffer_printf(out, "\n");
    if (option->doc && option->doc[0]) {
        buffer_printf(out, "%c", toupper((unsigned char)option->doc[0]));
        add_string(out, option->doc + 1);
        buffer_printf(out, option->doc[strlen(option->doc) - 1] == '.' ? "\n" : ".\n");
    }
}

static struct seep_error *add_options(struct buffer *out, const struct argp *argp)
{
    struct docs_options options = {0};
    struct seep_error *err = docs_collect(argp, &options);

    for (size_t i = 0; i < options.count && !err; i++)
        add_option(out, &options.items[i]);
    vector_deinit(&options);
    return err;
}

static struct seep_error *add_topics(struct buffer *out)
{
    struct seep_error *err = NULL;

    buffer_printf(out, ".SH TOPICS\n");
    for (size_t i = 0; show_topics[i] && !err; i++) {
        const struct show_topic *topic = show_topics[i];

        buffer_printf(out, ".SS %s\n.B seep show\n.I CASE\n.B %s\n", topic->name, topic->name);
        add_string(out, topic->arguments ? topic->arguments : "[OPTION...]");
        buffer_printf(out, "\n.PP\n");
        if (topic->description)
            add_paragraphs(out, topic->description);
        else
            buffer_printf(out, "Shows %s.\n", topic->summary);
        err = add_options(out, topic->argp);
    }
    return err;
}

static void add_see_also(struct buffer *out, const struct seep_command *here)
{
    bool first = true;

    buffer_printf(out, ".SH \"SEE ALSO\"\n");
    if (here) {
        buffer_printf(out, ".BR seep (1)");
        first = false;
    }
    for (size_t i = 0; commands[i]; i++) {
        if (commands[i] == here || !docs_is_public(commands[i]))
            continue;
        buffer_printf(out, "%s.BR seep\\-%s (1)", first ? "" : ",\n", commands[i]->name);
        first = false;
    }
    buffer_printf(out, "\n");
}

static const char exit_status[] = ".SH \"EXIT STATUS\"\n"
                                  ".TP\n.B 0\nDone.\n"
                                  ".TP\n.B 1\nFailed; standard error says what, why, and what to "
                                  "do.\n"
                                  ".TP\n.B 2\nWrong usage.\n";

struct seep_error *docs_man_command(struct buffer *out, const struct seep_command *command,
                                    const char *parts)
{
    char name[64];

    snprintf(name, sizeof(name), "seep-%s", command->name);
    add_header(out, name);
    buffer_printf(out, ".SH NAME\nseep\\-%s \\- ", command->name);
    add_string(out, command->summary);
    buffer_printf(out, "\n.SH SYNOPSIS\n.B seep %s\n", command->name);
    if (command->arguments) {
        add_string(out, command->arguments);
        buffer_printf(out, "\n");
    }
    buffer_printf(out, ".SH DESCRIPTION\n");
    add_paragraphs(out, command->description ? command->description : command->summary);

    bool is_show = strcmp(command->name, "show") == 0;
    struct seep_error *err;

    if (is_show) {
        err = add_topics(out);
    } else {
        buffer_printf(out, ".SH OPTIONS\n");
        err = add_options(out, command->argp);
    }
    buffer_printf(out, "%s", parts);
    if (!strstr(parts, "EXIT STATUS"))
        buffer_printf(out, "%s", exit_status);
    add_see_also(out, command);
    return err;
}

void docs_man_seep(struct buffer *out, const char *parts)
{
    static const char marker[] = "@COMMANDS@\n";
    const char *list = strstr(parts, marker);
    size_t before = list ? (size_t)(list - parts) : strlen(parts);

    add_header(out, "seep");
    buffer_printf(out, ".SH NAME\nseep \\- find out where a Linux process's memory went\n"
                       ".SH SYNOPSIS\n.B seep\n.I COMMAND\n[\\fIOPTION\\fR...]\n"
                       ".br\n.B seep\n\\fB\\-\\-help\\fR | \\fB\\-\\-version\\fR\n");
    buffer_bytes(out, parts, before);
    buffer_printf(out, ".SH COMMANDS\n");
    for (size_t i = 0; commands[i]; i++) {
        if (!docs_is_public(commands[i]))
            continue;
        buffer_printf(out, ".TP\n.BR seep\\-%s (1)\n", commands[i]->name);
        add_string(out, commands[i]->summary);
        buffer_printf(out, "\n");
    }
    if (list)
        buffer_printf(out, "%s", list + strlen(marker));
    add_see_also(out, NULL);
}
