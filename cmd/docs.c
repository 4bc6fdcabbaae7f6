/* seep docs: man pages and shell completions, made at build time from the tables of the commands. */
#include "cmd/docs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"

enum { KEY_PARTS = 0x2000, MAX_PART_BYTES = 1 << 20 };

struct arguments {
    const char *format;
    const char *dir;
    const char *parts;
};

static const struct {
    const char *format;
    const char *file;
    struct seep_error *(*print)(struct buffer *out);
} shells[] = {
    {"bash", "seep", docs_bash},
    {"zsh", "_seep", docs_zsh},
    {"fish", "seep.fish", docs_fish},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;

    switch (key) {
    case KEY_PARTS:
        arguments->parts = argument;
        return 0;
    case ARGP_KEY_ARG:
        if (!arguments->format)
            arguments->format = argument;
        else if (!arguments->dir)
            arguments->dir = argument;
        else
            argp_error(state, "'%s' is one too many", argument);
        return 0;
    case ARGP_KEY_END:
        if (!arguments->dir)
            argp_error(state, "a format and a directory are needed");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    {"parts", KEY_PARTS, "DIR", 0, "Take the hand-written sections of man pages from DIR", 0},
    {0},
};

static const struct argp argp = {
    .options = options,
    .parser = parse,
    .args_doc = "man|bash|zsh|fish DIR",
    .doc = "Writes man pages or a completion script into DIR.",
};

bool docs_is_public(const struct seep_command *command)
{
    return command->summary != NULL;
}

static struct seep_error *save(int dir_fd, const char *name, const struct buffer *text)
{
    return text->failed ? error_no_memory() : io_replace_file(dir_fd, name, text->bytes, text->len);
}

/* The hand-written part NAME.in; "" where there is none. */
static struct seep_error *read_part(const char *parts, const char *name, struct buffer *ret_part)
{
    _cleanup_free_ char *path = NULL;

    buffer_extend(ret_part, 0);
    if (!parts)
        return NULL;
    if (asprintf(&path, "%s/%s.in", parts, name) < 0)
        return error_no_memory();

    struct seep_error *err = io_read_file(AT_FDCWD, path, MAX_PART_BYTES, ret_part);

    if (err && err->code == ERROR_NOT_FOUND) {
        error_destroy(err);
        err = NULL;
    }
    return err;
}

static struct seep_error *write_man(int dir_fd, const char *parts)
{
    _cleanup_buffer_ struct buffer seep_part = {0}, seep_page = {0};
    struct seep_error *err = read_part(parts, "seep", &seep_part);

    if (err)
        return err;
    docs_man_seep(&seep_page, seep_part.bytes);
    err = save(dir_fd, "seep.1", &seep_page);
    for (size_t i = 0; commands[i] && !err; i++) {
        _cleanup_buffer_ struct buffer part = {0}, page = {0};
        char name[64];

        if (!docs_is_public(commands[i]))
            continue;
        snprintf(name, sizeof(name), "seep-%s", commands[i]->name);
        err = read_part(parts, name, &part);
        if (!err)
            err = docs_man_command(&page, commands[i], part.bytes);
        strcat(name, ".1");
        if (!err)
            err = save(dir_fd, name, &page);
    }
    return err;
}

static struct seep_error *write_docs(const struct arguments *arguments)
{
    if (mkdir(arguments->dir, 0777) < 0 && errno != EEXIST)
        return error_errno(errno, arguments->dir, "cannot create %s", arguments->dir);

    _cleanup_close_ int dir_fd = open(arguments->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dir_fd < 0)
        return error_errno(errno, arguments->dir, "cannot open %s", arguments->dir);
    if (strcmp(arguments->format, "man") == 0)
        return write_man(dir_fd, arguments->parts);
    for (size_t i = 0; i < ARRAY_SIZE(shells); i++) {
        _cleanup_buffer_ struct buffer script = {0};

        if (strcmp(arguments->format, shells[i].format) != 0)
            continue;

        struct seep_error *err = shells[i].print(&script);

        return err ? err : save(dir_fd, shells[i].file, &script);
    }
    return error_remedy(error_create(ERROR_INVALID, "'%s' is not a format", arguments->format),
                        "formats are man, bash, zsh and fish");
}

static int run(const struct seep_command *command, int argc, char **argv)
{
    struct arguments arguments = {0};

    command_parse(command, argc, argv, &arguments);

    struct seep_error *err = write_docs(&arguments);
    bool usage = err && err->code == ERROR_INVALID;

    command_report(err, "printing documents");
    return err ? usage ? COMMAND_USAGE : COMMAND_FAILED : COMMAND_DONE;
}

/* Without a summary: it is for the build, and no list shows it. */
const struct seep_command command_docs = {
    .name = "docs",
    .arguments = "man|bash|zsh|fish DIR",
    .argp = &argp,
    .run = run,
};
