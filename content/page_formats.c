#include "content/page_formats.h"

#include <ctype.h>
#include <string.h>

enum {
    TLS_MAX_RECORD = 16384 + 2048,
    CLASS_LOWEST = 45, /* Java 1.0.2 */
    CLASS_HIGHEST = 80,
    /* How much of text a word must be found in before the text is called after it. */
    MAIL_HEADERS = 3,
    HTTP_HEADERS = 4,
    JSON_MEMBERS = 8,
    XML_TAGS = 8,
};

static uint16_t big16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

/* --- formats that begin with a mark; LEN bytes are there, the first is the right one --- */

/* RFC 1952: deflate, no reserved flag, a known operating system; the next block is no reserved type. */
static bool is_gzip(const uint8_t *bytes, size_t len)
{
    return len >= 32 && bytes[1] == 0x8b && bytes[2] == 8 && (bytes[3] & 0xe0) == 0 &&
           (bytes[8] == 0 || bytes[8] == 2 || bytes[8] == 4) &&
           (bytes[9] <= 13 || bytes[9] == 255) && (bytes[3] || (bytes[10] & 6) != 6);
}

static bool is_png(const uint8_t *bytes, size_t len)
{
    static const uint8_t mark[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

    return len >= 16 && memcmp(bytes, mark, sizeof(mark)) == 0 &&
           memcmp(bytes + 12, "IHDR", 4) == 0;
}

/* Start of image, then an application, quantization or comment segment that has a length. */
static bool is_jpeg(const uint8_t *bytes, size_t len)
{
    if (len < 32 || bytes[1] != 0xd8 || bytes[2] != 0xff)
        return false;
    if (bytes[3] == 0xe0 || bytes[3] == 0xe1)
        return memcmp(bytes + 6, "JFIF", 4) == 0 || memcmp(bytes + 6, "Exif", 4) == 0;
    return (bytes[3] == 0xdb && (big16(bytes + 4) - 2) % 65 == 0 && big16(bytes + 4) > 2) ||
           (bytes[3] == 0xee && memcmp(bytes + 6, "Adobe", 5) == 0);
}

/* Java Object Serialization Specification 6.4: the stream's version, then content that may begin one. */
static bool is_java_objects(const uint8_t *bytes, size_t len)
{
    return len >= 16 && bytes[1] == 0xed && bytes[2] == 0 && bytes[3] == 5 && bytes[4] >= 0x70 &&
           bytes[4] <= 0x7e;
}

/* JVMS 4.1: version, number of constants, and the first constant's tag. */
static bool is_class_file(const uint8_t *bytes, size_t len)
{
    return len >= 32 && memcmp(bytes, "\xca\xfe\xba\xbe", 4) == 0 &&
           big16(bytes + 6) >= CLASS_LOWEST && big16(bytes + 6) <= CLASS_HIGHEST &&
           big16(bytes + 8) > 1 && bytes[10] >= 1 && bytes[10] <= 20;
}

static bool is_elf(const uint8_t *bytes, size_t len)
{
    return len >= 52 && memcmp(bytes, "\177ELF", 4) == 0 && (bytes[4] == 1 || bytes[4] == 2) &&
           (bytes[5] == 1 || bytes[5] == 2) && bytes[6] == 1;
}

static bool is_sqlite_header(const uint8_t *bytes, size_t len)
{
    return len >= 100 && memcmp(bytes, "SQLite format 3", 16) == 0;
}

static bool is_tls_header(const uint8_t *bytes)
{
    return bytes[0] >= 20 && bytes[0] <= 23 && bytes[1] == 3 && bytes[2] <= 4 &&
           big16(bytes + 3) > 0 && big16(bytes + 3) <= TLS_MAX_RECORD;
}

/* RFC 8446, 5.1. A handshake record says its own length again; others must be followed by a record
 * that is none the less one. */
static bool is_tls(const uint8_t *bytes, size_t len)
{
    size_t next;

    if (len < 16 || !is_tls_header(bytes))
        return false;
    next = 5 + (size_t)big16(bytes + 3);
    if (bytes[0] == 22 && bytes[5] <= 24 && bytes[6] == 0 &&
        (size_t)big16(bytes + 7) + 4 == big16(bytes + 3))
        return true;
    return next + 5 <= len && is_tls_header(bytes + next) && bytes[next + 2] == bytes[2];
}

static const struct {
    enum page_kind kind;
    bool (*check)(const uint8_t *bytes, size_t len);
} marked[] = {
    {PAGE_KIND_BINARY, NULL},
    {PAGE_KIND_GZIP, is_gzip},
    {PAGE_KIND_PNG, is_png},
    {PAGE_KIND_JPEG, is_jpeg},
    {PAGE_KIND_JAVA_OBJECTS, is_java_objects},
    {PAGE_KIND_CLASS_FILE, is_class_file},
    {PAGE_KIND_ELF, is_elf},
    {PAGE_KIND_SQLITE, is_sqlite_header},
    {PAGE_KIND_TLS, is_tls},
};

/* The row of the format that begins with each byte; 0: none does. */
static const uint8_t rows[256] = {
    [0x1f] = 1, [0x89] = 2, [0xff] = 3, [0xac] = 4,
    [0xca] = 5, [0x7f] = 6, ['S'] = 7,  [20 ... 23] = 8,
};

/* A B-tree page of SQLite (file format, 1.6), if pages are 4096 bytes: its cells lie where its header
 * says, the lowest at the beginning of their area unless a free block is there. */
static bool is_sqlite_page(const uint8_t *bytes, size_t len)
{
    bool leaf = bytes[0] == 0x0d || bytes[0] == 0x0a;
    size_t cells, header, content, least = PAGE_KIND_BYTES;

    if (len < PAGE_KIND_BYTES || (!leaf && bytes[0] != 0x05 && bytes[0] != 0x02))
        return false;
    cells = big16(bytes + 3);
    content = big16(bytes + 5);
    header = leaf ? 8 : 12;
    if (cells < 2 || header + 2 * cells > content || content >= PAGE_KIND_BYTES ||
        big16(bytes + 1) >= PAGE_KIND_BYTES || bytes[7] > 60)
        return false;
    for (size_t i = 0; i < cells; i++) {
        size_t cell = big16(bytes + header + 2 * i);

        if (cell < content || cell + 4 > PAGE_KIND_BYTES ||
            (i && cell == big16(bytes + header + 2 * (i - 1))))
            return false;
        least = cell < least ? cell : least;
    }
    return least == content || big16(bytes + 1) == content;
}

enum page_kind page_formats_find(const uint8_t *bytes, size_t len)
{
    if (is_sqlite_page(bytes, len))
        return PAGE_KIND_SQLITE;
    for (size_t at = 0; at <= len / 2 && at + 16 <= len; at += 8) {
        uint8_t row = rows[bytes[at]];

        if (row && marked[row].check(bytes + at, len - at))
            return marked[row].kind;
    }
    return PAGE_KIND_BINARY;
}

/* --- text --- */

/* What is counted in a text. */
struct marks {
    uint32_t http_lines, http_headers, mail_headers, mail_only;
    uint32_t members, braces, tags, closing_tags;
};

enum { OF_HTTP = 1, OF_MAIL = 2, ONLY_MAIL = 4, METHOD = 8, VERSION = 16 };

/* How lines of HTTP and of mail begin. */
static const struct beginning {
    const char *text;
    uint8_t len, is;
} beginnings[] = {
#define BEGINNING(text, is)                                                                        \
    {                                                                                              \
        text, sizeof(text) - 1, is                                                                 \
    }
    BEGINNING("GET ", METHOD),
    BEGINNING("POST ", METHOD),
    BEGINNING("PUT ", METHOD),
    BEGINNING("HEAD ", METHOD),
    BEGINNING("DELETE ", METHOD),
    BEGINNING("OPTIONS ", METHOD),
    BEGINNING("PATCH ", METHOD),
    BEGINNING("CONNECT ", METHOD),
    BEGINNING("HTTP/", VERSION),
    BEGINNING("Host:", OF_HTTP),
    BEGINNING("User-Agent:", OF_HTTP),
    BEGINNING("Accept:", OF_HTTP),
    BEGINNING("Accept-", OF_HTTP),
    BEGINNING("Content-Length:", OF_HTTP),
    BEGINNING("Connection:", OF_HTTP),
    BEGINNING("Cookie:", OF_HTTP),
    BEGINNING("Set-Cookie:", OF_HTTP),
    BEGINNING("Referer:", OF_HTTP),
    BEGINNING("Cache-Control:", OF_HTTP),
    BEGINNING("ETag:", OF_HTTP),
    BEGINNING("Server:", OF_HTTP),
    BEGINNING("Transfer-Encoding:", OF_HTTP),
    BEGINNING("If-Modified-Since:", OF_HTTP),
    BEGINNING("Authorization:", OF_HTTP),
    BEGINNING("Location:", OF_HTTP),
    BEGINNING("X-Forwarded-", OF_HTTP),
    BEGINNING("Received:", OF_MAIL | ONLY_MAIL),
    BEGINNING("Message-ID:", OF_MAIL | ONLY_MAIL),
    BEGINNING("MIME-Version:", OF_MAIL | ONLY_MAIL),
    BEGINNING("Return-Path:", OF_MAIL | ONLY_MAIL),
    BEGINNING("Content-Transfer-Encoding:", OF_MAIL | ONLY_MAIL),
    BEGINNING("Delivered-To:", OF_MAIL | ONLY_MAIL),
    BEGINNING("DKIM-Signature:", OF_MAIL | ONLY_MAIL),
    BEGINNING("In-Reply-To:", OF_MAIL | ONLY_MAIL),
    BEGINNING("MAIL FROM:", OF_MAIL | ONLY_MAIL),
    BEGINNING("RCPT TO:", OF_MAIL | ONLY_MAIL),
    BEGINNING("Reply-To:", OF_MAIL),
    BEGINNING("References:", OF_MAIL),
    BEGINNING("From:", OF_MAIL),
    BEGINNING("To:", OF_MAIL),
    BEGINNING("Subject:", OF_MAIL),
    BEGINNING("Date:", OF_MAIL),
#undef BEGINNING
};

static unsigned what_begins(const uint8_t *line, size_t len)
{
    for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
        const struct beginning *b = &beginnings[i];

        if (((line[0] ^ (uint8_t)b->text[0]) & 0xdf) == 0 && len >= b->len &&
            strncasecmp((const char *)line, b->text, b->len) == 0)
            return b->is;
    }
    return 0;
}

static void count_line(struct marks *m, const uint8_t *line, size_t len)
{
    /* A header's name is followed by a colon, a method by a path. */
    unsigned is = len < 3 || !isalpha(line[0]) ? 0 : what_begins(line, len);

    m->http_lines += (is & VERSION && len >= 12 && isdigit(line[5])) ||
                     (is & METHOD && memmem(line, len, " HTTP/", 6));
    m->http_headers += is / OF_HTTP % 2;
    m->mail_headers += is / OF_MAIL % 2;
    m->mail_only += is / ONLY_MAIL % 2;
}

static void count_marks(struct marks *m, const uint8_t *bytes, size_t len)
{
    enum { END = 1, QUOTE, BRACE, OPENING, SLASH };
    static const uint8_t marks[256] = {
        [0] = END,     ['\n'] = END,  ['\r'] = END,  ['"'] = QUOTE,   ['{'] = BRACE,
        ['}'] = BRACE, ['['] = BRACE, [']'] = BRACE, ['<'] = OPENING, ['/'] = SLASH,
    };
    size_t start = 0;

    for (size_t i = 0; i < len; i++) {
        uint8_t mark = marks[bytes[i]], next = mark && i + 1 < len ? bytes[i + 1] : 0;

        switch (mark) {
        case END:
            count_line(m, bytes + start, i - start);
            start = i + 1;
            break;
        case QUOTE:
            m->members += next == ':';
            break;
        case BRACE:
            m->braces++;
            break;
        case OPENING:
            m->tags += isalpha(next) || next == '/' || next == '?';
            m->closing_tags += next == '/';
            break;
        case SLASH:
            m->closing_tags += next == '>';
            break;
        default:
            break;
        }
    }
    count_line(m, bytes + start, len - start);
}

enum page_kind page_formats_of_text(const uint8_t *bytes, size_t len)
{
    struct marks m = {0};

    count_marks(&m, bytes, len);
    if (m.mail_headers >= MAIL_HEADERS && m.mail_only > m.http_lines)
        return PAGE_KIND_MAIL;
    if (m.http_lines && (m.http_headers >= 1 || m.http_lines >= 2))
        return PAGE_KIND_HTTP;
    if (m.http_headers >= HTTP_HEADERS)
        return PAGE_KIND_HTTP;
    if (m.tags >= XML_TAGS && m.closing_tags * 4 >= m.tags && m.tags * 200 >= len)
        return PAGE_KIND_XML;
    if (m.members >= JSON_MEMBERS && m.braces >= 2 && m.members * 200 >= len)
        return PAGE_KIND_JSON;
    return PAGE_KIND_TEXT;
}

/* --- protobuf --- */

enum {
    FIRST_TRIES = 64,    /* a page begins anywhere within a field */
    LARGEST_FIELD = 255, /* numbers above are rare, and two bytes of tag match anything */
    LEAST_FIELDS = 24,
    CUT_BYTES = 12, /* a field that the page cuts */
};

/* A varint's bytes, or 0: it is none that fits in 64 bits. */
static size_t varint(const uint8_t *bytes, size_t len, uint64_t *ret_value)
{
    uint64_t value = 0;

    for (size_t i = 0; i < len && i < 10; i++) {
        value |= (uint64_t)(bytes[i] & 0x7f) << (7 * i);
        if (!(bytes[i] & 0x80)) {
            *ret_value = value;
            return i + 1;
        }
    }
    return 0;
}

struct fields {
    uint32_t count, texts;
    uint8_t seen[LARGEST_FIELD + 1];
    uint32_t kinds; /* different fields */
};

static bool is_plain_text(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] < 0x20 || bytes[i] == 0x7f)
            return false;
    return true;
}

/* One field at BYTES: its length, 0 when there is none. A nested message is read as its tag alone when
 * it holds no text, so that its fields are looked at too. */
static size_t field(struct fields *f, const uint8_t *bytes, size_t len)
{
    uint64_t tag, value;
    size_t at = varint(bytes, len, &tag), step;
    uint64_t number = tag >> 3;

    if (at == 0 || number == 0 || number > LARGEST_FIELD)
        return 0;
    switch (tag & 7) {
    case 0:
        step = varint(bytes + at, len - at, &value);
        if (step == 0)
            return 0;
        break;
    case 1:
        step = 8;
        break;
    case 2:
        step = varint(bytes + at, len - at, &value);
        if (step == 0 || value > PAGE_KIND_BYTES)
            return 0;
        if (value > len - at - step) /* the page cuts it, or a message that goes on */
            value = len - at - step;
        if (value && is_plain_text(bytes + at + step, (size_t)value)) {
            step += (size_t)value;
            f->texts++;
        }
        break;
    case 5:
        step = 4;
        break;
    default:
        return 0;
    }
    f->count++;
    f->kinds += !f->seen[number];
    f->seen[number] = 1;
    return at + step;
}

/* Fields one behind the other to the end; zeros may follow them. Few different ones come again and
 * again, and some are text: in other bytes that can be read so by chance it is not so. */
static bool reads_as_fields(const uint8_t *bytes, size_t len)
{
    struct fields f = {0};
    size_t at = 0;

    while (at < len && bytes[at]) {
        size_t step = field(&f, bytes + at, len - at);

        if (step == 0)
            break;
        at += step;
    }
    if (f.count < LEAST_FIELDS || f.texts * 16 < f.count || f.kinds * 3 > f.count ||
        at * 2 < PAGE_KIND_BYTES)
        return false;
    if (len - at < CUT_BYTES)
        return true;
    for (; at < len; at++)
        if (bytes[at])
            return false;
    return true;
}

bool page_formats_is_protobuf(const uint8_t *bytes, size_t len)
{
    for (size_t first = 0; first < FIRST_TRIES && first < len; first++)
        if (reads_as_fields(bytes + first, len - first))
            return true;
    return false;
}
