#include "cmd/show.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/units.h"

extern const struct show_topic show_bytes;
extern const struct show_topic show_events;
extern const struct show_topic show_ledger;
extern const struct show_topic show_pages;
extern const struct show_topic show_pointers;
extern const struct show_topic show_stacks;
extern const struct show_topic show_strings;
extern const struct show_topic show_templates;
extern const struct show_topic show_times;
extern const struct show_topic show_threads;
extern const struct show_topic show_vmas;

const struct show_topic *const show_topics[] = {
    &show_events,  &show_vmas,      &show_ledger, &show_stacks, &show_threads,  &show_bytes,
    &show_strings, &show_templates, &show_times,  &show_pages,  &show_pointers, NULL,
};

static char *list_topics(int key, const char *text, void *input)
{
    struct buffer list = {0};

    (void)input;
    if (key != ARGP_KEY_HELP_POST_DOC)
        return (char *)text;
    buffer_printf(&list, "Topics:\n");
    for (size_t i = 0; show_topics[i]; i++)
        buffer_printf(&list, "  %-10s %s\n", show_topics[i]->name, show_topics[i]->summary);
    buffer_printf(&list, "\n`seep show CASE TOPIC --help` lists a topic's options.");
    return list.failed ? NULL : list.bytes;
}

static const struct argp argp = {
    .args_doc = "CASE TOPIC [OPTION...]",
    .doc = "Shows what a case holds.\v\n",
    .help_filter = list_topics,
};

static int run(const struct seep_command *command, int argc, char **argv)
{
    if (argc < 3 || argv[1][0] == '-') {
        command_parse(command, argc > 1 && argv[1][0] == '-' ? 2 : 1, argv, NULL);
        fprintf(stderr, "seep show: a CASE and a TOPIC are needed (see 'seep show --help')\n");
        return COMMAND_USAGE;
    }
    for (size_t i = 0; show_topics[i]; i++) {
        _cleanup_free_ char *name = NULL;
        const char *case_path = argv[1];

        if (strcmp(argv[2], show_topics[i]->name) != 0)
            continue;
        if (asprintf(&name, "seep show CASE %s", show_topics[i]->name) < 0)
            return command_report(error_no_memory(), "showing %s", argv[2]);
        argv[2] = name;
        return show_topics[i]->run(show_topics[i], case_path, argc - 2, argv + 2);
    }
    fprintf(stderr, "seep show: '%s' is not a topic (see 'seep show --help')\n", argv[2]);
    return COMMAND_USAGE;
}

void show_parse(const struct show_topic *topic, int argc, char **argv, void *input)
{
    argp_err_exit_status = COMMAND_USAGE;
    argp_parse(topic->argp, argc, argv, 0, NULL, input);
}

pid_t show_parse_id(const char *text, const char *option, const struct argp_state *state)
{
    uint64_t id;

    if (units_parse_number(text, INT32_MAX, &id) && id > 0)
        return (pid_t)id;
    argp_error(state, "%s wants the number of a process or thread, not '%s'", option, text);
    return 0;
}

uint64_t show_parse_top(const char *text, uint64_t most, const struct argp_state *state)
{
    uint64_t top;

    if (units_parse_number(text, most, &top) && top > 0)
        return top;
    argp_error(state, "--top wants a number from 1 to %" PRIu64 ", not '%s'", most, text);
    return 0;
}

struct seep_error *show_end(struct seep_error *err)
{
    if ((ferror(stdout) || fflush(stdout) != 0) && !err)
        return error_errno(errno, NULL, "cannot write");
    return err;
}

const struct seep_command command_show = {
    .name = "show",
    .arguments = "CASE TOPIC [OPTION...]",
    .summary = "show what a case holds: bytes of memory and more, by topic",
    .description = "Prints one part of a case. Everything comes from the case alone, so that it "
                   "can be read on another machine, long after the process has gone.",
    .argp = &argp,
    .run = run,
};
