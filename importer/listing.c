#include "importer/listing.h"

#include <ctype.h>
#include <stdlib.h>

#include "importer/words.h"

enum { MIN_DIGITS = 2, MAX_DIGITS = 7 };

static size_t digits_at(const char *text)
{
    size_t len = 0;

    while (isdigit((unsigned char)text[len]))
        len++;
    return len;
}

/* "/proc/1360/" and, of an archive, "proc/1360/". */
static pid_t proc_pid(const char *path)
{
    for (const char *at = path; (at = strstr(at, "proc/")); at++) {
        const char *digits = at + strlen("proc/");
        size_t len = digits_at(digits);
        int pid;

        if ((at == path || at[-1] == '/') && len && digits[len] == '/' &&
            word_pid((struct word){digits, len}, &pid))
            return pid;
    }
    return 0;
}

pid_t listing_path_pid(const char *path, bool *ret_sure)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    pid_t found = proc_pid(path);
    int pid;

    *ret_sure = found > 0;
    if (found)
        return found;
    for (const char *at = name; *at;) {
        size_t len = digits_at(at);

        if (len == 0 || (at > name && isalnum((unsigned char)at[-1])) ||
            isalpha((unsigned char)at[len]) || len < MIN_DIGITS || len > MAX_DIGITS ||
            !word_pid((struct word){at, len}, &pid)) {
            at += len ? len : 1;
            continue;
        }
        if (found)
            return 0;
        found = pid;
        at += len;
    }
    return found;
}

struct seep_error *listing_pid(const struct input *in, struct collection *c, pid_t *ret_pid)
{
    bool sure;
    pid_t pid = listing_path_pid(in->path, &sure);
    struct seep_error *err = NULL;

    if (!sure && collection_options(c)->pid)
        pid = 0;
    else if (!sure && pid)
        err = collection_remark(c, "taken for that of pid %d, by the file's name", (int)pid);
    if (!err)
        *ret_pid = pid;
    return err;
}

bool listing_time(const char *line, size_t len, struct when *ret_when)
{
    struct words w = words_of(line, len);
    struct word rest = words_rest(&w);
    struct when when;

    if (rest.len < 8 || when_parse(rest.text, rest.len, &when) != rest.len)
        return false;
    *ret_when = when;
    return true;
}

bool listing_banner(const char *line, size_t len, char *ret_path, size_t path_size)
{
    if (len < 9 || memcmp(line, "==> ", 4) != 0 || memcmp(line + len - 4, " <==", 4) != 0 ||
        len - 8 >= path_size)
        return false;
    memcpy(ret_path, line + 4, len - 8);
    ret_path[len - 8] = '\0';
    return true;
}

void listing_init(struct listing *l, struct input *in, struct collection *c)
{
    *l = (struct listing){.in = in, .c = c};
}

static void drop_held(struct listing *l)
{
    for (size_t i = 0; i < l->held.record.sections.count; i++)
        free((char *)l->held.record.sections.items[i].text);
    snapshot_record_deinit(&l->held.record);
    l->held.there = false;
}

static struct seep_error *hand_on(struct listing *l)
{
    struct seep_error *err = NULL;

    if (!l->held.there)
        return NULL;
    if (l->held.when.basis == WHEN_NONE && !l->held.repeated)
        err = collection_file_time(l->c, &l->held.when);
    if (!err)
        err = collection_snapshot(l->c, l->held.when, &l->held.record);
    drop_held(l);
    return err;
}

struct seep_error *listing_also(struct listing *l, const char *name, const char *text, size_t len)
{
    char *copy = malloc(len + 1);
    struct seep_error *err;

    if (!copy)
        return error_no_memory();
    if (len)
        memcpy(copy, text, len);
    copy[len] = '\0';
    err = snapshot_record_add(&l->held.record, name, copy, len);
    if (err)
        free(copy);
    return err;
}

struct seep_error *listing_look(struct listing *l, pid_t pid, const char *name,
                                const struct buffer *text)
{
    bool again = l->held.there && l->held.record.pid == pid && l->held.when.basis == WHEN_NONE &&
                 l->when.basis == WHEN_NONE;
    struct seep_error *err = NULL;

    if (again) {
        l->held.repeated = true;
        err = collection_remark(
            l->c, "several looks at a process without times: they are taken in the order in which "
                  "they stand there");
    }
    if (!err)
        err = hand_on(l);
    if (err)
        return err;
    l->held.record = (struct snapshot_record){.pid = pid, .reason = SNAPSHOT_SINGLE};
    l->held.when = l->when;
    l->held.repeated = again;
    l->held.there = true;
    return listing_also(l, name, text->bytes, text->len);
}

struct seep_error *listing_end(struct listing *l)
{
    return hand_on(l);
}
