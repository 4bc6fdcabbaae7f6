#include "evidence/jit_maps.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "evidence/case.h"

enum { MAX_INDEX_BYTES = 1 << 20 };

void jit_maps_deinit(struct jit_maps *maps)
{
    vector_deinit(&maps->copies);
}

static int open_directory(int case_fd)
{
    return openat(case_fd, "jit", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

/* --- writing --- */

static struct seep_error *write_copy(int dir_fd, const char *name, const char *text, size_t len)
{
    _cleanup_close_ int fd =
        openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return error_errno(errno, name, "cannot create %s", name);
    return error_prefix(io_write(fd, text, len), "%s", name);
}

static struct seep_error *write_index(const struct jit_maps *maps, int dir_fd)
{
    json_t *list = json_array();
    bool failed = !list;
    struct seep_error *err = NULL;

    for (size_t i = 0; i < maps->copies.count && !failed; i++) {
        const struct jit_maps_copy *copy = &maps->copies.items[i];

        failed |= json_array_append_new(list, json_pack("{s:s, s:i, s:I}", "file", copy->file,
                                                        "pid", (int)copy->pid, "time_ns",
                                                        (json_int_t)copy->time_ns)) < 0;
    }

    _cleanup_free_ char *text = failed ? NULL : json_dumps(list, JSON_COMPACT);

    err = text ? io_replace_file(dir_fd, "index.json", text, strlen(text)) : error_no_memory();
    json_decref(list);
    return err;
}

/* A line that was cut would name something else. */
static size_t whole_lines(const char *text, size_t len)
{
    const char *end;

    if (len <= JIT_MAPS_MAX_BYTES)
        return len;
    end = memrchr(text, '\n', JIT_MAPS_MAX_BYTES);
    return end ? (size_t)(end - text) + 1 : 0;
}

struct seep_error *jit_maps_add(struct jit_maps *maps, int case_fd, pid_t pid, uint64_t time_ns,
                                const char *text, size_t len)
{
    struct jit_maps_copy copy = {.pid = pid, .time_ns = time_ns};
    _cleanup_close_ int dir_fd = -1;
    struct seep_error *err;

    if (maps->copies.count >= JIT_MAPS_MAX_COPIES)
        return error_create(ERROR_FULL, "the case holds %d perf maps already",
                            (int)JIT_MAPS_MAX_COPIES);
    if (mkdirat(case_fd, "jit", 0700) < 0 && errno != EEXIST)
        return error_errno(errno, "jit", "cannot create jit");
    dir_fd = open_directory(case_fd);
    if (dir_fd < 0)
        return error_errno(errno, "jit", "cannot open jit");
    snprintf(copy.file, sizeof(copy.file), "%zu-%d.map", maps->copies.count + 1, (int)pid);
    err = write_copy(dir_fd, copy.file, text, whole_lines(text, len));
    if (!err)
        err = vector_push(&maps->copies, copy);
    return err ? err : error_prefix(write_index(maps, dir_fd), "jit/index.json");
}

/* --- reading --- */

/* N-PID.map and nothing else: a path may lead anywhere. */
static bool is_copy_name(const char *name)
{
    size_t number = strspn(name, "0123456789");
    size_t pid = name[number] == '-' ? strspn(name + number + 1, "0123456789") : 0;

    return number > 0 && pid > 0 && strcmp(name + number + 1 + pid, ".map") == 0 &&
           strlen(name) < sizeof(((struct jit_maps_copy *)NULL)->file);
}

static struct seep_error *take_entry(struct jit_maps *maps, const json_t *entry)
{
    const char *file = json_string_value(json_object_get(entry, "file"));
    json_int_t pid = json_integer_value(json_object_get(entry, "pid"));
    json_int_t time_ns = json_integer_value(json_object_get(entry, "time_ns"));
    struct jit_maps_copy copy = {.pid = (pid_t)pid, .time_ns = (uint64_t)time_ns};

    if (!file || !is_copy_name(file) || pid <= 0 || pid > INT32_MAX || time_ns < 0 ||
        maps->copies.count >= JIT_MAPS_MAX_COPIES)
        return NULL;
    strcpy(copy.file, file);
    return vector_push(&maps->copies, copy);
}

static struct seep_error *read_file(int dir_fd, const char *name, size_t max_len,
                                    struct buffer *ret_text)
{
    _cleanup_close_ int fd = -1;
    struct seep_error *err = case_open_file(dir_fd, name, &fd);

    return err ? err : error_prefix(io_read_fd(fd, max_len, ret_text), "%s", name);
}

struct seep_error *jit_maps_parse(const char *text, size_t len, struct jit_maps *ret_maps)
{
    struct jit_maps maps = {0};
    struct seep_error *err = NULL;
    json_t *list = json_loadb(text, len, 0, NULL);
    const json_t *entry;
    size_t i;

    if (!list)
        return error_create(ERROR_CORRUPT, "jit/index.json is no JSON");
    json_array_foreach (list, i, entry)
        if (!err)
            err = take_entry(&maps, entry);
    json_decref(list);
    if (err)
        jit_maps_deinit(&maps);
    else
        *ret_maps = maps;
    return err;
}

struct seep_error *jit_maps_load(int case_fd, struct jit_maps *ret_maps)
{
    _cleanup_close_ int dir_fd = open_directory(case_fd);
    _cleanup_buffer_ struct buffer text = {0};
    struct seep_error *err;

    if (dir_fd < 0 && errno == ENOENT) {
        *ret_maps = (struct jit_maps){0};
        return NULL;
    }
    if (dir_fd < 0)
        return error_errno(errno, "jit", "cannot open jit");
    err = read_file(dir_fd, "index.json", MAX_INDEX_BYTES, &text);
    if (err)
        return error_prefix(err, "jit");
    return jit_maps_parse(text.bytes ? text.bytes : "", text.len, ret_maps);
}

const struct jit_maps_copy *jit_maps_find(const struct jit_maps *maps, pid_t pid, uint64_t time_ns)
{
    const struct jit_maps_copy *best = NULL;

    for (size_t i = 0; i < maps->copies.count; i++) {
        const struct jit_maps_copy *copy = &maps->copies.items[i];
        bool after = copy->time_ns >= time_ns;

        if (copy->pid != pid)
            continue;
        if (!best || (best->time_ns < time_ns ? copy->time_ns > best->time_ns
                                              : after && copy->time_ns < best->time_ns))
            best = copy;
    }
    return best;
}

struct seep_error *jit_maps_read(int case_fd, const struct jit_maps_copy *copy,
                                 struct buffer *ret_text)
{
    _cleanup_close_ int dir_fd = open_directory(case_fd);

    if (dir_fd < 0)
        return error_errno(errno, "jit", "cannot open jit");
    return error_prefix(read_file(dir_fd, copy->file, JIT_MAPS_MAX_BYTES, ret_text), "jit");
}
