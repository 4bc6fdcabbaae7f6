#include "report/rows.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/escape.h"
#include "base/units.h"
#include "report/wrap.h"

enum { LABEL_COLUMNS = 11, TEXT_BYTES = 4096 };

void rows_deinit(struct rows *rows)
{
    buffer_deinit(&rows->out);
    buffer_deinit(&rows->line);
}

const char *rows_colour(const struct rows *rows, enum rows_colour colour)
{
    static const char *const sequences[] = {
        [ROWS_PLAIN] = "\033[0m",    [ROWS_RED] = "\033[1;31m", [ROWS_YELLOW] = "\033[1;33m",
        [ROWS_GREEN] = "\033[1;32m", [ROWS_DIM] = "\033[2m",
    };

    return rows->colour ? sequences[colour] : "";
}

void rows_printf(struct rows *rows, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    buffer_vprintf(&rows->line, format, arguments);
    va_end(arguments);
}

void rows_text(struct rows *rows, const char *text)
{
    escape_append(&rows->line, text, strnlen(text, TEXT_BYTES));
}

void rows_quote(struct rows *rows, const char *text, size_t columns)
{
    _cleanup_buffer_ struct buffer escaped = {0};

    escape_append(&escaped, text, strnlen(text, TEXT_BYTES));
    rows->line.failed |= escaped.failed;

    size_t fit = escaped.failed ? 0 : wrap_fit(escaped.bytes, escaped.len, columns);

    rows_printf(rows, "\"%.*s%s\"", (int)fit, fit ? escaped.bytes : "",
                fit < escaped.len ? "..." : "");
}

void rows_size(struct rows *rows, uint64_t bytes)
{
    struct units_text size;

    rows_printf(rows, "%s", units_format_size(&size, bytes));
}

void rows_count(struct rows *rows, uint64_t count, const char *noun)
{
    struct units_text digits;

    rows_printf(rows, "%s %s%s", units_format_count(&digits, count), noun, count == 1 ? "" : "s");
}

void rows_time(struct rows *rows, uint64_t ns)
{
    time_t seconds = (time_t)(ns / NS_PER_S), day_seconds = (time_t)(rows->day_ns / NS_PER_S);
    struct tm tm = {0}, day = {0};
    struct units_text text;

    localtime_r(&seconds, &tm);
    localtime_r(&day_seconds, &day);

    bool dated = rows->day_ns == UINT64_MAX || rows->basis == MOMENT_LOCAL ||
                 tm.tm_yday != day.tm_yday || tm.tm_year != day.tm_year;

    rows_printf(rows, "%s", moment_text(&text, rows->basis, ns, dated));
}

void rows_share(struct rows *rows, uint64_t part, uint64_t whole)
{
    if (part >= whole)
        rows_printf(rows, "all");
    else
        rows_printf(rows, "%.1f%%", fmin(100.0 * (double)part / (double)whole, 99.9));
}

void rows_rate(struct rows *rows, double bytes_per_s)
{
    static const struct {
        double seconds;
        const char *name;
    } spans[] = {{1, "s"}, {60, "min"}, {3600, "h"}};
    size_t i = 0;

    while (i + 1 < ARRAY_SIZE(spans) && fabs(bytes_per_s) * spans[i].seconds < 1 << 20)
        i++;

    double bytes = fabs(bytes_per_s) * spans[i].seconds;

    rows_printf(rows, "%c", bytes_per_s < 0 ? '-' : '+');
    rows_size(rows, bytes < 0x1p63 ? (uint64_t)bytes : UINT64_MAX);
    rows_printf(rows, "/%s", spans[i].name);
}

void rows_between(struct rows *rows, const char *text)
{
    if (rows->line.len)
        rows_printf(rows, "%s", text);
}

void rows_end_labelled(struct rows *rows, const char *label, size_t label_columns)
{
    if (rows->line.len && !rows->line.failed)
        wrap_append(&rows->out, rows->width, label, label_columns, rows->line.bytes);
    rows->out.failed |= rows->line.failed;
    buffer_clear(&rows->line);
}

void rows_end(struct rows *rows, const char *label)
{
    char cell[64];

    snprintf(cell, sizeof(cell), "   %s%-7s%s ", rows_colour(rows, ROWS_DIM), label,
             rows_colour(rows, ROWS_PLAIN));
    rows_end_labelled(rows, cell, LABEL_COLUMNS);
}

void rows_end_command(struct rows *rows, const char *label)
{
    size_t width = rows->width;

    rows->width = SIZE_MAX;
    rows_end(rows, label);
    rows->width = width;
}

void rows_end_paragraph(struct rows *rows, const char *label)
{
    rows_end_labelled(rows, label, strlen(label));
}
