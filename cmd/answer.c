#include "cmd/answer.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/units.h"
#include "base/zone.h"
#include "cmd/naming.h"
#include "cmd/save_file.h"
#include "report/report.h"

enum { MAX_TOP = 1000000, MAX_TERMINAL_WIDTH = 120 };

enum answer_key { KEY_REPORT = 0x1000, KEY_JSON, KEY_TOP };

unsigned answer_parse_top(const char *text, const struct argp_state *state)
{
    uint64_t top;

    if (!units_parse_number(text, MAX_TOP, &top) || top == 0) {
        argp_error(state, "--top wants a number from 1 to %d, not '%s'", MAX_TOP, text);
        return 0;
    }
    return (unsigned)top;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct answer_options *options = state->input;

    switch (key) {
    case KEY_REPORT:
        options->report_path = argument;
        return 0;
    case KEY_JSON:
        options->json_path = argument;
        return 0;
    case KEY_TOP:
        options->top = answer_parse_top(argument, state);
        return 0;
    case 'q':
        options->quiet = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option option_table[] = {
    {"report", KEY_REPORT, "FILE", 0, "Write the report to FILE instead of the terminal", 0},
    {"json", KEY_JSON, "FILE", 0, "Write the report as JSON (schema seep-report/1) to FILE", 0},
    {"top", KEY_TOP, "N", 0, "Tell the first N findings in full (default 10)", 0},
    {"quiet", 'q', NULL, 0, "Print no report and no progress", 0},
    {0},
};

const struct argp answer_argp = {.options = option_table, .parser = parse};

/* As a person sees it: in colour and as wide as the terminal, when it is one. */
static struct report_text_options terminal_options(FILE *out, unsigned top)
{
    struct report_text_options options = {.top = top};
    const char *no_colour = getenv("NO_COLOR"), *terminal = getenv("TERM");
    struct winsize size;

    if (!isatty(fileno(out)))
        return options;
    options.colour =
        !(no_colour && no_colour[0]) && terminal && terminal[0] && strcmp(terminal, "dumb") != 0;
    if (ioctl(fileno(out), TIOCGWINSZ, &size) == 0)
        options.width = size.ws_col < MAX_TERMINAL_WIDTH ? size.ws_col : MAX_TERMINAL_WIDTH;
    return options;
}

static struct seep_error *save_report(const struct analysis *analysis, bool json, unsigned top,
                                      const char *path)
{
    _cleanup_free_ char *text = NULL;
    size_t len = 0;
    FILE *memory = open_memstream(&text, &len);

    if (!memory)
        return error_no_memory();

    struct seep_error *err =
        json ? report_json(analysis, memory)
             : report_text(analysis, &(struct report_text_options){.top = top}, memory);

    if (fclose(memory) != 0 && !err)
        err = error_no_memory();
    return err ? err : save_file(path, text, len);
}

struct seep_error *answer_print(struct case_dir *c, const struct answer_options *options, FILE *out,
                                struct analysis **ret_analysis)
{
    _cleanup_(analysis_destroyp) struct analysis *analysis = NULL;
    struct case_info info;
    struct seep_error *err;

    /* The analysis has sentences with times in them. */
    case_info(c, &info);
    zone_use(info.time_zone);
    err = analysis_run(c,
                       &(struct analysis_options){.debug_dirs = options->debug_dirs,
                                                  .progress = naming_progress(options->quiet)},
                       &analysis);

    naming_progress_clear();
    if (err)
        return err;
    if (options->json && !options->quiet) {
        err = report_json(analysis, out);
    } else if (!options->quiet && !options->report_path) {
        struct report_text_options text = terminal_options(out, options->top);

        err = report_text(analysis, &text, out);
    }
    if (!err && options->report_path)
        err = save_report(analysis, false, options->top, options->report_path);
    if (!err && options->json_path)
        err = save_report(analysis, true, options->top, options->json_path);
    if (!err && ret_analysis)
        *ret_analysis = take_ptr(analysis);
    return err;
}
