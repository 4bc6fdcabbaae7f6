#include "importer/strace_line.h"

#include <string.h>

#include "base/units.h"

enum {
    MAX_NAME_LEN = 32,
    MAX_PID = 1 << 22, /* PID_MAX_LIMIT of linux/threads.h */
    FIRST_EPOCH_S = 100000000,
    NS_DIGITS = 9,
};

struct text {
    const char *at, *end;
};

/* Inline, so that comparing with a literal is a comparison of words. */
static inline __attribute__((always_inline)) bool starts(const struct text *t, const char *prefix,
                                                         size_t len)
{
    return (size_t)(t->end - t->at) >= len && memcmp(t->at, prefix, len) == 0;
}

#define STARTS(t, literal) starts(t, literal, sizeof(literal) - 1)

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char peek(const struct text *t)
{
    return t->at < t->end ? *t->at : '\0';
}

static void skip_blanks(struct text *t)
{
    while (t->at < t->end && *t->at == ' ')
        t->at++;
}

/* Digits, at most 18 of them; false: there are none, or more. */
static bool number(struct text *t, uint64_t *ret_number)
{
    enum { MOST = 18 };
    const char *from = t->at;
    uint64_t value = 0;

    while (t->at < t->end && is_digit(*t->at) && t->at - from <= MOST)
        value = value * 10 + (uint64_t)(*t->at++ - '0');
    *ret_number = value;
    return t->at > from && t->at - from <= MOST;
}

/* ".293407", if it is there. */
static uint64_t fraction(struct text *t)
{
    static const uint32_t scale[NS_DIGITS + 1] = {1000000000, 100000000, 10000000, 1000000, 100000,
                                                  10000,      1000,      100,      10,      1};
    uint64_t ns = 0;
    int digits = 0;

    if (peek(t) != '.')
        return 0;
    t->at++;
    for (; t->at < t->end && is_digit(*t->at); t->at++) {
        if (digits == NS_DIGITS)
            continue;
        ns = ns * 10 + (uint64_t)(*t->at - '0');
        digits++;
    }
    return ns * scale[digits];
}

/* ":48:40.293407" behind the hour. */
static bool clock_time(struct text *t, uint64_t hour, struct strace_line *line)
{
    uint64_t minute, second;

    t->at++;
    if (!number(t, &minute) || peek(t) != ':')
        return false;
    t->at++;
    if (!number(t, &second) || hour > 23 || minute > 59 || second > 60)
        return false;
    line->basis = WHEN_TIME_OF_DAY;
    line->ns = (hour * 3600 + minute * 60 + second) * NS_PER_S + fraction(t);
    return true;
}

static void plain_time(struct text *t, uint64_t seconds, struct strace_line *line)
{
    line->ns = seconds * NS_PER_S + fraction(t);
    line->basis = seconds >= FIRST_EPOCH_S ? WHEN_ABSOLUTE : WHEN_RELATIVE;
    line->is_delta = line->basis == WHEN_RELATIVE;
}

/* "<comm>" of --decode-pids=comm. */
static bool comm(struct text *t, struct strace_line *line)
{
    const char *end;

    if (peek(t) != '<')
        return true;
    end = memchr(t->at, '>', (size_t)(t->end - t->at));
    if (!end || end - t->at > MAX_NAME_LEN)
        return false;
    line->comm = t->at + 1;
    line->comm_len = (size_t)(end - t->at - 1);
    t->at = end + 1;
    return true;
}

static bool tid_in_brackets(struct text *t, struct strace_line *line)
{
    uint64_t tid;

    t->at += sizeof("[pid") - 1;
    skip_blanks(t);
    if (!number(t, &tid) || tid > MAX_PID || !comm(t, line) || peek(t) != ']')
        return false;
    line->tid = (pid_t)tid;
    t->at++;
    return true;
}

/* A tid, a time, or both. */
static bool tid_and_time(struct text *t, struct strace_line *line)
{
    uint64_t n;

    if (STARTS(t, "[pid") && !tid_in_brackets(t, line))
        return false;
    skip_blanks(t);
    if (!is_digit(peek(t)))
        return true;
    if (!number(t, &n))
        return false;
    if (peek(t) == ':')
        return clock_time(t, n, line);
    if (peek(t) == '.' || n >= FIRST_EPOCH_S) {
        plain_time(t, n, line);
        return n < INT64_MAX / NS_PER_S;
    }
    if (line->tid || n > MAX_PID)
        return false;
    line->tid = (pid_t)n;
    if (!comm(t, line))
        return false;
    skip_blanks(t);
    if (!is_digit(peek(t)))
        return true;
    if (!number(t, &n))
        return false;
    if (peek(t) == ':')
        return clock_time(t, n, line);
    if (peek(t) != '.' && n < FIRST_EPOCH_S)
        return false;
    plain_time(t, n, line);
    return n < INT64_MAX / NS_PER_S;
}

/* "(+     0.000123) " of -r beside -t, "[  59] " of -n, "[00007fc875a47ad7] " of -i. */
static void skip_extras(struct text *t)
{
    skip_blanks(t);
    if (STARTS(t, "(+ ")) {
        const char *end = memchr(t->at, ')', (size_t)(t->end - t->at));

        t->at = end ? end + 1 : t->end;
        skip_blanks(t);
    }
    while (peek(t) == '[') {
        struct text inside = {t->at + 1, t->end};

        while (inside.at < inside.end &&
               (is_digit(*inside.at) || (*inside.at >= 'a' && *inside.at <= 'f') ||
                *inside.at == ' ' || *inside.at == '?' || *inside.at == 'x'))
            inside.at++;
        if (peek(&inside) != ']')
            return;
        t->at = inside.at + 1;
        skip_blanks(t);
    }
}

static enum strace_record rest(const struct text *t, size_t from, struct strace_line *line,
                               enum strace_record record)
{
    line->rest = t->at + from;
    line->rest_len = (size_t)(t->end - line->rest);
    return record;
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || c == '_' || is_digit(c) || (c >= 'A' && c <= 'Z') || c == '?';
}

static enum strace_record call(struct text *t, struct strace_line *line)
{
    const char *from = t->at;

    while (t->at < t->end && is_name_char(*t->at) && t->at - from < MAX_NAME_LEN)
        t->at++;
    if (t->at == from || peek(t) != '(')
        return STRACE_STRANGE;
    line->name = from;
    line->name_len = (size_t)(t->at - from);
    return rest(t, 1, line, STRACE_CALL);
}

static enum strace_record resumed(struct text *t, struct strace_line *line)
{
    static const char resumed_word[] = " resumed>";
    const char *from;

    t->at += sizeof("<... ") - 1;
    from = t->at;
    while (t->at < t->end && is_name_char(*t->at) && t->at - from < MAX_NAME_LEN)
        t->at++;
    line->name = from;
    line->name_len = (size_t)(t->at - from);
    if (!line->name_len || !STARTS(t, resumed_word))
        return STRACE_STRANGE;
    return rest(t, sizeof(resumed_word) - 1, line, STRACE_RESUMED);
}

static enum strace_record body(struct text *t, struct strace_line *line)
{
    switch (peek(t)) {
    case '<':
        /* A line that a note of strace's cut in two ends so. */
        if (STARTS(t, "<unfinished ...>"))
            return rest(t, 0, line, STRACE_NOTE);
        return STARTS(t, "<... ") ? resumed(t, line) : STRACE_STRANGE;
    case '-':
        return STARTS(t, "--- ") ? rest(t, 4, line, STRACE_SIGNAL) : STRACE_STRANGE;
    case '+':
        return STARTS(t, "+++ ") ? rest(t, 4, line, STRACE_ENDED) : STRACE_STRANGE;
    case '[':
        return STARTS(t, "[ Process PID=") ? rest(t, sizeof("[ Process ") - 1, line, STRACE_MODE)
                                           : STRACE_STRANGE;
    case '>':
        return STARTS(t, "> ") ? rest(t, 2, line, STRACE_FRAME) : STRACE_STRANGE;
    case 's':
        return STARTS(t, "strace: ") ? rest(t, 8, line, STRACE_NOTE) : call(t, line);
    case 'P':
        return STARTS(t, "Process ") ? rest(t, 0, line, STRACE_NOTE) : call(t, line);
    default:
        return call(t, line);
    }
}

void strace_line_parse(const char *text, size_t len, struct strace_line *ret_line)
{
    struct text t = {text, text + len};

    *ret_line = (struct strace_line){0};
    if (STARTS(&t, " > ")) {
        ret_line->record = rest(&t, 3, ret_line, STRACE_FRAME);
        return;
    }
    if (!tid_and_time(&t, ret_line))
        return;
    skip_extras(&t);
    ret_line->record = body(&t, ret_line);
}
