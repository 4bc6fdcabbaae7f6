#include "target/cgroup.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "evidence/proc_text.h"

enum { FILE_MAX_BYTES = 1 << 20 };

struct text {
    const char *bytes;
    size_t len;
};

struct version {
    const char *name;
    const char *file_system; /* in mountinfo */
    const char *option;      /* of its super block; NULL: any */
    const char *limit_file, *used_file;
};

static const struct version versions[] = {
    {"1", "cgroup", "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"},
    {"2", "cgroup2", NULL, "memory.max", "memory.current"},
};

static bool text_is(struct text text, const char *string)
{
    return text.len == strlen(string) && memcmp(text.bytes, string, text.len) == 0;
}

/* Cuts the part of REST before SEPARATOR off, and the separator. */
static struct text cut(struct text *rest, char separator)
{
    const char *end = rest->len ? memchr(rest->bytes, separator, rest->len) : NULL;
    struct text part = {rest->bytes, end ? (size_t)(end - rest->bytes) : rest->len};
    size_t step = part.len + (end ? 1 : 0);

    rest->bytes += step;
    rest->len -= step;
    return part;
}

static bool list_has(struct text list, const char *word)
{
    while (list.len)
        if (text_is(cut(&list, ','), word))
            return true;
    return false;
}

/* The process's group in the hierarchy that has the memory controller: version 1 where one is
 * mounted there, for a controller is in one hierarchy only. */
static const struct version *find_group(struct text cgroup, struct text *ret_path)
{
    const struct version *found = NULL;
    size_t at = 0, len;
    const char *bytes;

    while ((bytes = proc_text_line(cgroup.bytes, cgroup.len, &at, &len))) {
        struct text line = {bytes, len};
        struct text id = cut(&line, ':'), controllers = cut(&line, ':');

        if (list_has(controllers, "memory"))
            found = &versions[0];
        else if (!found && text_is(id, "0") && !controllers.len)
            found = &versions[1];
        else
            continue;
        *ret_path = line;
        if (found == &versions[0])
            break;
    }
    return found;
}

/* mountinfo writes blank, tab, newline and backslash as \ooo (mangle() in fs/proc_namespace.c). */
static char *unescape(struct text text)
{
    char *out = malloc(text.len + 1);
    size_t len = 0;

    for (size_t i = 0; out && i < text.len; i++) {
        const char *c = text.bytes + i;

        if (c[0] == '\\' && text.len - i >= 4 && c[1] >= '0' && c[1] <= '3' && c[2] >= '0' &&
            c[2] <= '7' && c[3] >= '0' && c[3] <= '7') {
            out[len++] = (char)((c[1] - '0') << 6 | (c[2] - '0') << 3 | (c[3] - '0'));
            i += 3;
        } else {
            out[len++] = *c;
        }
    }
    if (out)
        out[len] = '\0';
    return out;
}

struct mount {
    char *root;  /* the part of the hierarchy that is mounted */
    char *point; /* where */
};

static void mount_deinit(struct mount *mount)
{
    free(mount->root);
    free(mount->point);
}

/* "36 35 98:0 /root /point rw,noatime shared:1 - cgroup2 cgroup2 rw,nsdelegate": see proc(5). */
static bool parse_mount(struct text line, const struct version *version, struct mount *ret_mount)
{
    for (int i = 0; i < 3; i++)
        cut(&line, ' ');

    struct text root = cut(&line, ' '), point = cut(&line, ' ');

    while (line.len && !text_is(cut(&line, ' '), "-"))
        ;
    if (!text_is(cut(&line, ' '), version->file_system))
        return false;
    cut(&line, ' ');
    if (version->option && !list_has(line, version->option))
        return false;
    *ret_mount = (struct mount){unescape(root), unescape(point)};
    return true;
}

/* What is left of PATH below ROOT, with its leading slash or empty; NULL: PATH is not there. */
static const char *below(const char *path, const char *root)
{
    size_t len = strcmp(root, "/") == 0 ? 0 : strlen(root);

    if (strncmp(path, root, len) != 0 || (path[len] != '/' && path[len] != '\0'))
        return NULL;
    return strcmp(path + len, "/") == 0 ? "" : path + len;
}

/* Appends a file's first line to OUT; "-" where there is none. */
static bool append_line(struct buffer *out, const char *dir, const char *file)
{
    _cleanup_free_ char *path = NULL;
    _cleanup_buffer_ struct buffer text = {0};
    size_t at = 0, len = 0;
    const char *line = NULL;

    if (asprintf(&path, "%s/%s", dir, file) < 0) {
        path = NULL;
        out->failed = true;
        return false;
    }

    _cleanup_error_ struct seep_error *err = io_read_file(AT_FDCWD, path, FILE_MAX_BYTES, &text);

    if (!err)
        line = proc_text_line(text.bytes, text.len, &at, &len);
    buffer_bytes(out, line ? line : "-", line ? len : 1);
    return line != NULL;
}

/* One line for the group in DIR, which PATH names below the mount. */
static void append_group(struct buffer *table, const struct version *version, const char *dir,
                         const char *path)
{
    _cleanup_buffer_ struct buffer used = {0}, limit = {0};
    bool has_used = append_line(&used, dir, version->used_file);
    bool has_limit = append_line(&limit, dir, version->limit_file);

    table->failed |= used.failed || limit.failed;
    if (table->failed || (!has_used && !has_limit))
        return;
    buffer_printf(table, "group %s %s ", used.bytes, limit.bytes);
    proc_text_escape(table, *path ? path : "/", *path ? strlen(path) : 1);
    buffer_u8(table, '\n');
}

/* Walks from the group PATH, which lies below the mount at SUB, up to the mount's root. */
static struct seep_error *walk(const struct version *version, const struct mount *mount,
                               const char *path, const char *sub, struct buffer *table,
                               struct buffer *stat)
{
    _cleanup_free_ char *dir = NULL, *name = strdup(path), *stat_path = NULL;
    size_t point_len = strlen(mount->point), name_len = strlen(path);

    if (!name || asprintf(&dir, "%s%s", mount->point, sub) < 0) {
        dir = NULL;
        return error_no_memory();
    }
    if (asprintf(&stat_path, "%s/memory.stat", dir) < 0) {
        stat_path = NULL;
        return error_no_memory();
    }
    error_destroy(io_read_file(AT_FDCWD, stat_path, FILE_MAX_BYTES, stat));
    buffer_printf(table, "version %s\n", version->name);
    for (;;) {
        append_group(table, version, dir, name);

        char *slash = strrchr(dir + point_len, '/');

        if (!slash)
            break;
        name_len -= strlen(slash);
        name[name_len] = '\0';
        *slash = '\0';
    }
    return table->failed || stat->failed ? error_no_memory() : NULL;
}

struct seep_error *cgroup_read_memory(const char *cgroup, size_t cgroup_len, const char *mountinfo,
                                      size_t mountinfo_len, struct buffer *ret_table,
                                      struct buffer *ret_stat)
{
    struct text group = {0};
    const struct version *version = find_group((struct text){cgroup, cgroup_len}, &group);
    size_t at = 0, len;
    const char *line;

    /* A path with /.. lies outside of our cgroup namespace, where no mount of ours shows it. */
    if (!version || !group.len || memmem(group.bytes, group.len, "/..", 3))
        return NULL;

    _cleanup_free_ char *path = strndup(group.bytes, group.len);

    if (!path)
        return error_no_memory();
    while ((line = proc_text_line(mountinfo, mountinfo_len, &at, &len))) {
        _cleanup_(mount_deinit) struct mount mount = {0};

        if (!parse_mount((struct text){line, len}, version, &mount))
            continue;
        if (!mount.root || !mount.point)
            return error_no_memory();

        const char *sub = below(path, mount.root);

        if (sub)
            return walk(version, &mount, path, sub, ret_table, ret_stat);
    }
    return NULL;
}
