#include "content/page_kind.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

#include "content/page_formats.h"

enum {
    SMALL = 1 << 20, /* what counts as a small integer */
    LINE_BYTES = 64,
    DENSE_LEAST = 512,        /* bytes; fewer have no entropy to speak of */
    DOUBLE_EXPONENT = 40,     /* 1e-12 to 1e12, where what programs compute lies */
    FLOAT_EXPONENT_LOW = 28,  /* 4e-9 */
    FLOAT_EXPONENT_HIGH = 24, /* 2e7 */
};

static const struct {
    const char *name, *title;
    char letter;
} kinds[PAGE_KIND_COUNT] = {
    [PAGE_KIND_ZERO] = {"zero", "zeros", '.'},
    [PAGE_KIND_TEXT] = {"text", "text", 't'},
    [PAGE_KIND_WIDE] = {"utf-16", "UTF-16 text", 'w'},
    [PAGE_KIND_POINTERS] = {"pointers", "pointers", 'p'},
    [PAGE_KIND_INTEGERS] = {"integers", "small integers", 'i'},
    [PAGE_KIND_FLOATS] = {"floats", "floating point", 'f'},
    [PAGE_KIND_DENSE] = {"dense", "compressed or encrypted", '#'},
    [PAGE_KIND_CODE] = {"code", "machine code", 'c'},
    [PAGE_KIND_HTTP] = {"http", "HTTP", 'H'},
    [PAGE_KIND_MAIL] = {"mail", "mail", 'M'},
    [PAGE_KIND_JSON] = {"json", "JSON", 'J'},
    [PAGE_KIND_XML] = {"xml", "XML", 'X'},
    [PAGE_KIND_PROTOBUF] = {"protobuf", "protobuf or the like", 'B'},
    [PAGE_KIND_TLS] = {"tls", "TLS records", 'T'},
    [PAGE_KIND_GZIP] = {"gzip", "gzip", 'Z'},
    [PAGE_KIND_PNG] = {"png", "PNG", 'P'},
    [PAGE_KIND_JPEG] = {"jpeg", "JPEG", 'G'},
    [PAGE_KIND_JAVA_OBJECTS] = {"java-objects", "serialized Java objects", 'O'},
    [PAGE_KIND_CLASS_FILE] = {"class-file", "Java class files", 'K'},
    [PAGE_KIND_SQLITE] = {"sqlite", "SQLite", 'S'},
    [PAGE_KIND_ELF] = {"elf", "ELF", 'E'},
    [PAGE_KIND_BINARY] = {"binary", "other binary", 'b'},
};

const char *page_kind_name(enum page_kind kind)
{
    return kinds[kind].name;
}

const char *page_kind_title(enum page_kind kind)
{
    return kinds[kind].title;
}

char page_kind_letter(enum page_kind kind)
{
    return kinds[kind].letter;
}

/* --- counting --- */

struct counts {
    uint32_t bytes;             /* that were looked at */
    uint32_t words, zero_words; /* of 8 bytes; an odd end counts as a word */
    uint32_t pointers, small_words, doubles;
    uint32_t halves, floats; /* of 4 bytes, zeros left out */
    uint32_t even[256], odd[256], all[256];
};

/* Between 2^32, below which any number lies, and the end of the lower half of the address space. */
static bool looks_like_address(uint64_t word)
{
    return word >> 32 && word < UINT64_C(1) << 47 && word % 8 == 0;
}

static bool is_small(uint32_t half)
{
    return half + SMALL < 2 * SMALL;
}

static bool is_float(uint32_t half)
{
    uint32_t exponent = half >> 23 & 0xff;

    return exponent - (127 - FLOAT_EXPONENT_LOW) <= FLOAT_EXPONENT_LOW + FLOAT_EXPONENT_HIGH;
}

static void count_word(struct counts *c, uint64_t word, const struct address_ranges *known,
                       struct address_ranges_cache *cache)
{
    uint32_t low = (uint32_t)word, high = (uint32_t)(word >> 32);
    uint32_t exponent = high >> 20 & 0x7ff;

    c->halves += (low != 0) + (high != 0);
    c->floats += is_float(low) + is_float(high);
    c->small_words += is_small(low) && (is_small(high) || high == UINT32_MAX);
    c->doubles += exponent - (1023 - DOUBLE_EXPONENT) <= 2 * DOUBLE_EXPONENT;
    if (known->count)
        c->pointers += address_ranges_find(known, word, cache) != ADDRESS_RANGES_NONE;
    else
        c->pointers += looks_like_address(word);
}

static void count_line(struct counts *c, struct counts *other, const uint8_t *bytes, size_t len,
                       const struct address_ranges *known, struct address_ranges_cache *cache)
{
    for (size_t at = 0; at < len; at += 8) {
        uint64_t word = 0;

        memcpy(&word, bytes + at, len - at < 8 ? len - at : 8);
        c->words++;
        if (word == 0) {
            c->zero_words++;
            continue;
        }
        count_word(c, word, known, cache);
        /* Two tables an order, so that equal bytes in a row do not wait for each other. */
        c->even[(uint8_t)word]++;
        c->odd[(uint8_t)(word >> 8)]++;
        other->even[(uint8_t)(word >> 16)]++;
        other->odd[(uint8_t)(word >> 24)]++;
        c->even[(uint8_t)(word >> 32)]++;
        c->odd[(uint8_t)(word >> 40)]++;
        other->even[(uint8_t)(word >> 48)]++;
        other->odd[(uint8_t)(word >> 56)]++;
    }
}

/* Half of a page's lines tell as much as all; chosen at random, so that no structure keeps step. */
static void count(struct counts *c, const uint8_t *bytes, size_t len,
                  const struct address_ranges *known, struct address_ranges_cache *cache)
{
    static const uint64_t chosen = UINT64_C(0x9d2c5687a9b34d1e);
    struct counts other = {0};

    for (size_t at = 0; at < len; at += LINE_BYTES)
        if (len < PAGE_KIND_BYTES || chosen >> (at / LINE_BYTES) & 1)
            count_line(c, &other, bytes + at, len - at < LINE_BYTES ? len - at : LINE_BYTES, known,
                       cache);
    for (int i = 0; i < 256; i++) {
        c->even[i] += other.even[i];
        c->odd[i] += other.odd[i];
        c->all[i] = c->even[i] + c->odd[i];
    }
    c->bytes = 8 * c->words;
}

static uint32_t sum(const uint32_t *table, unsigned first, unsigned last)
{
    uint32_t total = 0;

    for (unsigned i = first; i <= last; i++)
        total += table[i];
    return total;
}

static float weights[PAGE_KIND_BYTES + 1]; /* n log2 n */
static pthread_once_t weighed = PTHREAD_ONCE_INIT;

static void fill_weights(void)
{
    for (int n = 1; n <= PAGE_KIND_BYTES; n++)
        weights[n] = (float)(n * log2(n));
}

/* Bits of information in one of the TOTAL bytes of TABLE. */
static double entropy(const uint32_t *table, uint32_t total)
{
    double bits = 0;

    for (int i = 0; i < 256; i++)
        bits += weights[table[i]];
    return total ? (weights[total] - bits) / total : 0;
}

/* --- text --- */

static uint32_t printable(const uint32_t *table)
{
    return sum(table, 0x20, 0x7e) + sum(table, '\t', '\n') + table['\r'];
}

/* Bytes of UTF-8 sequences, as far as as many continuations are there as the leads want. */
static uint32_t sequences(const struct counts *c)
{
    uint32_t more = sum(c->all, 0x80, 0xbf);
    uint32_t leads = sum(c->all, 0xc2, 0xf4);
    uint32_t wanted =
        sum(c->all, 0xc2, 0xdf) + 2 * sum(c->all, 0xe0, 0xef) + 3 * sum(c->all, 0xf0, 0xf4);
    uint32_t apart = more > wanted ? more - wanted : wanted - more;

    /* The page's ends cut sequences. */
    return apart <= 6 + wanted / 50 ? leads + more : 0;
}

/* Nine in ten bytes are text, zeros left out, and it stands in strings rather than alone: an array of
 * small numbers has one or two such bytes a word. */
static bool is_text(const struct counts *c)
{
    uint32_t words = c->words - c->zero_words;
    uint32_t filled = 8 * words - c->all[0], text = printable(c->all) + sequences(c);

    return text >= 4 * words && text >= 16 && filled * 9 <= text * 10;
}

/* HIGH: the bytes that are upper halves of units, LOW the lower ones. */
static bool is_wide(const struct counts *c, const uint32_t *high, const uint32_t *low)
{
    static const uint8_t blocks[][2] = {{0x03, 0x03}, {0x04, 0x04}, {0x05, 0x05}, {0x06, 0x06},
                                        {0x09, 0x0d}, {0x0e, 0x0e}, {0x10, 0x10}, {0xac, 0xd7}};
    uint32_t units = (c->words - c->zero_words) * 4;
    uint32_t ascii = printable(low), latin = sum(low, 0xc0, 0xff);
    uint32_t common = high[0x00] + high[0x20] + high[0x30] + high[0xff];

    if (units < 16)
        return false;
    /* Strings are parted by few zero units. */
    if (high[0] * 20 >= units * 19 && ascii * 3 >= units * 2 && (ascii + latin) * 10 >= units * 9)
        return true;
    for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
        uint32_t own = sum(high, blocks[i][0], blocks[i][1]);

        if (own * 2 >= units && (own + common) * 20 >= units * 19 && entropy(low, units) >= 3)
            return true;
    }
    /* Ideographs: many of them, else it is a pattern. */
    return sum(high, 0x4e, 0x9f) * 2 >= units &&
           (sum(high, 0x4e, 0x9f) + common) * 20 >= units * 19 && entropy(high, units) >= 4 &&
           entropy(low, units) >= 5;
}

/* --- code --- */

/* Pairs of bytes that nearly all code is full of: a REX prefix before mov, lea, test, cmp, add ... */
enum { REX = 1, AFTER_REX = 2, VEX = 4, AFTER_VEX = 8, BRANCH = 16 };

static const uint8_t roles[256] = {
    [0x40 ... 0x4f] = REX,
    [0x01] = AFTER_REX,
    [0x03] = AFTER_REX,
    [0x09] = AFTER_REX,
    [0x0f] = AFTER_REX | BRANCH,
    [0x29] = AFTER_REX,
    [0x2b] = AFTER_REX,
    [0x31] = AFTER_REX,
    [0x33] = AFTER_REX,
    [0x39] = AFTER_REX,
    [0x3b] = AFTER_REX,
    [0x50 ... 0x5f] = AFTER_REX,
    [0x63] = AFTER_REX,
    [0x81] = AFTER_REX,
    [0x83 ... 0x85] = AFTER_REX,
    [0x88 ... 0x8b] = AFTER_REX,
    [0x8d] = AFTER_REX,
    [0xb8] = AFTER_REX,
    [0xc1] = AFTER_REX,
    [0xc6 ... 0xc7] = AFTER_REX,
    [0xd3] = AFTER_REX,
    [0xf7] = AFTER_REX | AFTER_VEX,
    [0xff] = AFTER_REX | AFTER_VEX,
    [0xc4 ... 0xc5] = VEX,
    [0x62] = VEX,
    [0xe1 ... 0xe3] = AFTER_VEX,
    [0xf1 ... 0xf3] = AFTER_VEX,
    [0xf8 ... 0xfe] = AFTER_VEX,
    [0xe8 ... 0xe9] = BRANCH,
};

/* A call, jump or conditional jump of 32 bits that ends not far away. */
static bool is_near_branch(const uint8_t *bytes, size_t left)
{
    size_t at = bytes[0] == 0x0f ? 2 : 1;

    if (left < at + 4 || (at == 2 && (bytes[1] & 0xf0) != 0x80))
        return false;
    return (bytes[at + 3] == 0 && bytes[at + 2] < 0x40) ||
           (bytes[at + 3] == 0xff && bytes[at + 2] >= 0xc0);
}

/* In what compilers write for x86-64 about one byte in twelve begins such a pair, or a branch. */
static bool is_x86_64(const struct counts *c, const uint8_t *bytes, size_t len)
{
    uint32_t pairs = 0, branches = 0;

    if (sum(c->all, 0x40, 0x4f) * 64 < c->bytes || (c->all[0x89] + c->all[0x8b]) * 256 < c->bytes ||
        c->all[0] * 2 >= c->bytes) /* or tables between a few functions */
        return false;
    for (size_t i = 0; i + 1 < len; i++) {
        /* A role's bit is half the one that must follow. */
        if (roles[bytes[i]] & (roles[bytes[i + 1]] >> 1) & (REX | VEX)) {
            pairs++;
            i++;
        } else if ((roles[bytes[i]] & BRANCH) && is_near_branch(bytes + i, len - i)) {
            branches++;
            i += 4;
        }
    }
    return (pairs + branches) * 40 >= len && pairs * 80 >= len;
}

/* 32-bit code has no prefixes: moves with a plausible operand, branches and frames must do. */
static bool is_i386(const struct counts *c, const uint8_t *bytes, size_t len)
{
    uint32_t moves = 0, branches = 0;

    if ((c->all[0x89] + c->all[0x8b]) * 50 < c->bytes || c->all[0xe8] * 400 < c->bytes)
        return false;
    for (size_t i = 0; i + 1 < len; i++) {
        uint8_t modrm = bytes[i + 1];

        if ((bytes[i] == 0x89 || bytes[i] == 0x8b) &&
            (modrm >= 0xc0 || (modrm & 0xc7) == 0x44 || (modrm & 0xc7) == 0x45 ||
             (modrm & 0xc7) == 0x43 || (modrm & 0xc7) == 0x46))
            moves++;
        branches += (roles[bytes[i]] & BRANCH) && is_near_branch(bytes + i, len - i);
    }
    return moves * 60 >= len && branches * 400 >= len;
}

/* Fixed words: most have a top byte of the classes that make up compiled code. */
static bool is_aarch64(const uint8_t *bytes, size_t len)
{
    static const bool tops[256] = {
        [0x0a ... 0x0b] = true, [0x11 ... 0x14] = true, [0x17] = true,
        [0x1a] = true,          [0x2a] = true,          [0x34 ... 0x39] = true,
        [0x4b] = true,          [0x52 ... 0x54] = true, [0x6b] = true,
        [0x71 ... 0x72] = true, [0x78 ... 0x7a] = true, [0x8a ... 0x8b] = true,
        [0x90 ... 0x94] = true, [0x97] = true,          [0x9a ... 0x9b] = true,
        [0xa8 ... 0xaa] = true, [0xb0] = true,          [0xb4 ... 0xb5] = true,
        [0xb8 ... 0xb9] = true, [0xcb] = true,          [0xd0] = true,
        [0xd2] = true,          [0xd5 ... 0xd6] = true, [0xeb] = true,
        [0xf0 ... 0xf1] = true, [0xf8 ... 0xfa] = true};
    uint32_t likely = 0, telling = 0, words = (uint32_t)(len / 4);

    for (uint32_t i = 0; i < words; i++) {
        uint32_t word;

        memcpy(&word, bytes + 4 * i, 4);
        likely += tops[word >> 24];
        telling += word == 0xd65f03c0 ||                /* ret */
                   word == 0xd503201f ||                /* nop */
                   (word & 0xffc07fff) == 0xa9807bfd || /* stp x29, x30, [sp, #-n]! */
                   word >> 26 == 0x25;                  /* bl */
    }
    return words >= 64 && likely * 10 >= words * 8 && telling * 40 >= words;
}

/* --- the rest --- */

/* What most of the words are that are not zero; PAGE_KIND_BINARY: no kind of number has a majority. */
static enum page_kind kind_of_words(const struct counts *c)
{
    uint32_t filled = c->words - c->zero_words;

    /* Nodes of lists and trees have sizes and counts beside their links. */
    if (c->pointers * 4 >= filled && c->pointers * 2 >= c->small_words)
        return PAGE_KIND_POINTERS;
    if (c->doubles * 4 >= filled * 3)
        return PAGE_KIND_FLOATS;
    if (c->small_words * 3 >= filled * 2)
        return PAGE_KIND_INTEGERS;
    if (c->floats * 5 >= c->halves * 4)
        return PAGE_KIND_FLOATS;
    return PAGE_KIND_BINARY;
}

/* Random bytes miss 8 bits by 255 / (2 n ln 2) (Miller 1955); ciphers come close,
 * deflate and JPEG do so but for half a bit. */
static bool is_dense(const struct counts *c)
{
    uint32_t total = 8 * (c->words - c->zero_words);

    return total >= DENSE_LEAST && total * 10 >= c->bytes * 9 &&
           entropy(c->all, total) >= 8 - 255 / (2 * total * M_LN2) - 0.5;
}

enum page_kind page_kind_of(const uint8_t *bytes, size_t len, const struct address_ranges *known,
                            struct address_ranges_cache *cache)
{
    struct counts c = {0};
    enum page_kind kind;

    if (bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0)
        return PAGE_KIND_ZERO;
    kind = page_formats_find(bytes, len);
    if (kind != PAGE_KIND_BINARY)
        return kind;
    pthread_once(&weighed, fill_weights);
    count(&c, bytes, len, known, cache);
    if (is_wide(&c, c.odd, c.even) || is_wide(&c, c.even, c.odd))
        return PAGE_KIND_WIDE;
    if (is_text(&c))
        return page_formats_of_text(bytes, len);
    kind = kind_of_words(&c);
    if (kind != PAGE_KIND_BINARY)
        return kind;
    if (is_dense(&c))
        return PAGE_KIND_DENSE;
    if (is_x86_64(&c, bytes, len) || is_aarch64(bytes, len) || is_i386(&c, bytes, len))
        return PAGE_KIND_CODE;
    return page_formats_is_protobuf(bytes, len) ? PAGE_KIND_PROTOBUF : PAGE_KIND_BINARY;
}
