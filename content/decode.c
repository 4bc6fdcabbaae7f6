#include "content/decode.h"

#include <iconv.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"
#include "content/unicode.h"

enum {
    /* Shorter tokens are words more often than anything encoded. */
    LEAST_BASE64 = 16,
    LEAST_HEX = 16,
    LEAST_ESCAPES = 2,    /* =XX in a row, or in one string: a single one may be an equation */
    MAX_CHARSET = 24,     /* of an encoded word */
    MAX_WORD = 64 * 1024, /* its text */
};

const char *decode_kind_name(enum decode_kind kind)
{
    static const char *const names[] = {
        [DECODE_WORD] = "encoded-word",
        [DECODE_BASE64] = "base64",
        [DECODE_HEX] = "hex",
        [DECODE_URL] = "url",
        [DECODE_QUOTED_PRINTABLE] = "quoted-printable",
    };

    return kind < DECODE_KIND_COUNT ? names[kind] : "unknown";
}

bool decode_is_text(const char *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        uint32_t point;
        size_t step = utf8_decode(text + at, len - at, &point);

        if (step == 0 || (unicode_script(point) == UNICODE_NONE && point != '\t' && point != '\n' &&
                          point != '\r'))
            return false;
        at += step;
    }
    return true;
}

/* Takes back what was appended beyond LEN. */
static void cut(struct buffer *out, size_t len)
{
    out->len = len;
    if (out->bytes)
        out->bytes[len] = 0;
}

/* --- bodies --- */

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool is_line_end(char c)
{
    return c == '\r' || c == '\n';
}

bool decode_base64(const char *text, size_t len, struct buffer *out)
{
    size_t begin = out->len, digits = 0, padding = 0;
    uint32_t group = 0;

    for (size_t i = 0; i < len; i++) {
        int value = base64_value(text[i]);

        if (is_line_end(text[i]))
            continue;
        if (text[i] == '=' && digits % 4 >= 2 && ++padding <= 4 - digits % 4)
            continue;
        if (value < 0 || padding) {
            cut(out, begin);
            return false;
        }
        group = group << 6 | (uint32_t)value;
        if (++digits % 4 == 0) {
            buffer_u8(out, (uint8_t)(group >> 16));
            buffer_u8(out, (uint8_t)(group >> 8));
            buffer_u8(out, (uint8_t)group);
        }
    }
    if (digits % 4 >= 2)
        buffer_u8(out, (uint8_t)(group >> (digits % 4 == 2 ? 4 : 10)));
    if (digits % 4 == 3)
        buffer_u8(out, (uint8_t)(group >> 2));
    return digits > 0;
}

bool decode_hex(const char *text, size_t len, struct buffer *out)
{
    size_t begin = out->len, digits = 0;
    int high = 0;

    for (size_t i = 0; i < len; i++) {
        int value = hex_value(text[i]);

        if (is_line_end(text[i]))
            continue;
        if (value < 0) {
            cut(out, begin);
            return false;
        }
        if (digits++ % 2)
            buffer_u8(out, (uint8_t)(high << 4 | value));
        high = value;
    }
    if (digits % 2)
        cut(out, begin);
    return digits > 0 && digits % 2 == 0;
}

/* MARK and two hexadecimal digits at TEXT: the byte; -1 when there is none. */
static int escape_at(char mark, const char *text, size_t len)
{
    if (len < 3 || text[0] != mark || hex_value(text[1]) < 0 || hex_value(text[2]) < 0)
        return -1;
    return hex_value(text[1]) << 4 | hex_value(text[2]);
}

static bool decode_escapes(char mark, const char *text, size_t len, struct buffer *out)
{
    size_t begin = out->len, escapes = 0;

    for (size_t at = 0; at < len;) {
        int byte = escape_at(mark, text + at, len - at);
        size_t soft = mark == '=' && text[at] == '=' && at + 1 < len
                          ? (text[at + 1] == '\n') +
                                2 * (at + 2 < len && text[at + 1] == '\r' && text[at + 2] == '\n')
                          : 0;

        if (byte >= 0) {
            buffer_u8(out, (uint8_t)byte);
            at += 3;
        } else if (soft) {
            at += 1 + soft;
        } else {
            buffer_u8(out, (uint8_t)text[at++]);
            continue;
        }
        escapes++;
    }
    if (escapes == 0)
        cut(out, begin);
    return escapes > 0;
}

bool decode_quoted_printable(const char *text, size_t len, struct buffer *out)
{
    return decode_escapes('=', text, len, out);
}

bool decode_url(const char *text, size_t len, struct buffer *out)
{
    return decode_escapes('%', text, len, out);
}

/* --- encoded words --- */

/* Names from the target are no more than looked up here: iconv(3) loads modules by name. */
static const struct {
    const char *name, *iconv_name; /* NULL: UTF-8 already */
} charsets[] = {
    {"utf-8", NULL},
    {"utf8", NULL},
    {"us-ascii", NULL},
    {"iso-8859-1", "ISO-8859-1"},
    {"iso-8859-2", "ISO-8859-2"},
    {"iso-8859-15", "ISO-8859-15"},
    {"windows-1251", "CP1251"},
    {"windows-1252", "CP1252"},
    {"koi8-r", "KOI8-R"},
    {"gb2312", "GB18030"},
    {"gbk", "GB18030"},
    {"gb18030", "GB18030"},
    {"big5", "BIG5"},
    {"shift_jis", "SHIFT_JIS"},
    {"euc-jp", "EUC-JP"},
    {"euc-kr", "EUC-KR"},
};

/* Appends the LEN bytes, of charset FROM, as UTF-8. */
static bool convert(const char *from, char *bytes, size_t len, struct buffer *out)
{
    iconv_t converter = iconv_open("UTF-8", from);
    size_t begin = out->len, room = 4 * len;
    char *to, *in = bytes;

    if (converter == (iconv_t)-1)
        return false;
    to = buffer_extend(out, room);

    bool good = to && iconv(converter, &in, &len, &to, &room) != (size_t)-1 && len == 0;

    iconv_close(converter);
    if (to)
        cut(out, good ? out->len - room : begin);
    return good;
}

/* Appends the decoded bytes of a word, Q or B, in its own charset. */
static bool word_bytes(char form, const char *text, size_t len, struct buffer *out)
{
    if (form == 'B')
        return decode_base64(text, len, out);
    for (size_t at = 0; at < len;) {
        int byte = escape_at('=', text + at, len - at);

        buffer_u8(out, byte >= 0 ? (uint8_t)byte : text[at] == '_' ? ' ' : (uint8_t)text[at]);
        at += byte >= 0 ? 3 : 1;
    }
    return true;
}

/* "=?charset?B?text?=" at TEXT: appends what it says; its length, 0 when there is none. */
static size_t take_word(const char *text, size_t len, struct buffer *out)
{
    _cleanup_buffer_ struct buffer bytes = {0};
    size_t most = len < MAX_WORD ? len : MAX_WORD, name_len = 0;
    const char *name = text + 2, *body, *end;

    if (len < 2 || text[0] != '=' || text[1] != '?')
        return 0;
    while (2 + name_len < most && name_len < MAX_CHARSET && name[name_len] > ' ' &&
           name[name_len] != '?' && name[name_len] != '*')
        name_len++;
    /* A language may follow the charset (RFC 2231): "utf-8*en". */
    body = name + name_len;
    while (body < text + most && *body == '*')
        for (body++; body<text + most && * body> ' ' && *body != '?' && *body != '*';)
            body++;
    if (text + most - body < 5 || body[0] != '?' || body[2] != '?' || !memchr("BbQq", body[1], 4))
        return 0;

    char form = (char)(body[1] & ~0x20);

    body += 3;
    for (end = body; end<text + most && * end> ' ' && *end != '?';)
        end++;
    if (text + most - end < 2 || end[0] != '?' || end[1] != '=' || end == body)
        return 0;
    if (!word_bytes(form, body, (size_t)(end - body), &bytes) || bytes.failed)
        return 0;
    for (size_t i = 0; i < sizeof(charsets) / sizeof(charsets[0]); i++) {
        size_t begin = out->len;

        if (strlen(charsets[i].name) != name_len ||
            strncasecmp(charsets[i].name, name, name_len) != 0)
            continue;
        if (!charsets[i].iconv_name)
            buffer_bytes(out, bytes.bytes, bytes.len);
        else if (!convert(charsets[i].iconv_name, bytes.bytes, bytes.len, out))
            return 0;
        if (decode_is_text(out->bytes + begin, out->len - begin))
            return (size_t)(end + 2 - text);
        cut(out, begin);
    }
    return 0;
}

/* --- for display --- */

/* How many characters at TEXT may be base64, its padding included. */
static size_t token_len(const char *text, size_t len, size_t *ret_unpadded)
{
    size_t n = 0, padding = 0;

    while (n < len && base64_value(text[n]) >= 0)
        n++;
    while (n + padding < len && padding < 2 && text[n + padding] == '=')
        padding++;
    *ret_unpadded = n;
    return n + padding;
}

/* A token of LEN characters, all of base64's: appends what it says; false when that is no text. */
static bool take_token(const char *text, size_t len, struct buffer *out, enum decode_kind *ret_kind)
{
    size_t begin = out->len;

    *ret_kind = DECODE_HEX;
    if (len >= LEAST_HEX && decode_hex(text, len, out) &&
        decode_is_text(out->bytes + begin, out->len - begin))
        return true;
    cut(out, begin);
    *ret_kind = DECODE_BASE64;
    if (len >= LEAST_BASE64 && decode_base64(text, len, out) &&
        decode_is_text(out->bytes + begin, out->len - begin))
        return true;
    cut(out, begin);
    return false;
}

/* Escapes of one kind in a row at TEXT: appends what they say; false when that is no text. RET_LEN:
 * how long they are. LEAST: so many at least. */
static bool take_escapes(char mark, size_t least, const char *text, size_t len, struct buffer *out,
                         size_t *ret_len)
{
    size_t begin = out->len, at = 0;

    for (int byte; (byte = escape_at(mark, text + at, len - at)) >= 0; at += 3)
        buffer_u8(out, (uint8_t)byte);
    *ret_len = at;
    if (at / 3 >= least && !out->failed && decode_is_text(out->bytes + begin, out->len - begin))
        return true;
    cut(out, begin);
    return false;
}

/* What is at TEXT, encoded or not: RET_LEN characters of it. True: it was, and what it says is
 * appended. STARTS: no character of a token stands before it. */
static bool take_encoded(const char *text, size_t len, bool starts, struct buffer *out,
                         enum decode_kind *ret_kind, size_t *ret_len)
{
    size_t unpadded, token;

    *ret_len = 1;
    if (text[0] == '=' && len > 1 && text[1] == '?') {
        *ret_kind = DECODE_WORD;
        token = take_word(text, len, out);
        *ret_len = token ? token : 1;
        return token > 0;
    }
    if (escape_at('%', text, len) >= 0) {
        *ret_kind = DECODE_URL;
        return take_escapes('%', 1, text, len, out, ret_len);
    }
    if (escape_at('=', text, len) >= 0) {
        *ret_kind = DECODE_QUOTED_PRINTABLE;
        if (take_escapes('=', LEAST_ESCAPES, text, len, out, ret_len))
            return true;
        /* "key=DEADBEEF": what is behind the sign may be a token. */
        if (*ret_len < 3 * LEAST_ESCAPES)
            *ret_len = 1;
        return false;
    }
    if (!starts || base64_value(text[0]) < 0)
        return false;
    token = token_len(text, len, &unpadded);
    *ret_len = token;
    if (take_token(text, token, out, ret_kind))
        return true;
    *ret_len = unpadded;
    return take_token(text, unpadded, out, ret_kind);
}

bool decode_for_display(const char *text, size_t len, struct buffer *out, unsigned *ret_kinds)
{
    size_t begin = out->len, after_word = 0;
    unsigned kinds = 0;
    bool starts = true;

    for (size_t at = 0; at < len;) {
        enum decode_kind kind;
        size_t took, before = out->len;

        if (take_encoded(text + at, len - at, starts, out, &kind, &took)) {
            /* Blanks between two encoded words are none of the text. */
            if (kind == DECODE_WORD && after_word && before > after_word &&
                strspn(out->bytes + after_word, " \t\r\n") >= before - after_word) {
                memmove(out->bytes + after_word, out->bytes + before, out->len - before);
                cut(out, out->len - (before - after_word));
            }
            kinds |= 1U << kind;
            after_word = kind == DECODE_WORD ? out->len : 0;
            at += took;
            starts = true;
            continue;
        }
        buffer_bytes(out, text + at, took);
        at += took;
        starts = base64_value(text[at - 1]) < 0;
    }
    if (!kinds) {
        cut(out, begin);
        return false;
    }
    *ret_kinds = kinds;
    return true;
}
