#include "importer/strace_call.h"

#include <string.h>
#include <sys/mman.h>

#include "base/units.h"
#include "evidence/call_text.h"

enum { MAX_NESTING = 64, MEMORY_WORD_BYTES = 64 };

struct text {
    const char *at, *end;
};

static char peek(const struct text *t)
{
    return t->at < t->end ? *t->at : '\0';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || is_digit(c);
}

static void skip_blanks(struct text *t)
{
    while (t->at < t->end && *t->at == ' ')
        t->at++;
}

/* Inline, so that comparing with a literal is a comparison of words. */
static inline __attribute__((always_inline)) bool take(struct text *t, const char *literal,
                                                       size_t len)
{
    if ((size_t)(t->end - t->at) < len || memcmp(t->at, literal, len) != 0)
        return false;
    t->at += len;
    return true;
}

#define TAKE(t, literal) take(t, literal, sizeof(literal) - 1)

/* --- values --- */

/* Decimal, 0x and octal, with a sign; false: none is there, or it does not fit. */
static bool number(struct text *t, uint64_t *ret_value)
{
    bool negative = peek(t) == '-';
    unsigned base = 10;
    uint64_t value = 0;
    const char *from;

    t->at += negative;
    if (peek(t) == '0' && t->end - t->at > 1) {
        if (t->at[1] == 'x') {
            base = 16;
            t->at += 2;
        } else if (is_digit(t->at[1])) {
            base = 8;
        }
    }
    for (from = t->at; t->at < t->end; t->at++) {
        char c = *t->at;
        unsigned digit = is_digit(c)            ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                                                : 16;

        if (digit >= base)
            break;
        if (__builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return false;
    }
    *ret_value = negative ? -value : value;
    return t->at > from;
}

size_t strace_call_string(const char *text, size_t len, char *ret_string, size_t size)
{
    static const char letters[] = "\"\"\\\\f\fn\nr\rt\tv\v";
    const char *at = text, *end = text + len;
    size_t used = 0;

    if (at == end || *at != '"')
        return 0;
    for (at++; at < end && *at != '"'; at++) {
        char c = *at;

        if (c == '\\' && at + 1 < end) {
            const char *letter = letters;

            at++;
            while (*letter && *letter != *at)
                letter += 2;
            if (*letter) {
                c = letter[1];
            } else if (*at == 'x' && end - at > 2) {
                static const char hex[] = "0123456789abcdef";
                const char *high = memchr(hex, at[1], 16), *low = memchr(hex, at[2], 16);

                c = high && low ? (char)((high - hex) << 4 | (low - hex)) : '?';
                at += 2;
            } else {
                int value = 0, digits = 0;

                for (; digits < 3 && at < end && *at >= '0' && *at <= '7'; digits++)
                    value = value * 8 + (*at++ - '0');
                at -= digits > 0;
                c = digits ? (char)value : *at;
            }
        }
        if (used + 1 < size)
            ret_string[used++] = c;
    }
    if (at == end)
        return 0;
    ret_string[used] = '\0';
    return (size_t)(at + 1 - text);
}

/* Past what is of no interest, to the ',' or ')' that ends the argument: brackets, strings and paths in
 * '<>' are skipped whole. false: the text ends first. */
static bool skip_argument(struct text *t)
{
    char closing[MAX_NESTING];
    int depth = 0;

    for (; t->at < t->end; t->at++) {
        char c = *t->at;

        if (depth && c == closing[depth - 1]) {
            depth--;
            continue;
        }
        switch (c) {
        case ',':
        case ')':
            if (!depth)
                return true;
            break;
        case '"':
            for (t->at++; t->at < t->end && *t->at != '"'; t->at++)
                t->at += *t->at == '\\';
            if (t->at >= t->end) {
                t->at = t->end;
                return false;
            }
            break;
        case '-':
            t->at += t->at + 1 < t->end && t->at[1] == '>'; /* of a socket: 1.2.3.4:5->6.7.8.9:10 */
            break;
        case '<':
            if (t->at + 1 < t->end && t->at[1] == '<') { /* 21<<MAP_HUGE_SHIFT */
                t->at++;
                break;
            }
            /* fallthrough */
        case '(':
        case '[':
        case '{':
            if (depth == MAX_NESTING)
                return false;
            closing[depth++] = c == '<' ? '>' : c == '(' ? ')' : c == '[' ? ']' : '}';
            break;
        default:
            break;
        }
    }
    return false;
}

/* One word or number of a flags argument, shifted by another: "21<<MAP_HUGE_SHIFT". */
static bool term(struct text *t, uint8_t how, struct strace_call *call, uint64_t *ret_value)
{
    const char *from = t->at;
    uint64_t shift = 0;

    if (is_digit(peek(t)) || peek(t) == '-') {
        if (!number(t, ret_value))
            return false;
        if (!TAKE(t, "<<"))
            return true;
        return term(t, how, call, &shift) && shift < 64 && ((*ret_value <<= shift), true);
    }
    while (t->at < t->end && is_word_char(*t->at))
        t->at++;
    if (t->at == from)
        return false;
    if (t->at - from == 4 && memcmp(from, "NULL", 4) == 0)
        *ret_value = 0;
    else if (!call_text_parse_word(how, from, (size_t)(t->at - from), ret_value)) {
        call->strange = from;
        call->strange_len = (size_t)(t->at - from);
        *ret_value = 0;
    }
    return true;
}

/* A comment is behind a number that strace has no word for. */
static void skip_comment(struct text *t)
{
    const char *end;

    if (!TAKE(t, " /*"))
        return;
    end = memmem(t->at, (size_t)(t->end - t->at), "*/", 2);
    t->at = end ? end + 2 : t->end;
}

/* The words of the last call, which are as a rule those of the next one too. */
struct memory {
    size_t len;
    char text[MEMORY_WORD_BYTES];
    uint64_t value;
};

static __thread struct memory memories[SYSCALL_ARG_HEX + 1];

/* WORD|WORD|0x10 */
static bool flags(struct text *t, uint8_t how, struct strace_call *call, uint64_t *ret_value)
{
    struct memory *memory = &memories[how];
    const char *from = t->at;
    uint64_t value = 0, one;

    if (memory->len && (size_t)(t->end - t->at) > memory->len &&
        memcmp(t->at, memory->text, memory->len) == 0 &&
        (t->at[memory->len] == ',' || t->at[memory->len] == ')')) {
        t->at += memory->len;
        *ret_value = memory->value;
        return true;
    }
    do {
        if (!term(t, how, call, &one))
            return false;
        value |= one;
        skip_comment(t);
    } while (TAKE(t, "|"));
    if (!call->strange && (size_t)(t->at - from) <= MEMORY_WORD_BYTES) {
        memory->len = (size_t)(t->at - from);
        memcpy(memory->text, from, memory->len);
        memory->value = value;
    }
    *ret_value = value;
    return true;
}

/* Where another thread's line came between. */
static bool is_cut_here(struct text *t)
{
    struct text next = *t;

    skip_blanks(&next);
    return TAKE(&next, "<unfinished") || TAKE(&next, "strace: ");
}

/* One argument, up to the ',' or ')' that ends it. */
static bool argument(struct text *t, uint8_t how, struct strace_call *call, uint64_t *ret_value)
{
    *ret_value = 0;
    skip_blanks(t);
    switch (peek(t)) {
    case '"':
        if (how == SYSCALL_ARG_MEMFD_NAME) {
            size_t took =
                strace_call_string(t->at, (size_t)(t->end - t->at), call->name, sizeof(call->name));

            if (!took)
                return false;
            call->has_name = true;
            t->at += took;
            if (TAKE(t, "..."))
                strcat(call->name, "...");
        }
        break;
    case '[':
    case '{':
        break;
    default:
        if (!flags(t, how, call, ret_value))
            return false;
    }
    if (peek(t) == ',' || peek(t) == ')')
        return true;
    if (is_cut_here(t))
        return true;
    return skip_argument(t); /* a path, a comment, dots behind a string */
}

/* --- results --- */

/* "<0.001026>" */
static void duration(struct text *t, struct strace_call *call)
{
    struct text d = *t;
    uint64_t seconds, ns = 0;
    int digits = 0;

    skip_blanks(&d);
    if (!TAKE(&d, "<") || !is_digit(peek(&d)))
        return;
    for (seconds = 0; is_digit(peek(&d)) && seconds < INT32_MAX; d.at++)
        seconds = seconds * 10 + (uint64_t)(*d.at - '0');
    if (!TAKE(&d, "."))
        return;
    for (; is_digit(peek(&d)); d.at++, digits++)
        ns = digits < 9 ? ns * 10 + (uint64_t)(*d.at - '0') : ns;
    for (; digits < 9; digits++)
        ns *= 10;
    if (!TAKE(&d, ">"))
        return;
    call->has_duration = true;
    call->duration_ns = seconds * NS_PER_S + ns;
    *t = d;
}

static const char *word(struct text *t, size_t *ret_len)
{
    const char *from = t->at;

    while (t->at < t->end && is_word_char(*t->at))
        t->at++;
    *ret_len = (size_t)(t->at - from);
    return from;
}

/* "(To be restarted if SA_RESTART is set)", "(flags ...)" */
static void skip_remark(struct text *t)
{
    skip_blanks(t);
    if (peek(t) == '(') {
        const char *end = memchr(t->at, ')', (size_t)(t->end - t->at));

        t->at = end ? end + 1 : t->end;
    }
}

/* "</memfd:x (deleted)>" of -y, "<TCP:[1.2.3.4:5->6.7.8.9:10]>" of -yy. */
static void skip_path(struct text *t)
{
    int depth = 0;

    for (; t->at < t->end; t->at++) {
        if (*t->at == '<')
            depth++;
        else if (*t->at == '>' && t->at[-1] != '-' && --depth == 0) {
            t->at++;
            return;
        }
    }
}

static enum strace_outcome failure(struct text *t, struct strace_call *call)
{
    size_t len;
    const char *name;
    int errnum = 0;

    skip_blanks(t);
    if (TAKE(t, "(errno ")) {
        uint64_t n;

        if (number(t, &n) && n < 4096)
            errnum = (int)n;
        TAKE(t, ")");
    } else if ((name = word(t, &len)) && len && (errnum = call_text_parse_error(name, len)) == 0) {
        errnum = 1; /* which one does not matter: it failed */
    } else {
        skip_remark(t);
    }
    call->result = -(int64_t)(errnum ? errnum : 1);
    return errnum >= 512 ? STRACE_INTERRUPTED : STRACE_RETURNED;
}

/* Behind the ')': " = 0x7f46d34e2000 <0.001026>". */
static void result(struct text *t, struct strace_call *call)
{
    uint64_t value;
    bool negative;

    call->outcome = STRACE_UNKNOWN;
    skip_blanks(t);
    if (!TAKE(t, "="))
        return;
    skip_blanks(t);
    negative = peek(t) == '-';
    if (TAKE(t, "?")) {
        skip_blanks(t);
        if (peek(t) == 'E')
            call->outcome = failure(t, call);
    } else if (number(t, &value)) {
        call->result = (int64_t)value;
        call->outcome = STRACE_RETURNED;
        if (negative)
            call->outcome = failure(t, call);
        else if (peek(t) == '<')
            skip_path(t);
        if (peek(t) == '(' || (t->end - t->at > 1 && t->at[0] == ' ' && t->at[1] == '('))
            skip_remark(t);
    }
    duration(t, call);
}

static void finish(struct text *t, struct strace_call *call)
{
    skip_blanks(t);
    call->rest = t->at;
    call->rest_len = (size_t)(t->end - t->at);
}

/* mremap has a fifth argument only with MREMAP_FIXED. */
static int fewest_arguments(const struct syscall_row *row)
{
    return row->kind == EVENT_MREMAP ? 4 : row->count;
}

/* strace shows what the kernel stored, not where. */
static void take_stored(const struct syscall_row *row, struct text t, struct strace_call *call)
{
    uint64_t id;

    if (row->kind != EVENT_IO_SETUP)
        return;
    if (skip_argument(&t) && TAKE(&t, ",")) {
        skip_blanks(&t);
        if (TAKE(&t, "[") && number(&t, &id))
            call->args[2] = id;
    }
}

void strace_call_parse(const struct syscall_row *row, const char *text, size_t len,
                       struct strace_call *ret_call)
{
    const char *rest = NULL, *unfinished = NULL;
    struct text t = {text, text + len};
    struct strace_call *call = ret_call;
    int count = 0;

    call->outcome = STRACE_BROKEN;
    memset(call->args, 0, sizeof(call->args));
    call->has_duration = false;
    call->has_name = false;
    call->strange = NULL;
    while (count < row->count) {
        if (!argument(&t, row->arguments[count], call, &call->args[count])) {
            unfinished = strace_call_unfinished(text, len, &rest);
            break;
        }
        count++;
        if (peek(&t) != ',')
            break;
        t.at++;
    }
    take_stored(row, (struct text){text, text + len}, call);
    if (unfinished ||
        (peek(&t) != ')' && (unfinished = strace_call_unfinished(text, len, &rest)))) {
        /* What the kernel stores is missing; all else must be there. */
        if (count + 1 >= fewest_arguments(row))
            call->outcome = STRACE_UNKNOWN;
        t.at = rest;
        if (TAKE(&t, ")"))
            result(&t, call);
        finish(&t, call);
        return;
    }
    /* Of a call that strace did not know it prints all six. */
    while (count == row->count && t.at[-1] == ',' && skip_argument(&t) && peek(&t) == ',')
        t.at++;
    if (count < fewest_arguments(row) || !TAKE(&t, ")")) {
        finish(&t, call);
        return;
    }
    result(&t, call);
    finish(&t, call);
}

void strace_call_parse_result(const char *text, size_t len, struct strace_call *ret_call)
{
    struct text t = {text, text + len};

    memset(ret_call->args, 0, sizeof(ret_call->args));
    ret_call->has_duration = false;
    ret_call->has_name = false;
    ret_call->strange = NULL;
    ret_call->outcome = STRACE_UNKNOWN;
    while (t.at < t.end && skip_argument(&t) && *t.at == ',')
        t.at++;
    if (TAKE(&t, ")"))
        result(&t, ret_call);
    finish(&t, ret_call);
}

const char *strace_call_unfinished(const char *text, size_t len, const char **ret_rest)
{
    static const char mark[] = "<unfinished ...>", note[] = "strace: Process ";
    const char *found = memmem(text, len, mark, sizeof(mark) - 1), *before;

    if (!found) {
        found = memmem(text, len, note, sizeof(note) - 1);
        if (found)
            *ret_rest = found;
        return found;
    }
    for (before = found; before > text && before[-1] == ' '; before--)
        ;
    *ret_rest = found + sizeof(mark) - 1;
    return before;
}
