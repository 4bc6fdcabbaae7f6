#include "evidence/case_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/io.h"

enum {
    MAX_DEPTH = 8, /* mem/N-PID/FILE is 3 */
    CHUNK_BYTES = 1 << 20,
};

struct listing {
    json_t *known; /* path -> entry; borrowed entries */
    json_t *files;
    struct buffer chunk;
};

/* An object of LIST's entries by path, so that looking up stays constant. */
static json_t *index_by_path(const json_t *list)
{
    json_t *known = json_object();
    json_t *entry;
    size_t i;

    json_array_foreach (list, i, entry) {
        const char *path = json_string_value(json_object_get(entry, "path"));

        if (path && json_is_string(json_object_get(entry, "sha256")))
            json_object_set(known, path, entry);
    }
    return known;
}

static struct seep_error *hash_file(int fd, struct buffer *chunk, struct buffer *ret_hex)
{
    struct sha256_ctx sha;
    uint8_t digest[SHA256_DIGEST_SIZE];
    size_t got = CHUNK_BYTES;

    sha256_init(&sha);
    for (off_t at = 0; got == CHUNK_BYTES; at += CHUNK_BYTES) {
        struct seep_error *err = io_pread(fd, chunk->bytes, CHUNK_BYTES, at, &got);

        if (err)
            return err;
        sha256_update(&sha, got, (uint8_t *)chunk->bytes);
    }
    sha256_digest(&sha, sizeof(digest), digest);
    for (size_t i = 0; i < sizeof(digest); i++)
        buffer_printf(ret_hex, "%02x", digest[i]);
    return ret_hex->failed ? error_no_memory() : NULL;
}

static struct seep_error *add_file(struct listing *l, int fd, const char *path, uint64_t size)
{
    _cleanup_buffer_ struct buffer hex = {0};
    json_t *entry = json_object_get(l->known, path);

    if (!entry || json_integer_value(json_object_get(entry, "size_bytes")) != (json_int_t)size) {
        struct seep_error *err = hash_file(fd, &l->chunk, &hex);

        if (err)
            return error_prefix(err, "%s", path);
        entry = json_pack("{s:s, s:I, s:s}", "path", path, "size_bytes", (json_int_t)size, "sha256",
                          hex.bytes);
        /* A name that is not UTF-8 is none of ours. */
        return !entry || json_array_append_new(l->files, entry) == 0 ? NULL : error_no_memory();
    }
    return json_array_append(l->files, entry) == 0 ? NULL : error_no_memory();
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static struct seep_error *list_directory(struct listing *l, int dir_fd, const char *above,
                                         int depth);

/* NAME in DIR_FD, ABOVE being the path of that. What vanished meanwhile is left out. */
static struct seep_error *list_entry(struct listing *l, int dir_fd, const char *above,
                                     const char *name, int depth)
{
    _cleanup_close_ int fd =
        openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    _cleanup_free_ char *path = NULL;
    struct stat st;

    if (fd < 0 && (errno == ENOENT || errno == ELOOP || errno == ENXIO))
        return NULL;
    if (asprintf(&path, "%s%s%s", above, *above ? "/" : "", name) < 0) {
        path = NULL;
        return error_no_memory();
    }
    if (fd < 0 || fstat(fd, &st) < 0)
        return error_errno(errno, path, "cannot read %s", path);
    if (S_ISDIR(st.st_mode) && depth < MAX_DEPTH)
        return list_directory(l, fd, path, depth + 1);
    if (S_ISREG(st.st_mode) && strcmp(path, "case.json") != 0)
        return add_file(l, fd, path, (uint64_t)st.st_size);
    return NULL;
}

static struct seep_error *list_directory(struct listing *l, int dir_fd, const char *above,
                                         int depth)
{
    struct dirent **names;
    int count = scandirat(dir_fd, ".", &names, NULL, compare_names);
    struct seep_error *err = NULL;

    if (count < 0)
        return error_errno(errno, above, "cannot list %s", above);
    for (int i = 0; i < count; i++) {
        const char *name = names[i]->d_name;

        if (!err && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
            strcmp(name, "case.json.tmp") != 0)
            err = list_entry(l, dir_fd, above, name, depth);
        free(names[i]);
    }
    free(names);
    return err;
}

struct seep_error *case_files_list(int dir_fd, const json_t *known, json_t **ret_files)
{
    struct listing l = {.known = index_by_path(known), .files = json_array()};
    struct seep_error *err = NULL;

    if (!l.known || !l.files || !buffer_extend(&l.chunk, CHUNK_BYTES))
        err = error_no_memory();
    if (!err)
        err = list_directory(&l, dir_fd, "", 0);
    buffer_deinit(&l.chunk);
    json_decref(l.known);
    if (err)
        json_decref(l.files);
    else
        *ret_files = l.files;
    return err;
}
