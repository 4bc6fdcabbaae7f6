#include "evidence/case.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#include "base/escape.h"
#include "base/io.h"
#include "evidence/case_files.h"

enum {
    MAX_JSON_BYTES = 64 << 20,
    MAX_CONTAINERS = 1 << 20, /* some 250 bytes each in memory */
    MAX_VALUES = 4 << 20,     /* and 60 */
    MAX_EXE_BYTES = 64,       /* of a default name */
};

static const char schema[] = "seep-case/1";

const char case_import_begun[] =
    "an import into this case did not end: a part of it may be missing";

static const char *const state_names[] = {
    [CASE_RECORDING] = "recording",
    [CASE_COMPLETE] = "complete",
    [CASE_INTERRUPTED] = "interrupted",
};

void case_destroy(struct case_dir *c)
{
    if (!c)
        return;
    json_decref(c->json);
    cleanup_close(&c->fd);
    free(c->path);
    free(c);
}

/* Everything in a directory of ours, and below it as far as DEPTH. */
static void remove_all(int dir_fd, int depth)
{
    DIR *dir = fdopendir(openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        const char *name = entry->d_name;
        _cleanup_close_ int below = -1;

        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || unlinkat(dir_fd, name, 0) == 0)
            continue;
        below = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (below >= 0 && depth > 0)
            remove_all(below, depth - 1);
        unlinkat(dir_fd, name, AT_REMOVEDIR);
    }
    if (dir)
        closedir(dir);
}

void case_discard(struct case_dir *c)
{
    static const char *const files[] = {"case.json",  "case.json.tmp", "events",
                                        "events.tmp", "snapshots",     "import.tmp"};
    static const char *const directories[] = {"threads", "mem"};

    for (size_t i = 0; i < ARRAY_SIZE(files); i++)
        unlinkat(c->fd, files[i], 0);
    for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
        _cleanup_close_ int fd =
            openat(c->fd, directories[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

        if (fd >= 0)
            remove_all(fd, 1); /* mem/N-PID/FILE */
        unlinkat(c->fd, directories[i], AT_REMOVEDIR);
    }
    rmdir(c->path);
}

/* --- setting --- */

struct seep_error *case_set(struct case_dir *c, const char *part, const char *name, json_t *value)
{
    json_t *object = part ? json_object_get(c->json, part) : c->json;

    if (value && !json_is_object(object)) {
        object = json_object();
        if (json_object_set_new(c->json, part, object) < 0)
            object = NULL;
    }
    if (value && object)
        return json_object_set_new(object, name, value) == 0 ? NULL : error_no_memory();
    json_decref(value);
    return error_no_memory();
}

/* jansson takes valid UTF-8 only. */
static json_t *text_to_json(const char *text)
{
    json_t *json = text ? json_string(text) : json_null();

    if (!json) {
        _cleanup_free_ char *escaped = escape_text(text, strlen(text));

        json = escaped ? json_string(escaped) : NULL;
    }
    return json;
}

struct seep_error *case_set_text(struct case_dir *c, const char *part, const char *name,
                                 const char *text)
{
    return case_set(c, part, name, text_to_json(text));
}

struct seep_error *case_set_number(struct case_dir *c, const char *part, const char *name,
                                   uint64_t number)
{
    return case_set(c, part, name,
                    number > INT64_MAX ? json_null() : json_integer((json_int_t)number));
}

/* --- creating --- */

/* A random UUID (RFC 4122, version 4). */
static struct seep_error *make_id(char ret_id[37])
{
    uint8_t b[16];

    if (getrandom(b, sizeof(b), 0) != sizeof(b))
        return error_errno(errno, NULL, "cannot make a case id");
    b[6] = (b[6] & 0x0f) | 0x40;
    b[8] = (b[8] & 0x3f) | 0x80;
    snprintf(ret_id, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
             b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
             b[14], b[15]);
    return NULL;
}

/* EXE-PID-TIME.seep, of EXE's last part, with nothing that a shell or a terminal would mind. */
static char *default_path(const char *exe, pid_t pid)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    const char *slash = exe ? strrchr(exe, '/') : NULL;
    const char *base = slash ? slash + 1 : exe;
    char name[MAX_EXE_BYTES + 1] = "";
    char stamp[32];
    struct tm utc;
    time_t now = time(NULL);
    char *path;

    if (base)
        snprintf(name, sizeof(name), "%.*s", (int)strcspn(base, " "), base);
    for (char *c = name; *c; c++)
        if (!strchr(plain, *c) || (c == name && strchr(".-", *c)))
            *c = '_';
    strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", gmtime_r(&now, &utc));
    return asprintf(&path, "%s-%d-%s.seep", *name ? name : "process", pid, stamp) < 0 ? NULL : path;
}

static bool is_empty(int dir_fd)
{
    DIR *dir = fdopendir(openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    int count = 0;

    if (!dir)
        return false;
    while (count <= 2 && readdir(dir))
        count++;
    closedir(dir);
    return count == 2; /* . and .. */
}

/* Makes PATH a fresh directory of mode 0700, or takes an empty one. */
static struct seep_error *make_directory(const char *path, int *ret_fd)
{
    bool made = mkdir(path, 0700) == 0;

    if (!made && errno != EEXIST)
        return error_remedy(error_errno(errno, path, "cannot create the case %s", path),
                            "name a directory that can be written with -o");

    _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 && errno == ENOTDIR)
        return error_remedy(error_create(ERROR_INVALID, "%s exists and is no directory", path),
                            "name another with -o");
    if (fd < 0)
        return error_errno(errno, path, "cannot open the case %s", path);
    if (!made && !is_empty(fd))
        return error_remedy(error_create(ERROR_INVALID, "%s exists and is not empty", path),
                            "name another with -o, or remove it first");
    if (!made && fchmod(fd, 0700) < 0)
        return error_errno(errno, path, "cannot make %s private", path);
    *ret_fd = take_fd(&fd);
    return NULL;
}

/* NULL when out of memory. */
static struct case_dir *new_case(const char *path, int *fd, json_t *json)
{
    struct case_dir *c = calloc(1, sizeof(*c));

    if (!c || !json || !(c->path = strdup(path))) {
        free(c);
        json_decref(json);
        return NULL;
    }
    c->json = json;
    c->fd = take_fd(fd);
    return c;
}

struct seep_error *case_create(const char *path, const char *exe, pid_t pid,
                               struct case_dir **ret_case)
{
    _cleanup_close_ int fd = -1;
    _cleanup_free_ char *own_path = path ? NULL : default_path(exe, pid);
    _cleanup_(case_destroyp) struct case_dir *c = NULL;
    char id[37];

    if (!path)
        path = own_path;
    if (!path)
        return error_no_memory();

    struct seep_error *err = make_directory(path, &fd);

    if (!err)
        err = make_id(id);
    if (err)
        return err;
    c = new_case(path, &fd, json_pack("{s:s, s:s}", "schema", schema, "case_id", id));
    if (!c)
        return error_no_memory();
    /* Where a file system has no locks, a live recording merely looks interrupted. */
    flock(c->fd, LOCK_EX | LOCK_NB);
    c->recorder = true;
    err = case_save(c, CASE_RECORDING, NULL);
    if (!err)
        *ret_case = take_ptr(c);
    return err;
}

struct seep_error *case_create_file(const struct case_dir *c, const char *name, int *ret_fd)
{
    int fd = openat(c->fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0 && errno == EEXIST)
        return error_create(ERROR_INVALID, "%s/%s exists already", c->path, name);
    if (fd < 0)
        return error_errno(errno, name, "cannot create %s/%s", c->path, name);
    *ret_fd = fd;
    return NULL;
}

/* --- opening --- */

struct seep_error *case_open_file(int dir_fd, const char *name, int *ret_fd)
{
    /* Non-blocking, or a pipe of that name would keep us waiting for its writer. */
    _cleanup_close_ int fd =
        openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    struct stat st;

    if (fd < 0 && errno == ELOOP)
        return error_create(ERROR_CORRUPT, "%s is a symbolic link", name);
    if (fd < 0 || fstat(fd, &st) < 0)
        return error_errno(errno, name, "cannot open %s", name);
    if (!S_ISREG(st.st_mode))
        return error_create(ERROR_CORRUPT, "%s is no regular file", name);
    *ret_fd = take_fd(&fd);
    return NULL;
}

static struct seep_error *check_schema(const json_t *json)
{
    const char *found = json_string_value(json_object_get(json, "schema"));

    if (found && strcmp(found, schema) == 0)
        return NULL;
    if (found && strncmp(found, "seep-case/", strlen("seep-case/")) == 0) {
        _cleanup_free_ char *shown = escape_text(found, strnlen(found, 64));

        return error_remedy(
            error_create(ERROR_UNSUPPORTED, "case.json has schema %s", shown ? shown : "?"),
            "use a newer seep");
    }
    return error_create(ERROR_CORRUPT, "case.json does not have schema %s", schema);
}

/* What jansson makes of text takes a hundred times its size where it is `{},{},{}`. */
static bool is_bloated(const struct buffer *text)
{
    size_t containers = 0, values = 0;
    bool inside = false;

    for (size_t i = 0; i < text->len; i++) {
        char c = text->bytes[i];

        if (inside && c == '\\')
            i++;
        else if (c == '"')
            inside = !inside;
        else if (!inside) {
            containers += c == '{' || c == '[';
            values += c == ',' || c == ':';
        }
    }
    return containers > MAX_CONTAINERS || values > MAX_VALUES;
}

static struct seep_error *load(int dir_fd, json_t **ret_json)
{
    _cleanup_close_ int fd = -1;
    _cleanup_buffer_ struct buffer text = {0};
    json_error_t why;
    struct seep_error *err = case_open_file(dir_fd, "case.json", &fd);

    if (!err)
        err = error_prefix(io_read_fd(fd, MAX_JSON_BYTES, &text), "case.json");
    if (err)
        return err->code == ERROR_NOT_FOUND
                   ? error_remedy(err, "name a directory that seep recorded")
                   : err;

    if (is_bloated(&text))
        return error_create(ERROR_CORRUPT, "case.json holds more than any case has");

    json_t *json = json_loadb(text.bytes, text.len, JSON_REJECT_DUPLICATES, &why);

    if (!json) {
        _cleanup_free_ char *shown = escape_text(why.text, strlen(why.text));

        return error_create(ERROR_CORRUPT, "case.json, line %d: %s", why.line, shown ? shown : "?");
    }
    err = check_schema(json);
    if (err)
        json_decref(json);
    else
        *ret_json = json;
    return err;
}

struct seep_error *case_open(const char *path, struct case_dir **ret_case)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    json_t *json = NULL;

    if (fd < 0 && errno == ENOTDIR)
        return error_remedy(error_create(ERROR_CORRUPT, "%s is no directory", path),
                            "name a directory that seep recorded");
    if (fd < 0)
        return error_errno(errno, path, "cannot open the case %s", path);

    struct seep_error *err = load(fd, &json);

    if (err)
        return error_prefix(err, "%s", path);

    struct case_dir *c = new_case(path, &fd, json);

    if (!c)
        return error_no_memory();
    if (flock(c->fd, LOCK_SH | LOCK_NB) == 0)
        flock(c->fd, LOCK_UN);
    else
        c->live = errno == EWOULDBLOCK;
    *ret_case = c;
    return NULL;
}

static enum case_state state_of(const json_t *json, bool live)
{
    const char *state = json_string_value(json_object_get(json, "state"));

    if (state && strcmp(state, state_names[CASE_COMPLETE]) == 0)
        return CASE_COMPLETE;
    return state && strcmp(state, state_names[CASE_RECORDING]) == 0 && live ? CASE_RECORDING
                                                                            : CASE_INTERRUPTED;
}

enum case_state case_state(const struct case_dir *c)
{
    return state_of(c->json, c->live || c->recorder);
}

/* --- saving --- */

static struct seep_error *list_files(struct case_dir *c)
{
    json_t *files;
    struct seep_error *err = case_files_list(c->fd, json_object_get(c->json, "files"), &files);

    return err ? err : case_set(c, NULL, "files", files);
}

static struct seep_error *write_json(struct case_dir *c, enum case_state state, const char *reason)
{
    struct seep_error *err = case_set_text(c, NULL, "state", state_names[state]);

    if (!err && (reason || !json_object_get(c->json, "reason")))
        err = case_set_text(c, NULL, "reason", reason);
    if (!err && state != CASE_RECORDING)
        err = list_files(c);
    if (err)
        return err;

    _cleanup_free_ char *text = json_dumps(c->json, JSON_INDENT(2));

    return text ? io_replace_file(c->fd, "case.json", text, strlen(text)) : error_no_memory();
}

/* The lock for the time of a save; *RET_LOCKED false: a recorder has it. */
static struct seep_error *lock_to_add(struct case_dir *c, bool *ret_locked)
{
    static const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
    bool locked = false;

    /* Who opens or adds to the case holds it for a moment only. */
    for (int i = 0; i < 50 && !locked; i++) {
        locked = flock(c->fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
        if (!locked)
            nanosleep(&pause, NULL);
    }
    *ret_locked = locked;
    if (!locked || !c->live)
        return NULL;

    /* The recorder has come to its end since: what it wrote last is what counts. */
    json_t *json;
    struct seep_error *err = load(c->fd, &json);

    if (!err) {
        json_decref(c->json);
        c->json = json;
        c->live = false;
    }
    return err;
}

struct seep_error *case_save(struct case_dir *c, enum case_state state, const char *reason)
{
    struct seep_error *err;
    bool locked, was_live = c->live;

    if (c->recorder)
        return error_prefix(write_json(c, state, reason), "%s", c->path);
    err = lock_to_add(c, &locked);
    if (!err && !locked)
        return NULL;
    if (!err)
        err = write_json(c, was_live ? state_of(c->json, false) : state, reason);
    flock(c->fd, LOCK_UN);
    return error_prefix(err, "%s", c->path);
}

/* --- what it says --- */

static const json_t *get(const struct case_dir *c, const char *part, const char *name)
{
    return json_object_get(json_object_get(c->json, part), name);
}

static const char *text_of(const json_t *value)
{
    const char *text = json_string_value(value);

    return text && *text ? text : NULL;
}

static uint64_t number_of(const json_t *value)
{
    json_int_t number = json_integer_value(value);

    return number > 0 ? (uint64_t)number : 0;
}

static bool has_imported_events(const struct case_dir *c)
{
    const json_t *file;
    size_t index;

    json_array_foreach (json_object_get(c->json, "imports"), index, file)
        if (number_of(json_object_get(file, "events")))
            return true;
    return false;
}

bool case_is_made_up(const struct case_dir *c, pid_t pid)
{
    const json_t *array = get(c, "target", "made_up_pids"), *item;
    size_t index;

    json_array_foreach (array, index, item)
        if (json_integer_value(item) == pid)
            return true;
    return false;
}

void case_info(const struct case_dir *c, struct case_info *ret_info)
{
    enum { DEFAULT_PAGE_BYTES = 4096, MAX_PAGE_BYTES = 64 << 10 };
    const char *id = json_string_value(json_object_get(c->json, "case_id"));
    uint64_t pid = number_of(get(c, "target", "pid"));
    uint64_t page_bytes = number_of(get(c, "host", "page_size"));
    bool page_ok = page_bytes >= DEFAULT_PAGE_BYTES && page_bytes <= MAX_PAGE_BYTES &&
                   (page_bytes & (page_bytes - 1)) == 0;

    *ret_info = (struct case_info){
        .basis = moment_basis_of(text_of(get(c, "clock", "basis"))),
        .wall_offset_ns = number_of(get(c, "clock", "wall_offset_ns")),
        .started_ns = number_of(get(c, "clock", "started_ns")),
        .ended_ns = number_of(get(c, "clock", "ended_ns")),
        .pid = pid <= INT_MAX ? (pid_t)pid : 0,
        .name = text_of(get(c, "target", "name")),
        .exe = text_of(get(c, "target", "exe")),
        .command = text_of(get(c, "target", "command")),
        .runtime = text_of(get(c, "target", "runtime")),
        .host_name = text_of(get(c, "host", "name")),
        .boot_id = text_of(get(c, "host", "boot_id")),
        .time_zone = text_of(get(c, "host", "time_zone")),
        .backend = text_of(get(c, "watch", "backend")),
        .options = text_of(get(c, "tool", "options")),
        .reason = text_of(json_object_get(c->json, "reason")),
        .page_bytes = page_ok ? page_bytes : DEFAULT_PAGE_BYTES,
        .lost_events = number_of(get(c, "watch", "lost_events")),
        .lost_stacks = number_of(get(c, "watch", "lost_stacks")),
        .watcher_cpu_ns = number_of(get(c, "watch", "watcher_cpu_ns")),
        .target_stopped_ns = number_of(get(c, "watch", "target_stopped_ns")),
    };
    ret_info->pid_made_up = case_is_made_up(c, ret_info->pid);
    ret_info->imported = ret_info->backend && strcmp(ret_info->backend, "import") == 0;
    ret_info->import_open = ret_info->reason && case_state(c) == CASE_INTERRUPTED &&
                            strcmp(ret_info->reason, case_import_begun) == 0;
    ret_info->has_dated_calls =
        ret_info->basis == MOMENT_ABSOLUTE && (!ret_info->imported || has_imported_events(c));
    snprintf(ret_info->case_id, sizeof(ret_info->case_id), "%s", id ? id : "");
}
