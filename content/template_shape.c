#include "content/template_shape.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum {
    BLOB_BYTES = 20, /* the shortest text that may be base64 */
    HEX_DIGITS = 8,  /* the shortest hexadecimal number without 0x, if a digit is in it */
};

/* What a byte is. */
enum {
    DIGIT = 1,
    UPPER = 2,
    LOWER = 4, /* and all that is not ASCII */
    HEX = 8,   /* a to f, A to F */
    BLOB = 16, /* beside letters and digits in base64, or its variant for URLs */
    WORD = DIGIT | UPPER | LOWER,
};

static const uint8_t classes[256] = {
    ['0' ... '9'] = DIGIT,
    ['A' ... 'F'] = UPPER | HEX,
    ['G' ... 'Z'] = UPPER,
    ['a' ... 'f'] = LOWER | HEX,
    ['g' ... 'z'] = LOWER,
    ['+'] = BLOB,
    ['/'] = BLOB,
    ['-'] = BLOB,
    [0x80 ... 0xff] = LOWER,
};

struct reader {
    const uint8_t *text;
    size_t len;
};

static unsigned class_at(const struct reader *r, size_t at)
{
    return at < r->len ? classes[r->text[at]] : 0;
}

static size_t run(const struct reader *r, size_t at, unsigned what)
{
    size_t from = at;

    while (class_at(r, at) & what)
        at++;
    return at - from;
}

static bool is_at(const struct reader *r, size_t at, char c)
{
    return at < r->len && r->text[at] == (uint8_t)c;
}

/* --- dates --- */

static size_t name_at(const struct reader *r, size_t at, const char *names)
{
    if (r->len < at + 3)
        return 0;
    for (; *names; names += 3)
        if (memcmp(r->text + at, names, 3) == 0)
            return 3;
    return 0;
}

/* "Z", "+08:00", " +0800", " GMT", " UTC"; 0: none. */
static size_t zone_at(const struct reader *r, size_t at)
{
    size_t blank = is_at(r, at, ' '), from = at + blank;

    if (is_at(r, at, 'Z') && !(class_at(r, at + 1) & WORD))
        return 1;
    if (blank && r->len >= from + 3 && !(class_at(r, from + 3) & WORD) &&
        (memcmp(r->text + from, "GMT", 3) == 0 || memcmp(r->text + from, "UTC", 3) == 0))
        return 4;
    if ((is_at(r, from, '+') || is_at(r, from, '-')) && run(r, from + 1, DIGIT) == 4)
        return blank + 5;
    if ((is_at(r, from, '+') || is_at(r, from, '-')) && run(r, from + 1, DIGIT) == 2 &&
        is_at(r, from + 3, ':') && run(r, from + 4, DIGIT) == 2)
        return blank + 6;
    return 0;
}

/* "8:29", "08:29:13.123456 +0800"; 0: none. SECONDS: it must have them. */
static size_t clock_at(const struct reader *r, size_t at, bool seconds)
{
    size_t from = at, digits = run(r, at, DIGIT);

    if (digits == 0 || digits > 2 || !is_at(r, at + digits, ':') ||
        run(r, at + digits + 1, DIGIT) != 2)
        return 0;
    at += digits + 3;
    if (is_at(r, at, ':') && run(r, at + 1, DIGIT) == 2) {
        at += 3;
        if ((is_at(r, at, '.') || is_at(r, at, ',')) && class_at(r, at + 1) & DIGIT)
            at += 1 + run(r, at + 1, DIGIT);
    } else if (seconds) {
        return 0;
    }
    return at - from + zone_at(r, at);
}

/* FORM: d a digit, n one or two digits, M a month, W a day of the week, c a time of day, A a time zone's
 * letters, a blank any number of them. */
static size_t form_at(const struct reader *r, size_t at, const char *form)
{
    size_t from = at, step;

    for (; *form; form++) {
        switch (*form) {
        case 'd':
            step = (class_at(r, at) & DIGIT) != 0;
            break;
        case 'n':
            step = run(r, at, DIGIT);
            step = step > 2 ? 0 : step;
            break;
        case 'M':
            step = name_at(r, at, "JanFebMarAprMayJunJulAugSepOctNovDec");
            break;
        case 'W':
            step = name_at(r, at, "MonTueWedThuFriSatSun");
            break;
        case 'c':
            step = clock_at(r, at, false);
            break;
        case 'A':
            step = run(r, at, UPPER);
            break;
        case ' ':
            for (step = 0; is_at(r, at + step, ' ');)
                step++;
            break;
        default:
            step = is_at(r, at, *form);
            break;
        }
        if (step == 0)
            return 0;
        at += step;
    }
    return at - from;
}

static size_t date_at(const struct reader *r, size_t at)
{
    static const char *const of_digits[] = {
        "dddd-dd-ddTc", "dddd-dd-dd c", "dddd/dd/dd c", "dd/M/dddd:c", "n M dddd c",
        "dddd-dd-dd",   "dddd/dd/dd",   "n M dddd",     "n-M-dddd c",
    };
    static const char *const of_names[] = {
        "W, n M dddd c", "W M n c dddd", "W M n c A dddd", "W, n-M-dd c", "M n, dddd", "M n c",
    };
    bool number = class_at(r, at) & DIGIT;
    size_t count =
        number ? sizeof(of_digits) / sizeof(of_digits[0]) : sizeof(of_names) / sizeof(of_names[0]);

    for (size_t i = 0; i < count; i++) {
        size_t len = form_at(r, at, number ? of_digits[i] : of_names[i]);

        if (len && !(class_at(r, at + len) & WORD))
            return len;
    }
    return number ? clock_at(r, at, true) : 0;
}

/* --- numbers and the like --- */

static size_t hex_at(const struct reader *r, size_t at)
{
    return run(r, at, DIGIT | HEX);
}

/* 123e4567-e89b-12d3-a456-426614174000 */
static size_t uuid_at(const struct reader *r, size_t at)
{
    static const uint8_t parts[] = {8, 4, 4, 4, 12};
    size_t from = at;

    for (size_t i = 0; i < sizeof(parts); i++) {
        if (hex_at(r, at) != parts[i] || (i < 4 && !is_at(r, at + parts[i], '-')))
            return 0;
        at += parts[i] + (i < 4);
    }
    return class_at(r, at) & WORD ? 0 : at - from;
}

/* "10.0.0.7"; 0: none. */
static size_t address_at(const struct reader *r, size_t at)
{
    size_t from = at;

    for (int part = 0; part < 4; part++) {
        size_t digits = run(r, at, DIGIT);

        if (digits == 0 || digits > 3 || (part && r->text[at - 1] != '.'))
            return 0;
        at += digits + 1;
    }
    return at - 1 - from;
}

/* "12", "12.5", "1,234,567", "10.0.0.7", "10-33-144-190", "3/4". */
static size_t number_at(const struct reader *r, size_t at)
{
    const size_t from = at, address = at + address_at(r, at);
    size_t next = run(r, at, DIGIT);
    unsigned dots = 0;

    at += next;
    while (at < r->len) {
        uint8_t c = r->text[at];

        next = run(r, at + 1, DIGIT);
        if (next == 0 || class_at(r, at + 1 + next) & WORD)
            break;
        if (c == ',' ? next != 3 : c != '-' && c != ':' && c != '/' && c != '.')
            break;
        /* A decimal has one point; what comes behind a second is a number of its own. */
        if (c == '.' && at >= address && ++dots > 1)
            break;
        at += 1 + next;
    }
    return at - from;
}

/* --- words --- */

/* A run of what base64 is made of, and of what of it begins at each byte: filled from its end. */
struct blob {
    size_t start, end;
    uint16_t changes[TEMPLATE_SHAPE_BYTES +
                     1]; /* between upper case, lower case and digits, from there on */
    uint8_t seen[TEMPLATE_SHAPE_BYTES + 1]; /* of these */
};

static void fill_blob(const struct reader *r, size_t at, struct blob *blob)
{
    unsigned seen = 0, next = 0;
    uint16_t changes = 0;

    blob->start = at;
    blob->end = at + run(r, at, WORD | BLOB);
    if (blob->end - at < BLOB_BYTES)
        return;
    for (size_t i = blob->end; i-- > at;) {
        unsigned class = classes[r->text[i]] & WORD;

        if (r->text[i] >= 0x80)
            class = 0;
        changes += class && next && class != next;
        seen |= class;
        next = class;
        blob->changes[i] = changes;
        blob->seen[i] = (uint8_t)seen;
    }
}

/* Base64 changes between upper case, lower case and digits at two of five places and more, words do
 * not. */
static size_t blob_at(const struct reader *r, size_t at, struct blob *blob)
{
    size_t len;

    if (at >= blob->end)
        fill_blob(r, at, blob);
    len = blob->end - at;
    if (len < BLOB_BYTES || blob->seen[at] != WORD || blob->changes[at] * 5U < len * 2)
        return 0;
    while (len && classes[r->text[at + len - 1]] & BLOB)
        len--;
    while (is_at(r, at + len, '='))
        len++;
    return len;
}

struct word {
    size_t len, digits;
    size_t changes; /* between digits and letters */
    bool hex;       /* nothing but hexadecimal digits */
};

static struct word word_at(const struct reader *r, size_t at)
{
    struct word word = {.hex = true};
    unsigned class, last = class_at(r, at) & DIGIT;

    while ((class = class_at(r, at + word.len)) & WORD) {
        word.digits += class & DIGIT;
        word.changes += (class & DIGIT) != last;
        word.hex &= (class & (DIGIT | HEX)) != 0;
        last = class & DIGIT;
        word.len++;
    }
    return word;
}

/* Nearly all words are none: a date begins with one or two digits, four of a year, or three letters. */
static bool may_be_date(const struct reader *r, size_t at, const struct word *word)
{
    size_t digits = word->digits == word->len ? word->len : run(r, at, DIGIT);

    if (digits == 0)
        return word->len == 3 && class_at(r, at) & UPPER;
    if (digits == 4)
        return is_at(r, at + 4, '-') || is_at(r, at + 4, '/');
    return digits <= 2 && (is_at(r, at + digits, ':') || is_at(r, at + digits, '/') ||
                           is_at(r, at + digits, '-') ||
                           (is_at(r, at + digits, ' ') && class_at(r, at + digits + 1) & UPPER));
}

/* What is encoded in a word of RFC 2047: "=?UTF-8?B?5rWL6K+V?=", from the third question mark on. */
static size_t encoded_at(const struct reader *r, size_t at)
{
    size_t from = at;

    if (at < 3 || r->text[at - 1] != '?' || r->text[at - 3] != '?' ||
        !memchr("BbQq", r->text[at - 2], 4))
        return 0;
    while (at < r->len && r->text[at] > ' ' && r->text[at] != '?')
        at++;
    return is_at(r, at, '?') && is_at(r, at + 1, '=') ? at - from : 0;
}

/* The token at AT, where a word begins: its length. */
static size_t token_at(const struct reader *r, size_t at, struct blob *blob, bool *ret_wild)
{
    unsigned class = class_at(r, at);
    const struct word word = word_at(r, at);
    size_t len;

    *ret_wild = true;
    if ((len = encoded_at(r, at)) || (len = blob_at(r, at, blob)))
        return len;
    if (may_be_date(r, at, &word) && (len = date_at(r, at)))
        return len;
    if (word.digits == 0) {
        *ret_wild = false;
        return word.len;
    }
    if (word.len == HEX_DIGITS && word.hex && (len = uuid_at(r, at)))
        return len;
    if (word.digits == word.len)
        return number_at(r, at);
    if (is_at(r, at, '0') && is_at(r, at + 1, 'x') && hex_at(r, at + 2) == word.len - 2)
        return word.len;
    /* An id: letters and digits changing again and again, or a long number. */
    if ((word.len >= 6 && word.changes >= 3) || (word.len >= HEX_DIGITS && word.hex))
        return word.len;
    /* "eth0", "12ms": the number apart. */
    *ret_wild = class & DIGIT;
    return run(r, at, *ret_wild ? DIGIT : UPPER | LOWER);
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 32;
}

void template_shape_of(const char *text, size_t len, struct template_shape *ret_shape)
{
    struct reader r = {(const uint8_t *)text, len};
    uint64_t key = len > TEMPLATE_SHAPE_BYTES, form = key;
    size_t count = 0, at = 0;
    struct blob blob;

    blob.end = 0;
    if (len > TEMPLATE_SHAPE_BYTES) {
        r.len = TEMPLATE_SHAPE_BYTES;
        while (r.len && (r.text[r.len] & 0xc0) == 0x80)
            r.len--;
    }
    while (at < r.len) {
        uint8_t c = r.text[at];

        if (!(classes[c] & WORD)) {
            form = mix(form, c);
            key = mix(key, c);
            while (is_at(&r, at, (char)c)) /* blanks that align, rulers */
                at++;
            continue;
        }

        bool wild;
        size_t step = token_at(&r, at, &blob, &wild);
        uint64_t hash = XXH3_64bits(r.text + at, step);

        form = mix(form, count < TEMPLATE_SHAPE_TOKENS ? 0x100 : hash);
        key = mix(key, wild ? 0x101 : hash | 0x200);
        if (count < TEMPLATE_SHAPE_TOKENS)
            ret_shape->tokens[count++] =
                (struct template_token){(uint32_t)hash, (uint16_t)at, (uint16_t)step, wild};
        at += step;
    }
    ret_shape->len = r.len;
    ret_shape->count = count;
    ret_shape->key = key;
    ret_shape->form = form;
}
