#include "evidence/proc_text.h"

#include <string.h>

enum {
    FIRST_FIELD = 4,  /* ppid; pid, comm and state are read by themselves */
    LAST_FIELD = 39,  /* processor, since Linux 2.2 */
    NEED_FIELDS = 24, /* up to rss */
};

bool proc_text_digits(const char *text, size_t len, size_t *at, uint64_t *ret_number)
{
    uint64_t number = 0;
    size_t i = *at;

    for (; i < len && text[i] >= '0' && text[i] <= '9'; i++)
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(text[i] - '0'), &number))
            return false;
    if (i == *at)
        return false;
    *at = i;
    *ret_number = number;
    return true;
}

const char *proc_text_line(const char *text, size_t len, size_t *at, size_t *ret_line_len)
{
    if (*at >= len)
        return NULL;

    const char *line = text + *at;
    const char *newline = memchr(line, '\n', len - *at);
    size_t line_len = newline ? (size_t)(newline - line) : len - *at;

    *at += line_len + (newline ? 1 : 0);
    *ret_line_len = line_len;
    return line;
}

bool proc_text_number(const char *text, size_t len, const char *key, uint64_t *ret_number)
{
    size_t key_len = strlen(key), at = 0, line_len;
    const char *line;

    while ((line = proc_text_line(text, len, &at, &line_len))) {
        size_t i = key_len + 1;
        uint64_t number;

        if (line_len <= key_len || line[key_len] != ':' || memcmp(line, key, key_len) != 0)
            continue;
        while (i < line_len && (line[i] == ' ' || line[i] == '\t'))
            i++;
        if (!proc_text_digits(line, line_len, &i, &number))
            return false;
        if (line_len - i >= 3 && memcmp(line + i, " kB", 3) == 0 &&
            __builtin_mul_overflow(number, 1024, &number))
            return false;
        *ret_number = number;
        return true;
    }
    return false;
}

void proc_text_escape(struct buffer *out, const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (name[i] == '\n')
            buffer_bytes(out, "\\n", 2);
        else if (name[i] == '\\')
            buffer_bytes(out, "\\\\", 2);
        else
            buffer_bytes(out, &name[i], 1);
    }
}

size_t proc_text_unescape(const char *text, size_t len, char *ret_text)
{
    size_t out = 0;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];

        if (c == '\\' && i + 1 < len && (text[i + 1] == 'n' || text[i + 1] == '\\'))
            c = text[++i] == 'n' ? '\n' : '\\';
        ret_text[out++] = c;
    }
    ret_text[out] = '\0';
    return out;
}

bool proc_text_stat(const char *text, size_t len, struct proc_text_stat *ret_stat)
{
    struct proc_text_stat stat = {.processor = -1};
    uint64_t fields[LAST_FIELD + 1] = {0};
    size_t at = 0, line_end = len, last = FIRST_FIELD - 1;
    const char *open = memchr(text, '(', len);
    const char *close = memrchr(text, ')', len);
    size_t comm_len;
    uint64_t pid;

    if (!proc_text_digits(text, len, &at, &pid) || !open || !close || close < open ||
        (size_t)(close - text) + 3 >= len)
        return false;
    comm_len = (size_t)(close - open - 1);
    if (comm_len >= sizeof(stat.comm))
        comm_len = sizeof(stat.comm) - 1;
    proc_text_unescape(open + 1, comm_len, stat.comm);
    stat.state = close[2];
    at = (size_t)(close - text) + 3;
    while (last < LAST_FIELD && at < line_end && text[at] == ' ') {
        bool negative = ++at < line_end && text[at] == '-';

        at += negative;
        if (!proc_text_digits(text, line_end, &at, &fields[last + 1]))
            break;
        last++;
        if (negative)
            fields[last] = -fields[last];
    }
    if (last < NEED_FIELDS)
        return false;
    stat.pid = (pid_t)pid;
    stat.ppid = (pid_t)fields[4];
    stat.pgrp = (pid_t)fields[5];
    stat.session = (pid_t)fields[6];
    stat.flags = (unsigned)fields[9];
    stat.minor_faults = fields[10];
    stat.major_faults = fields[12];
    stat.user_ticks = fields[14];
    stat.system_ticks = fields[15];
    stat.thread_count = fields[20];
    stat.start_ticks = fields[22];
    stat.virtual_bytes = fields[23];
    stat.rss_pages = fields[24];
    if (last >= LAST_FIELD)
        stat.processor = (int)fields[39];
    *ret_stat = stat;
    return true;
}
