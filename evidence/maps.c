#include "evidence/maps.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/vector.h"
#include "evidence/proc_text.h"

enum { MAX_REGIONS = (1 << 20) + (1 << 16) }; /* distributions set vm.max_map_count to 1,048,576 */

/* In the kernel's order (show_smap() in fs/proc/task_mmu.c, Linux 6.x), so that the row after the
 * last one found is most often the next. */
static const struct {
    const char *name;
    size_t len;
} fields[SMAPS_FIELD_COUNT] = {
#define FIELD(field, text) [field] = {text, sizeof(text) - 1}
    FIELD(SMAPS_SIZE, "Size"),
    FIELD(SMAPS_KERNEL_PAGE_SIZE, "KernelPageSize"),
    FIELD(SMAPS_MMU_PAGE_SIZE, "MMUPageSize"),
    FIELD(SMAPS_RSS, "Rss"),
    FIELD(SMAPS_PSS, "Pss"),
    FIELD(SMAPS_PSS_DIRTY, "Pss_Dirty"),
    FIELD(SMAPS_PSS_ANON, "Pss_Anon"),
    FIELD(SMAPS_PSS_FILE, "Pss_File"),
    FIELD(SMAPS_PSS_SHMEM, "Pss_Shmem"),
    FIELD(SMAPS_SHARED_CLEAN, "Shared_Clean"),
    FIELD(SMAPS_SHARED_DIRTY, "Shared_Dirty"),
    FIELD(SMAPS_PRIVATE_CLEAN, "Private_Clean"),
    FIELD(SMAPS_PRIVATE_DIRTY, "Private_Dirty"),
    FIELD(SMAPS_REFERENCED, "Referenced"),
    FIELD(SMAPS_ANONYMOUS, "Anonymous"),
    FIELD(SMAPS_KSM, "KSM"),
    FIELD(SMAPS_LAZY_FREE, "LazyFree"),
    FIELD(SMAPS_ANON_HUGE_PAGES, "AnonHugePages"),
    FIELD(SMAPS_SHMEM_PMD_MAPPED, "ShmemPmdMapped"),
    FIELD(SMAPS_FILE_PMD_MAPPED, "FilePmdMapped"),
    FIELD(SMAPS_SHARED_HUGETLB, "Shared_Hugetlb"),
    FIELD(SMAPS_PRIVATE_HUGETLB, "Private_Hugetlb"),
    FIELD(SMAPS_SWAP, "Swap"),
    FIELD(SMAPS_SWAP_PSS, "SwapPss"),
    FIELD(SMAPS_LOCKED, "Locked"),
    FIELD(SMAPS_DIRTY, "Dirty"),
#undef FIELD
};

struct span {
    const char *text;
    size_t len;
};

struct parser {
    VECTOR(struct vma) vmas;
    VECTOR(struct span) names; /* one a VMA, still as the kernel escaped them */
    size_t names_len;
    size_t bad_lines;
    size_t next_field; /* the row that probably comes next */
    bool in_entry;     /* the fields that follow belong to the last VMA */
    bool has_smaps;
    bool unordered;
};

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* At most 16 digits, and the character AFTER behind them. */
static bool read_hex(struct span *line, char after, uint64_t *ret_number)
{
    uint64_t number = 0;
    size_t i = 0;

    for (int value; i < line->len && (value = hex_value(line->text[i])) >= 0; i++) {
        if (i == 16)
            return false;
        number = number << 4 | (uint64_t)value;
    }
    if (i == 0 || i == line->len || line->text[i] != after)
        return false;
    line->text += i + 1;
    line->len -= i + 1;
    *ret_number = number;
    return true;
}

static bool read_perms(struct span *line, uint32_t *ret_perms)
{
    static const char letters[] = "rwxs", absent[] = "---p";
    uint32_t perms = 0;

    if (line->len < 5 || line->text[4] != ' ')
        return false;
    for (int i = 0; i < 4; i++) {
        if (line->text[i] == letters[i])
            perms |= 1U << i;
        else if (line->text[i] != absent[i])
            return false;
    }
    line->text += 5;
    line->len -= 5;
    *ret_perms = perms;
    return true;
}

/* "7f46d46e3000-7f46d46e4000 rw-p 00000000 00:00 0      name" */
static bool read_header(struct span line, struct vma *ret_vma, struct span *ret_name)
{
    struct vma vma = {.thp_eligible = -1, .protection_key = -1, .name = ""};
    uint64_t major, minor;
    size_t at = 0;

    if (!read_hex(&line, '-', &vma.start) || !read_hex(&line, ' ', &vma.end) ||
        !read_perms(&line, &vma.perms) || !read_hex(&line, ' ', &vma.offset) ||
        !read_hex(&line, ':', &major) || !read_hex(&line, ' ', &minor) ||
        !proc_text_digits(line.text, line.len, &at, &vma.inode))
        return false;
    if (vma.start >= vma.end || major > UINT32_MAX || minor > UINT32_MAX ||
        (at < line.len && line.text[at] != ' ' && line.text[at] != '\r'))
        return false;
    while (at < line.len && (line.text[at] == ' ' || line.text[at] == '\r'))
        at++;
    vma.major = (uint32_t)major;
    vma.minor = (uint32_t)minor;
    memset(vma.fields, 0xff, sizeof(vma.fields));
    *ret_vma = vma;
    *ret_name = (struct span){line.text + at, line.len - at};
    return true;
}

static size_t find_field(struct parser *p, struct span key)
{
    for (size_t i = 0; i < SMAPS_FIELD_COUNT; i++) {
        size_t row = (p->next_field + i) % SMAPS_FIELD_COUNT;

        if (fields[row].len == key.len && memcmp(fields[row].name, key.text, key.len) == 0) {
            p->next_field = row + 1;
            return row;
        }
    }
    return SMAPS_FIELD_COUNT;
}

static bool key_is(struct span key, const char *name)
{
    return key.len == strlen(name) && memcmp(key.text, name, key.len) == 0;
}

/* What is not plain text ends them: they are printed as they are. */
static void copy_flags(struct vma *vma, struct span value)
{
    size_t len = 0;

    while (len < value.len && len < sizeof(vma->flags) - 1 && value.text[len] >= ' ' &&
           value.text[len] <= '~')
        len++;
    while (len && value.text[len - 1] == ' ')
        len--;
    if (len)
        memcpy(vma->flags, value.text, len);
    vma->flags[len] = '\0';
}

/* Length of the "Private_Dirty" before a colon; 0: not the line of a field. */
static size_t find_key(struct span line)
{
    size_t i = 0;

    if (line.text[0] < 'A' || line.text[0] > 'Z')
        return 0;
    while (i < line.len && (isalnum((unsigned char)line.text[i]) || line.text[i] == '_'))
        i++;
    return i < line.len && line.text[i] == ':' ? i : 0;
}

/* "Rss:              1024 kB". Keys that no row names yet are fine: kernels add some. */
static bool read_field(struct parser *p, struct span line, size_t key_len, struct vma *vma)
{
    struct span key = {line.text, key_len};
    struct span value = {line.text + key_len + 1, line.len - key_len - 1};
    size_t at = 0;
    uint64_t number;

    while (value.len && (*value.text == ' ' || *value.text == '\t')) {
        value.text++;
        value.len--;
    }
    if (key_is(key, "VmFlags")) {
        copy_flags(vma, value);
        return true;
    }

    bool is_number = proc_text_digits(value.text, value.len, &at, &number);
    size_t row = find_field(p, key);

    if (row < SMAPS_FIELD_COUNT) {
        if (!is_number || __builtin_mul_overflow(number, 1024, &number))
            return false;
        vma->fields[row] = number;
        p->has_smaps = true;
    } else if (is_number && number <= INT32_MAX && key_is(key, "THPeligible")) {
        vma->thp_eligible = (int32_t)number;
    } else if (is_number && number <= INT32_MAX && key_is(key, "ProtectionKey")) {
        vma->protection_key = (int32_t)number;
    }
    return true;
}

static struct seep_error *add_entry(struct parser *p, const struct vma *vma, struct span name)
{
    struct seep_error *err =
        p->vmas.count < MAX_REGIONS
            ? vector_push(&p->vmas, *vma)
            : error_create(ERROR_CORRUPT, "more than %d regions, which no process has",
                           MAX_REGIONS);

    if (!err)
        err = vector_push(&p->names, name);
    if (err)
        return err;
    if (p->vmas.count > 1 && vma->start < p->vmas.items[p->vmas.count - 2].end)
        p->unordered = true;
    p->names_len += name.len + 1;
    p->next_field = 0;
    p->in_entry = true;
    return NULL;
}

static bool is_blank(struct span line)
{
    while (line.len && (line.text[line.len - 1] == ' ' || line.text[line.len - 1] == '\r'))
        line.len--;
    return line.len == 0;
}

static struct seep_error *parse_line(struct parser *p, struct span line)
{
    struct vma vma;
    struct span name;

    if (is_blank(line))
        return NULL;
    if (hex_value(line.text[0]) >= 0 && read_header(line, &vma, &name))
        return add_entry(p, &vma, name);

    size_t key_len = find_key(line);

    /* What follows a header that could not be read is nobody's. */
    p->in_entry = p->in_entry && key_len;
    if (!p->in_entry || !read_field(p, line, key_len, &p->vmas.items[p->vmas.count - 1]))
        p->bad_lines++;
    return NULL;
}

/* The kernel writes a newline of a path as \012 and escapes nothing else (seq_file_path(m, file,
 * "\n") in show_map_vma()), a backslash neither. */
static size_t copy_name(char *out, struct span name)
{
    size_t len = 0;

    for (size_t i = 0; i < name.len; i++) {
        if (name.len - i >= 4 && memcmp(name.text + i, "\\012", 4) == 0) {
            out[len++] = '\n';
            i += 3;
        } else {
            out[len++] = name.text[i];
        }
    }
    out[len++] = '\0';
    return len;
}

static struct seep_error *store_names(struct parser *p, char **ret_names)
{
    char *names = malloc(p->names_len + 1), *at = names;

    if (!names)
        return error_no_memory();
    for (size_t i = 0; i < p->vmas.count; i++) {
        p->vmas.items[i].name = at;
        at += copy_name(at, p->names.items[i]);
    }
    *ret_names = names;
    return NULL;
}

/* A cut entry cannot hold more than its size. */
static void cut(struct vma *vma, uint64_t start, uint64_t end)
{
    if (vma->inode)
        vma->offset += start - vma->start;
    vma->start = start;
    vma->end = end;
    for (size_t i = 0; i < SMAPS_FIELD_COUNT; i++)
        if (i != SMAPS_KERNEL_PAGE_SIZE && i != SMAPS_MMU_PAGE_SIZE &&
            vma->fields[i] != MAPS_UNKNOWN && vma->fields[i] > end - start)
            vma->fields[i] = end - start;
}

struct order {
    uint64_t start;
    size_t index; /* in the text: what was read later is truer */
};

static int compare_order(const void *a, const void *b)
{
    const struct order *left = a, *right = b;

    if (left->start != right->start)
        return left->start < right->start ? -1 : 1;
    return (left->index > right->index) - (left->index < right->index);
}

/* Puts VMA, read as number INDEX, behind the COUNT entries of KEPT, which were read as numbers
 * READ_AS; returns the new count. The kernel walks upwards and looks each region up when it comes
 * to it, so that of two overlapping entries the later one shows the newer state, and what the
 * earlier one had behind it is told again by the entries after that. */
static size_t keep(struct vma *kept, size_t *read_as, size_t count, struct vma vma, size_t index)
{
    while (count && vma.start < kept[count - 1].end) {
        struct vma *last = &kept[count - 1];

        if (index < read_as[count - 1]) {
            if (vma.end <= last->end)
                return count;
            cut(&vma, last->end, vma.end);
        } else if (vma.start <= last->start) {
            count--;
        } else {
            cut(last, last->start, vma.start);
        }
    }
    kept[count] = vma;
    read_as[count] = index;
    return count + 1;
}

/* Sorts torn text and resolves its overlaps: n log n. */
static struct seep_error *mend(struct parser *p)
{
    size_t count = p->vmas.count, kept_count = 0;
    struct vma *kept = reallocarray(NULL, count, sizeof(*kept));
    _cleanup_free_ struct order *order = reallocarray(NULL, count, sizeof(*order));
    _cleanup_free_ size_t *read_as = reallocarray(NULL, count, sizeof(*read_as));

    if (!kept || !order || !read_as) {
        free(kept);
        return error_no_memory();
    }
    for (size_t i = 0; i < count; i++)
        order[i] = (struct order){p->vmas.items[i].start, i};
    qsort(order, count, sizeof(*order), compare_order);
    for (size_t i = 0; i < count; i++)
        kept_count = keep(kept, read_as, kept_count, p->vmas.items[order[i].index], order[i].index);
    free(p->vmas.items);
    p->vmas.items = kept;
    p->vmas.count = kept_count;
    p->vmas.capacity = count;
    return NULL;
}

struct seep_error *maps_parse(const char *text, size_t len, struct maps *ret_maps)
{
    struct parser p = {0};
    struct seep_error *err = NULL;
    char *names = NULL;
    const char *first_end = len ? memchr(text, '\n', len) : NULL;
    char line_end = first_end ? '\n' : '\r';
    /* The kernel's own text never has it; only there can a name end with \r. */
    bool crlf = first_end && first_end > text && first_end[-1] == '\r';

    for (size_t at = 0; !err && at < len;) {
        const char *end = memchr(text + at, line_end, len - at);
        size_t line_len = end ? (size_t)(end - text) - at : len - at;
        struct span line = {text + at, line_len};

        if (crlf && line.len && line.text[line.len - 1] == '\r')
            line.len--;
        err = parse_line(&p, line);
        at += line_len + 1;
    }
    if (!err)
        err = store_names(&p, &names);
    if (!err && p.unordered)
        err = mend(&p);
    vector_deinit(&p.names);
    if (err) {
        vector_deinit(&p.vmas);
        free(names);
        return err;
    }
    *ret_maps = (struct maps){
        .vmas = p.vmas.items,
        .count = p.vmas.count,
        .has_smaps = p.has_smaps,
        .torn = p.unordered,
        .bad_lines = p.bad_lines,
        .names = names,
    };
    return NULL;
}

void maps_deinit(struct maps *maps)
{
    free(maps->vmas);
    free(maps->names);
    *maps = (struct maps){0};
}

struct seep_error *maps_parse_rollup(const char *text, size_t len, uint64_t *ret_fields)
{
    struct maps maps;
    struct seep_error *err = maps_parse(text, len, &maps);

    if (err)
        return err;
    if (maps.count)
        memcpy(ret_fields, maps.vmas[0].fields, sizeof(maps.vmas[0].fields));
    else
        memset(ret_fields, 0xff, sizeof(uint64_t) * SMAPS_FIELD_COUNT);
    maps_deinit(&maps);
    return NULL;
}

size_t maps_lower_bound(const struct maps *maps, uint64_t addr)
{
    size_t low = 0, high = maps->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (maps->vmas[middle].end <= addr)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct vma *maps_find(const struct maps *maps, uint64_t addr)
{
    size_t i = maps_lower_bound(maps, addr);

    return i < maps->count && maps->vmas[i].start <= addr ? &maps->vmas[i] : NULL;
}

const char *maps_field_name(enum smaps_field field)
{
    return fields[field].name;
}

bool vma_has_flag(const struct vma *vma, const char *flag)
{
    size_t len = strlen(flag);

    for (const char *at = vma->flags; len && (at = strstr(at, flag)); at += len)
        if ((at == vma->flags || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
            return true;
    return false;
}

const char *vma_perms_text(uint32_t perms, char ret_text[5])
{
    ret_text[0] = perms & VMA_READ ? 'r' : '-';
    ret_text[1] = perms & VMA_WRITE ? 'w' : '-';
    ret_text[2] = perms & VMA_EXEC ? 'x' : '-';
    ret_text[3] = perms & VMA_SHARED ? 's' : 'p';
    ret_text[4] = '\0';
    return ret_text;
}
