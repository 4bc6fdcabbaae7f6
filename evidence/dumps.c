/* Opens the dumps of a case: the directories of mem/, their indexes, their dump.json. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/units.h"
#include "evidence/case.h"
#include "evidence/dump.h"

enum {
    MAX_INDEX_BYTES = 1 << 30, /* of more than 500 GiB of memory */
    MAX_JSON_BYTES = 64 << 20,
};

void dump_deinit(struct dump *dump)
{
    for (size_t i = 0; i < dump->ranges.count; i++)
        dump_range_deinit(&dump->ranges.items[i]);
    for (size_t i = 0; i < dump->regions.count; i++) {
        free(dump->regions.items[i].name);
        free(dump->regions.items[i].skipped);
    }
    vector_deinit(&dump->ranges);
    vector_deinit(&dump->regions);
    vector_deinit(&dump->gaps);
    free(dump->reason);
    free(dump->why);
    if (dump->dir_fd >= 0)
        close(dump->dir_fd);
}

static void dump_destroy(struct dump *dump)
{
    if (dump)
        dump_deinit(dump);
    free(dump);
}
DEFINE_CLEANUP(struct dump *, dump_destroy);

void dumps_deinit(struct dumps *dumps)
{
    for (size_t i = 0; i < dumps->dumps.count; i++)
        dump_destroy(dumps->dumps.items[i]);
    vector_deinit(&dumps->dumps);
    dumps->damaged = 0;
}

static DIR *open_entries(int dir_fd)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);

    if (!entries && fd >= 0)
        close(fd);
    return entries;
}

static void close_entries(DIR **entries)
{
    if (*entries)
        closedir(*entries);
}

static struct seep_error *read_file(int dir_fd, const char *name, size_t max_len,
                                    struct buffer *ret_bytes)
{
    _cleanup_close_ int fd = -1;
    struct seep_error *err = case_open_file(dir_fd, name, &fd);

    return err ? err : io_read_fd(fd, max_len, ret_bytes);
}

/* Reads the index INDEX_NAME and sees that its .gz is there, under the range's name and whole. */
static struct seep_error *load_range(int dir_fd, const char *index_name,
                                     struct dump_range *ret_range)
{
    _cleanup_(dump_range_deinit) struct dump_range range = {0};
    _cleanup_buffer_ struct buffer bytes = {0};
    char expected[64];
    struct stat st;
    struct seep_error *err = read_file(dir_fd, index_name, MAX_INDEX_BYTES, &bytes);

    if (!err)
        err = dump_index_parse(bytes.bytes, bytes.len, &range);
    if (err)
        return error_prefix(err, "%s", index_name);
    snprintf(expected, sizeof(expected), "%08" PRIx64 "-%08" PRIx64, range.start, range.end);
    if (strncmp(index_name, expected, strlen(expected)) != 0 ||
        strcmp(index_name + strlen(expected), ".idx") != 0)
        return error_create(ERROR_CORRUPT, "%s: it is the index of %s", index_name, expected);
    if (asprintf(&range.file_name, "%s.gz", expected) < 0) {
        range.file_name = NULL;
        return error_no_memory();
    }
    if (fstatat(dir_fd, range.file_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return error_errno(errno, range.file_name, "%s", range.file_name);
    if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != range.member_offsets[range.member_count])
        return error_create(ERROR_CORRUPT, "%s: not as long as its index says", range.file_name);
    *ret_range = range;
    range = (struct dump_range){0};
    return NULL;
}

static int compare_ranges(const void *a, const void *b)
{
    const struct dump_range *left = a, *right = b;

    return left->start < right->start ? -1 : left->start > right->start;
}

/* Ranges never overlap when seep wrote them; one that does is as good as damaged. */
static size_t drop_overlapping(struct dump *dump)
{
    size_t kept = 0, count = dump->ranges.count;

    if (count)
        qsort(dump->ranges.items, count, sizeof(*dump->ranges.items), compare_ranges);
    for (size_t i = 0; i < count; i++) {
        struct dump_range *range = &dump->ranges.items[i];

        if (kept && range->start < dump->ranges.items[kept - 1].end)
            dump_range_deinit(range);
        else
            dump->ranges.items[kept++] = *range;
    }
    dump->ranges.count = kept;
    return count - kept;
}

/* A file that cannot be used is counted; only want of memory is an error. */
static struct seep_error *count_damage(struct seep_error *err, size_t *damaged)
{
    if (!err || err->code == ERROR_NO_MEMORY)
        return err;
    error_destroy(err);
    ++*damaged;
    return NULL;
}

static struct seep_error *load_dump(struct dump *dump, size_t *damaged)
{
    _cleanup_(close_entries) DIR *entries = open_entries(dump->dir_fd);
    _cleanup_buffer_ struct buffer text = {0};
    struct seep_error *err;

    if (!entries)
        return error_errno(errno, NULL, "cannot list a dump's directory");
    for (struct dirent *entry; (entry = readdir(entries));) {
        size_t len = strlen(entry->d_name);
        struct dump_range range;

        if (len < 4 || strcmp(entry->d_name + len - 4, ".idx") != 0)
            continue;
        err = load_range(dump->dir_fd, entry->d_name, &range);
        if (!err && (err = vector_push(&dump->ranges, range)))
            dump_range_deinit(&range);
        if ((err = count_damage(err, damaged)))
            return err;
    }
    *damaged += drop_overlapping(dump);

    err = read_file(dump->dir_fd, "dump.json", MAX_JSON_BYTES, &text);
    if (!err)
        err = dump_json_parse(text.bytes, text.len, dump);
    return count_damage(err, damaged);
}

/* "12-4242": dump 12 of process 4242. */
static bool parse_name(const char *name, uint32_t *ret_number, pid_t *ret_pid)
{
    const char *dash = strchr(name, '-');
    char number_text[16];
    uint64_t number, pid;

    if (!dash || (size_t)(dash - name) >= sizeof(number_text))
        return false;
    memcpy(number_text, name, (size_t)(dash - name));
    number_text[dash - name] = '\0';
    if (!units_parse_number(number_text, UINT32_MAX, &number) ||
        !units_parse_number(dash + 1, INT32_MAX, &pid))
        return false;
    *ret_number = (uint32_t)number;
    *ret_pid = (pid_t)pid;
    return true;
}

static struct seep_error *open_dump(int mem_fd, const char *name, struct dumps *dumps)
{
    uint32_t number;
    pid_t pid;

    if (!parse_name(name, &number, &pid))
        return NULL;

    _cleanup_(dump_destroyp) struct dump *dump = calloc(1, sizeof(*dump));

    if (!dump)
        return error_no_memory();
    dump->number = number;
    dump->pid = pid;
    dump->dir_fd = openat(mem_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (dump->dir_fd < 0)
        return count_damage(error_errno(errno, name, "cannot open mem/%s", name), &dumps->damaged);

    struct seep_error *err = load_dump(dump, &dumps->damaged);

    if (!err)
        err = vector_push(&dumps->dumps, dump);
    if (!err)
        (void)take_ptr(dump);
    return err;
}

static int compare_dumps(const void *a, const void *b)
{
    const struct dump *left = *(struct dump *const *)a, *right = *(struct dump *const *)b;

    return left->number < right->number ? -1 : left->number > right->number;
}

struct seep_error *dumps_open(int case_fd, struct dumps *ret_dumps)
{
    _cleanup_close_ int mem_fd =
        openat(case_fd, "mem", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    _cleanup_dumps_ struct dumps dumps = {0};

    if (mem_fd < 0 && errno == ENOENT) {
        *ret_dumps = dumps;
        return NULL;
    }
    if (mem_fd < 0)
        return error_errno(errno, "mem", "cannot open the case's mem/");

    _cleanup_(close_entries) DIR *entries = open_entries(mem_fd);

    if (!entries)
        return error_errno(errno, "mem", "cannot list the case's mem/");
    for (struct dirent *entry; (entry = readdir(entries));) {
        struct seep_error *err = open_dump(mem_fd, entry->d_name, &dumps);

        if (err)
            return err;
    }
    if (dumps.dumps.count)
        qsort(dumps.dumps.items, dumps.dumps.count, sizeof(*dumps.dumps.items), compare_dumps);
    *ret_dumps = dumps;
    dumps = (struct dumps){0};
    return NULL;
}
