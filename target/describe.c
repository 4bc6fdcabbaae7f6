#include "target/describe.h"

#include <fcntl.h>
#include <gelf.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "base/escape.h"
#include "base/io.h"
#include "base/units.h"
#include "base/zone.h"
#include "target/proc.h"

enum { MAX_TEXT_BYTES = 1 << 20 };

/* The file's GNU build-id in hexadecimal, or NULL. */
static char *build_id(pid_t pid)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);

    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct buffer hex = {0};
    size_t headers = 0;
    Elf *elf;

    if (fd < 0 || elf_version(EV_CURRENT) == EV_NONE || !(elf = elf_begin(fd, ELF_C_READ, NULL)))
        return NULL;
    if (elf_getphdrnum(elf, &headers) < 0)
        headers = 0;
    for (size_t i = 0; i < headers && !hex.len; i++) {
        GElf_Phdr header;

        if (!gelf_getphdr(elf, (int)i, &header) || header.p_type != PT_NOTE)
            continue;

        Elf_Data *data = elf_getdata_rawchunk(elf, (int64_t)header.p_offset, header.p_filesz,
                                              header.p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR);
        GElf_Nhdr note;
        size_t at = 0, name_at, desc_at;

        while (data && (at = gelf_getnote(data, at, &note, &name_at, &desc_at)) > 0) {
            const uint8_t *bytes = data->d_buf;

            if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != 4 ||
                memcmp(bytes + name_at, "GNU", 4) != 0)
                continue;
            for (size_t b = 0; b < note.n_descsz && b < 64; b++)
                buffer_printf(&hex, "%02x", bytes[desc_at + b]);
            break;
        }
    }
    elf_end(elf);
    return hex.bytes;
}

/* The language runtime whose library is mapped, or NULL. */
static const char *runtime_of(pid_t pid)
{
    static const struct {
        const char *library, *runtime;
    } runtimes[] = {
        {"/libjvm.so", "java"},       {"/libpython", "python"}, {"/python3", "python"},
        {"/python2", "python"},       {"libluajit", "luajit"},  {"/liblua", "lua"},
        {"/node\n", "node"},          {"/libnode.so", "node"},  {"/libruby", "ruby"},
        {"/libcoreclr.so", "dotnet"}, {"/libphp", "php"},
    };
    _cleanup_buffer_ struct buffer maps = {0};
    _cleanup_error_ struct seep_error *err = proc_read(pid, "maps", &maps);

    for (size_t i = 0; !err && maps.bytes && i < ARRAY_SIZE(runtimes); i++)
        if (strstr(maps.bytes, runtimes[i].library))
            return runtimes[i].runtime;
    return NULL;
}

static struct seep_error *set_namespaces(struct case_dir *c, pid_t pid)
{
    static const char *const names[] = {"pid", "mnt", "user", "ipc", "net", "cgroup"};
    json_t *namespaces = json_object();

    for (size_t i = 0; namespaces && i < ARRAY_SIZE(names); i++) {
        char path[64], link[64];

        snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, names[i]);

        ssize_t len = readlink(path, link, sizeof(link) - 1);

        if (len > 0)
            json_object_set_new(namespaces, names[i], json_stringn(link, (size_t)len));
    }
    return case_set(c, "target", "namespaces", namespaces);
}

/* A text of /proc/PID as it is. */
static struct seep_error *set_proc_text(struct case_dir *c, pid_t pid, const char *file,
                                        const char *name)
{
    _cleanup_buffer_ struct buffer text = {0};
    _cleanup_error_ struct seep_error *unreadable = proc_read(pid, file, &text);

    return unreadable || !text.bytes ? NULL : case_set_text(c, "target", name, text.bytes);
}

/* When the process began, as RFC 3339: boot time plus start_ticks. */
static struct seep_error *set_start_time(struct case_dir *c, pid_t pid)
{
    struct proc_stat stat;
    struct timespec boot;
    struct units_text time;
    _cleanup_error_ struct seep_error *unreadable = proc_stat(pid, &stat);

    if (unreadable || clock_gettime(CLOCK_BOOTTIME, &boot) < 0)
        return NULL;

    uint64_t boot_wall_ns =
        units_wall_ns() - ((uint64_t)boot.tv_sec * NS_PER_S + (uint64_t)boot.tv_nsec);
    uint64_t start_ns = stat.start_ticks * (NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK));

    return case_set_text(c, "target", "start_time",
                         units_format_time(&time, boot_wall_ns + start_ns, false));
}

struct seep_error *describe_target(struct case_dir *c, pid_t pid)
{
    _cleanup_free_ char *exe = NULL, *command = NULL, *id = build_id(pid);
    char name[17] = "";
    struct seep_error *err;

    error_destroy(proc_exe(pid, &exe));
    error_destroy(proc_command(pid, &command));
    error_destroy(proc_thread_name(pid, pid, name));
    err = case_set_number(c, "target", "pid", (uint64_t)pid);
    if (!err && name[0])
        err = case_set_text(c, "target", "name", name);
    if (!err)
        err = case_set_text(c, "target", "exe", exe);
    if (!err)
        err = case_set_text(c, "target", "command", command);
    if (!err)
        err = set_start_time(c, pid);
    if (!err)
        err = case_set_text(c, "target", "build_id", id);
    if (!err)
        err = case_set_text(c, "target", "runtime", runtime_of(pid));
    if (!err)
        err = set_namespaces(c, pid);
    if (!err)
        err = set_proc_text(c, pid, "limits", "limits");
    if (!err)
        err = set_proc_text(c, pid, "cgroup", "cgroup");
    return err;
}

/* A file's first line, or NULL; the caller frees. */
static char *first_line(const char *path)
{
    _cleanup_buffer_ struct buffer text = {0};
    _cleanup_error_ struct seep_error *err = io_read_file(AT_FDCWD, path, MAX_TEXT_BYTES, &text);

    return err || !text.bytes ? NULL : strndup(text.bytes, strcspn(text.bytes, "\n"));
}

struct seep_error *describe_host(struct case_dir *c)
{
    _cleanup_free_ char *boot_id = first_line("/proc/sys/kernel/random/boot_id");
    _cleanup_free_ char *thp = first_line("/sys/kernel/mm/transparent_hugepage/enabled");
    struct zone_text zone;
    struct utsname host;
    struct seep_error *err;

    uname(&host);
    err = case_set_text(c, "host", "name", host.nodename);
    if (!err)
        err = case_set_text(c, "host", "boot_id", boot_id);
    if (!err)
        err = case_set_text(c, "host", "kernel", host.release);
    if (!err)
        err = case_set_number(c, "host", "page_size", (uint64_t)sysconf(_SC_PAGESIZE));
    if (!err)
        err = case_set_text(c, "host", "thp", thp);
    if (!err)
        err = case_set_text(c, "host", "time_zone", zone_here(&zone));
    if (!err)
        err = case_set_number(c, "clock", "wall_offset_ns", units_wall_ns() - units_monotonic_ns());
    if (!err)
        err = case_set_text(c, "tool", "version", SEEP_VERSION);
    return err;
}
