/* The only main: finds the subcommand in the table and runs it. */
#include <argp.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cmd/command.h"

extern const struct seep_command command_analyze;
extern const struct seep_command command_check;
extern const struct seep_command command_docs;
extern const struct seep_command command_dump;
extern const struct seep_command command_export;
extern const struct seep_command command_import;
extern const struct seep_command command_run;
extern const struct seep_command command_show;
extern const struct seep_command command_snap;
extern const struct seep_command command_trace;

/* In the order in which a person meets them. */
const struct seep_command *const commands[] = {
    &command_run,    &command_trace,   &command_snap, &command_dump,
    &command_import, &command_analyze, &command_show, &command_export,
    &command_check,  &command_docs,    NULL,
};

static int print_usage(FILE *out)
{
    fputs("Usage: seep COMMAND [OPTION...]\n"
          "Finds out where a Linux process's native memory went.\n\n",
          out);
    for (size_t i = 0; commands[i]; i++)
        if (commands[i]->summary)
            fprintf(out, "  %-9s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\n`seep COMMAND --help` lists a command's options; seep(1) has the rest.\n", out);
    return out == stdout ? COMMAND_DONE : COMMAND_USAGE;
}

/* A case's file that got a standard descriptor's number would be written into by every message. */
static bool open_standard_descriptors(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    return fd > STDERR_FILENO && close(fd) == 0;
}

int main(int argc, char **argv)
{
    if (!open_standard_descriptors())
        return COMMAND_FAILED;
    if (argc < 2)
        return print_usage(stderr);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0)
        return print_usage(stdout);
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        puts("seep " SEEP_VERSION);
        return COMMAND_DONE;
    }
    for (size_t i = 0; commands[i]; i++) {
        _cleanup_free_ char *name = NULL;

        if (strcmp(argv[1], commands[i]->name) != 0)
            continue;
        if (asprintf(&name, "seep %s", commands[i]->name) < 0)
            return COMMAND_FAILED;
        argv[1] = name;
        return commands[i]->run(commands[i], argc - 1, argv + 1);
    }
    fprintf(stderr, "seep: '%s' is not a command (see 'seep --help')\n", argv[1]);
    return COMMAND_USAGE;
}
