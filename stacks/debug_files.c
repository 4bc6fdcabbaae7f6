#include "stacks/debug_files.h"

#include <elfutils/libdwelf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <zlib.h>

#include "base/buffer.h"
#include "stacks/debug_fetch.h"

struct id {
    const uint8_t *bytes;
    size_t len;
};

static const char deleted[] = " (deleted)"; /* proc(5), /proc/PID/maps */

void debug_file_close(struct debug_file *file)
{
    if (file->path) {
        elf_end(file->elf);
        close(file->fd);
        free(file->path);
    }
    *file = (struct debug_file){.fd = -1};
}

void debug_files_deinit(struct debug_files *files)
{
    debug_file_close(&files->code);
    debug_file_close(&files->debug);
    free(files->refused);
    files->refused = NULL;
}

/* Takes FD over. */
static bool adopt(const char *path, int fd, struct debug_file *ret_file)
{
    struct debug_file file = {.path = strdup(path), .fd = fd};

    file.elf = file.path ? elf_begin(fd, ELF_C_READ_MMAP_PRIVATE, NULL) : NULL;
    if (file.elf && elf_kind(file.elf) == ELF_K_ELF) {
        *ret_file = file;
        return true;
    }
    elf_end(file.elf);
    free(file.path);
    close(fd);
    errno = ENOEXEC;
    return false;
}

/* Not opened before it is known to be a regular file: opening a device or a FIFO has effects. */
static int open_regular(const char *path)
{
    _cleanup_close_ int handle = open(path, O_PATH | O_CLOEXEC);
    char link[64];
    struct stat st;

    if (handle < 0 || fstat(handle, &st) != 0)
        return -1;
    if (!S_ISREG(st.st_mode)) {
        errno = ENOEXEC;
        return -1;
    }
    snprintf(link, sizeof(link), "/proc/self/fd/%d", handle);
    return open(link, O_RDONLY | O_CLOEXEC | O_NOCTTY);
}

bool debug_file_open(const char *path, struct debug_file *ret_file)
{
    int fd = open_regular(path);

    return fd >= 0 && adopt(path, fd, ret_file);
}

static struct id id_of(const struct debug_file *file)
{
    const void *bytes = NULL;
    ssize_t len = dwelf_elf_gnu_build_id(file->elf, &bytes);

    return len > 0 ? (struct id){bytes, (size_t)len} : (struct id){0};
}

static bool same_id(struct id a, struct id b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.bytes, b.bytes, a.len) == 0);
}

static void append_id(struct buffer *out, struct id id)
{
    for (size_t i = 0; i < id.len && i < STACK_BUILD_ID_BYTES; i++)
        buffer_printf(out, "%02x", id.bytes[i]);
}

bool debug_file_has_dwarf(const struct debug_file *file)
{
    size_t names;

    if (!file->path || elf_getshdrstrndx(file->elf, &names) != 0)
        return false;
    for (Elf_Scn *section = NULL; (section = elf_nextscn(file->elf, section));) {
        GElf_Shdr header;
        const char *name =
            gelf_getshdr(section, &header) ? elf_strptr(file->elf, names, header.sh_name) : NULL;

        if (name && header.sh_type != SHT_NOBITS && header.sh_size &&
            (strcmp(name, ".debug_info") == 0 || strcmp(name, ".zdebug_info") == 0))
            return true;
    }
    return false;
}

/* Takes the file at PATH when its build-id is ID. */
static bool open_by_id(const char *path, struct id id, struct debug_file *ret_file)
{
    struct debug_file file;

    if (!debug_file_open(path, &file))
        return false;
    if (same_id(id_of(&file), id)) {
        *ret_file = file;
        return true;
    }
    debug_file_close(&file);
    return false;
}

/* DIR/.build-id/8f/2aSUFFIX. */
static bool open_in_id_dir(const char *const *debug_dirs, struct id id, const char *suffix,
                           struct debug_file *ret_file)
{
    if (id.len < 2)
        return false;
    for (; *debug_dirs; debug_dirs++) {
        _cleanup_buffer_ struct buffer path = {0};

        buffer_printf(&path, "%s/.build-id/%02x/", *debug_dirs, id.bytes[0]);
        append_id(&path, (struct id){id.bytes + 1, id.len - 1});
        buffer_printf(&path, "%s", suffix);
        if (!path.failed && open_by_id(path.bytes, id, ret_file))
            return true;
    }
    return false;
}

/* DIR/usr/lib/libfoo.so: a copy of what the target's machine has. */
static bool open_copy(const char *const *debug_dirs, const char *module, struct id id,
                      struct debug_file *ret_file)
{
    size_t len = strlen(module);

    if (module[0] != '/' || id.len == 0)
        return false;
    if (len > strlen(deleted) && strcmp(module + len - strlen(deleted), deleted) == 0)
        len -= strlen(deleted);
    for (; *debug_dirs; debug_dirs++) {
        _cleanup_buffer_ struct buffer path = {0};

        buffer_printf(&path, "%s%.*s", *debug_dirs, (int)len, module);
        if (!path.failed && open_by_id(path.bytes, id, ret_file))
            return true;
    }
    return false;
}

/* The CRC of .gnu_debuglink is that of zlib. */
static bool has_checksum(const struct debug_file *file, GElf_Word checksum)
{
    enum { CHUNK_BYTES = 1 << 16 };
    _cleanup_free_ uint8_t *chunk = malloc(CHUNK_BYTES);
    uLong crc = crc32(0, NULL, 0);
    off_t at = 0;
    ssize_t got = 0;

    while (chunk && (got = pread(file->fd, chunk, CHUNK_BYTES, at)) > 0) {
        crc = crc32(crc, chunk, (uInt)got);
        at += got;
    }
    return chunk && got == 0 && crc == checksum;
}

/* What a debug link says. */
struct linked_place {
    const char *code; /* a path, of which DIR_LEN bytes are the directory */
    int dir_len;
    const char *name;
    GElf_Word checksum;
};

/* Where the debug link may lead: ROOT/DIRECTORY/SUB/NAME. The code itself is not its debug file. */
static bool open_linked(const struct linked_place *where, const char *root, const char *sub,
                        struct id id, const struct debug_file *code, struct debug_file *ret_file)
{
    _cleanup_buffer_ struct buffer path = {0};
    struct stat a, b;
    struct debug_file file;

    buffer_printf(&path, "%s%.*s%s/%s", root, where->dir_len, where->code, sub, where->name);
    if (path.failed || !debug_file_open(path.bytes, &file))
        return false;
    if (fstat(file.fd, &a) == 0 && fstat(code->fd, &b) == 0 &&
        (a.st_dev != b.st_dev || a.st_ino != b.st_ino) &&
        (id.len ? same_id(id_of(&file), id) : has_checksum(&file, where->checksum))) {
        *ret_file = file;
        return true;
    }
    debug_file_close(&file);
    return false;
}

/* The places that gdb looks at ("Debugging Information in Separate Files" in its manual). */
static bool open_by_link(const struct debug_file *code, struct id id, const char *const *debug_dirs,
                         struct debug_file *ret_file)
{
    GElf_Word checksum;
    const char *name = dwelf_elf_gnu_debuglink(code->elf, &checksum);
    _cleanup_free_ char *real = realpath(code->path, NULL);
    const char *paths[] = {code->path, real};

    if (!name || !*name || strlen(name) > NAME_MAX || strchr(name, '/'))
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        const char *slash = paths[i] ? strrchr(paths[i], '/') : NULL;
        int dir_len = slash ? (int)(slash - paths[i]) : 0;
        const struct linked_place where = {paths[i], dir_len, name, checksum};

        if (!slash)
            continue;
        if (open_linked(&where, "", "", id, code, ret_file) ||
            open_linked(&where, "", "/.debug", id, code, ret_file))
            return true;
        for (const char *const *dir = debug_dirs; *dir; dir++)
            if (open_linked(&where, *dir, "", id, code, ret_file))
                return true;
    }
    return false;
}

/* This machine's own vdso, as a file: it may be the one that the module is of. */
static bool open_vdso(struct id id, struct debug_file *ret_file)
{
    const uint8_t *image = (const uint8_t *)getauxval(AT_SYSINFO_EHDR);
    ElfW(Ehdr) header;
    struct debug_file file;

    if (!image)
        return false;
    memcpy(&header, image, sizeof(header));

    /* Its section headers are its end. */
    size_t len = header.e_shoff + (size_t)header.e_shnum * header.e_shentsize;
    int fd = memfd_create("vdso", MFD_CLOEXEC);

    if (fd < 0)
        return false;
    if (write(fd, image, len) != (ssize_t)len) {
        close(fd);
        return false;
    }
    if (!adopt("[vdso]", fd, &file))
        return false;
    if (id.len && same_id(id_of(&file), id)) {
        *ret_file = file;
        return true;
    }
    debug_file_close(&file);
    return false;
}

static char *refusal(struct id found, struct id recorded)
{
    struct buffer text = {0};

    if (found.len) {
        buffer_printf(&text, "its build-id ");
        append_id(&text, found);
        buffer_printf(&text, recorded.len ? " is not the recorded " : " was not recorded");
    } else {
        buffer_printf(&text, "it has no build-id, and is not the recorded ");
    }
    append_id(&text, recorded);
    if (text.failed)
        buffer_deinit(&text);
    return text.bytes;
}

static bool open_at(const char *path, struct debug_file *ret_file)
{
    size_t len = strlen(path), tail = sizeof(deleted) - 1;

    if (debug_file_open(path, ret_file))
        return true;
    if (errno != ENOENT || len <= tail || strcmp(path + len - tail, deleted) != 0)
        return false;

    _cleanup_free_ char *without = strndup(path, len - tail);

    return without && debug_file_open(without, ret_file);
}

/* The file at the path that the process had. */
static void find_code(const char *path, struct id id, struct debug_files *files)
{
    struct debug_file file;

    if (!open_at(path, &file)) {
        if (errno == ENOEXEC)
            files->refused = strdup("it is not an ELF file");
        else if (errno != ENOENT && errno != ENOTDIR &&
                 asprintf(&files->refused, "cannot be opened: %s", strerror(errno)) < 0)
            files->refused = NULL;
        return;
    }

    struct id found = id_of(&file);

    if (same_id(found, id)) {
        files->code = file;
        files->unverified = !id.len;
        return;
    }
    files->refused = refusal(found, id);
    debug_file_close(&file);
}

static void fetch_missing(const char *name, struct id id, struct debug_fetch *fetch,
                          struct debug_files *files)
{
    struct debug_file file;
    int fd = debug_fetch_debug(fetch, id.bytes, id.len, name);

    if (fd >= 0 && adopt("a debuginfod server", fd, &file)) {
        if (same_id(id_of(&file), id))
            files->debug = file;
        else
            debug_file_close(&file);
    }
    if (files->code.path)
        return;
    fd = debug_fetch_code(fetch, id.bytes, id.len, name);
    if (fd >= 0 && adopt("a debuginfod server", fd, &file)) {
        if (same_id(id_of(&file), id))
            files->code = file;
        else
            debug_file_close(&file);
    }
}

void debug_files_find(const struct stack_module *module, const char *const *debug_dirs,
                      struct debug_fetch *fetch, struct debug_files *ret_files)
{
    const char *path = module->path ? module->path : "";
    struct id id = {module->build_id, module->build_id_len};
    struct debug_files *files = ret_files;

    *files = (struct debug_files){.code.fd = -1, .debug.fd = -1};
    if (path[0] == '[') {
        files->pseudo = true;
        if (strcmp(path, "[vdso]") == 0)
            open_vdso(id, &files->code);
        return;
    }
    /* What a relative path was relative to is not known. */
    if (path[0] == '/')
        find_code(path, id, files);
    if (!files->code.path && !open_copy(debug_dirs, path, id, &files->code))
        open_in_id_dir(debug_dirs, id, "", &files->code);
    if (debug_file_has_dwarf(&files->code))
        return;
    if (open_in_id_dir(debug_dirs, id, ".debug", &files->debug) ||
        (files->code.path && open_by_link(&files->code, id, debug_dirs, &files->debug)))
        return;
    if (fetch && id.len)
        fetch_missing(path, id, fetch, files);
}

void debug_files_find_alt(const struct debug_file *near, const char *path, const void *build_id,
                          size_t build_id_len, const char *const *debug_dirs,
                          struct debug_fetch *fetch, struct debug_file *ret_file)
{
    struct id id = {build_id, build_id_len};

    *ret_file = (struct debug_file){.fd = -1};
    if (open_in_id_dir(debug_dirs, id, ".debug", ret_file))
        return;

    /* A relative path is relative to where the file really is, not to where a link to it is. */
    _cleanup_free_ char *real = realpath(near->path, NULL);
    const char *slash = real ? strrchr(real, '/') : NULL;
    _cleanup_buffer_ struct buffer whole = {0};

    if (path[0] == '/')
        buffer_printf(&whole, "%s", path);
    else if (slash)
        buffer_printf(&whole, "%.*s/%s", (int)(slash - real), real, path);
    if (whole.len && !whole.failed && open_by_id(whole.bytes, id, ret_file))
        return;
    if (!fetch || !id.len || id.len > STACK_BUILD_ID_BYTES)
        return;

    struct debug_file file;
    int fd = debug_fetch_debug(fetch, id.bytes, id.len, path);

    if (fd < 0 || !adopt("a debuginfod server", fd, &file))
        return;
    if (same_id(id_of(&file), id))
        *ret_file = file;
    else
        debug_file_close(&file);
}
