#include "cmd/command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/cleanup.h"

void command_parse(const struct seep_command *command, int argc, char **argv, void *input)
{
    argp_err_exit_status = COMMAND_USAGE;
    argp_parse(command->argp, argc, argv, 0, NULL, input);
}

int command_report(struct seep_error *err, const char *what, ...)
{
    if (!err)
        return COMMAND_DONE;
    /* Whoever reads our output has had enough: `seep show ... | head`. */
    if (err->errnum == EPIPE) {
        error_destroy(err);
        return COMMAND_DONE;
    }

    va_list arguments;
    _cleanup_free_ char *text = NULL;

    va_start(arguments, what);
    if (vasprintf(&text, what, arguments) < 0)
        text = NULL;
    va_end(arguments);
    fprintf(stderr, "seep: %s failed: %s", text ? text : "it", err->message);
    if (err->remedy)
        fprintf(stderr, " (%s)", err->remedy);
    fputc('\n', stderr);
    error_destroy(err);
    return COMMAND_FAILED;
}
