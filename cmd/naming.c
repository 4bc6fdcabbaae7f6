#include "cmd/naming.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/escape.h"
#include "report/wrap.h"

enum { MAX_COLUMNS = 70, KEY_DEBUG_DIR = 0x3000 };

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct naming_options *options = state->input;

    if (key != KEY_DEBUG_DIR)
        return ARGP_ERR_UNKNOWN;
    if (options->count == NAMING_MAX_DIRS)
        argp_error(state, "--debug-dir can be given %d times at most", NAMING_MAX_DIRS);
    if (!argument[0])
        argp_error(state, "--debug-dir wants a directory");
    options->dirs[options->count++] = argument;
    options->dirs[options->count] = "/usr/lib/debug";
    return 0;
}

const char *const *naming_dirs(const struct naming_options *options)
{
    return options->count ? options->dirs : NULL;
}

static const struct argp_option option_table[] = {
    {"debug-dir", KEY_DEBUG_DIR, "DIR", 0,
     "Look for files with names of functions below DIR too, before /usr/lib/debug, by build-id "
     "(DIR/.build-id/...) or by the path they had (DIR/usr/lib/...); may be given again",
     0},
    {0},
};

const struct argp naming_argp = {.options = option_table, .parser = parse};

static bool shown;

/* File names are the target's. */
static void show(const char *text, void *context)
{
    _cleanup_buffer_ struct buffer line = {0};
    size_t fit;

    (void)context;
    escape_append(&line, text, strlen(text));
    if (line.failed || !line.len)
        return;
    fit = wrap_fit(line.bytes, line.len, MAX_COLUMNS);
    naming_progress_clear();
    fprintf(stderr, "seep: %.*s", (int)fit, line.bytes);
    shown = true;
}

void (*naming_progress(bool quiet))(const char *text, void *context)
{
    return !quiet && isatty(STDERR_FILENO) ? show : NULL;
}

void naming_progress_clear(void)
{
    if (shown)
        fprintf(stderr, "\r%*s\r", MAX_COLUMNS + (int)strlen("seep: "), "");
    shown = false;
}
