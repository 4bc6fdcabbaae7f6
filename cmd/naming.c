#include "cmd/naming.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/escape.h"
#include "report/wrap.h"

enum { MAX_COLUMNS = 70 };

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
