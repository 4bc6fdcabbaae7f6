#include "stacks/symbols_module.h"

#include <elfutils/libdwelf.h>
#include <gelf.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/units.h"
#include "stacks/debug_fetch.h"
#include "stacks/debug_files.h"
#include "stacks/debug_lines.h"
#include "stacks/demangle.h"
#include "stacks/no_alt.h"
#include "stacks/symbol_table.h"

enum { FLUSH_BYTES = 1 << 16 };

struct work {
    const struct symbols_module_query *query;
    struct symbols_module_output *out;
    struct debug_files files;
    char **names; /* of the symbol table, by index of the offset; NULL unknown */
    size_t named; /* places with a function */
    bool has_dwarf, lacks_alt;
};

struct seep_error *symbols_module_flush(struct symbols_module_output *out)
{
    struct seep_error *err =
        out->bytes.failed ? error_no_memory() : io_write(out->fd, out->bytes.bytes, out->bytes.len);

    buffer_clear(&out->bytes);
    return err;
}

/* A message that cannot be written is found out by the next one that counts. */
static void tell(struct symbols_module_output *out, enum symbols_wire_kind kind, const char *text)
{
    symbols_wire_text(&out->bytes, kind, text);
    error_destroy(symbols_module_flush(out));
}

void symbols_module_waiting(const char *text, void *context)
{
    tell(context, SYMBOLS_WIRE_WAIT, text);
}

static const char *path_of(const struct work *work)
{
    const char *path = work->query->module->path;

    return path && *path ? path : "a file of unknown name";
}

static void trouble(struct work *work, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void trouble(struct work *work, const char *format, ...)
{
    _cleanup_buffer_ struct buffer text = {0};
    va_list arguments;

    buffer_printf(&text, "%s: ", path_of(work));
    va_start(arguments, format);
    buffer_vprintf(&text, format, arguments);
    va_end(arguments);
    if (!text.failed)
        symbols_wire_text(&work->out->bytes, SYMBOLS_WIRE_TROUBLE, text.bytes);
}

static struct seep_error *put_place(struct work *work, size_t index,
                                    const struct symbols_lines *lines)
{
    symbols_wire_place(&work->out->bytes, index, lines);
    return work->out->bytes.len > FLUSH_BYTES ? symbols_module_flush(work->out) : NULL;
}

/* What the symbol tables know, as a place. */
static struct seep_error *put_symbols(struct work *work)
{
    for (size_t i = 0; i < work->query->count; i++) {
        char *demangled;

        if (!work->names[i])
            continue;
        demangled = demangle_name(work->names[i]);
        if (demangled) {
            free(work->names[i]);
            work->names[i] = demangled;
        }

        struct symbols_line line = {.function = work->names[i]};
        struct seep_error *err = put_place(work, i, &(struct symbols_lines){&line, 1, 1});

        if (err)
            return err;
        work->named++;
    }
    return symbols_module_flush(work->out);
}

/* Whether a symbol's name is that of the function that DWARF calls PLAIN, with more said. */
static bool says_more(const char *symbol, const char *plain)
{
    const char *last = strrchr(plain, ':');

    return symbol && strstr(symbol, last ? last + 1 : plain);
}

/* DWARF knows better than a symbol table, but for what it does not know. */
static struct seep_error *put_lines(size_t index, struct symbols_lines *lines, bool plain,
                                    void *context)
{
    struct work *work = context;
    struct symbols_line *outer = &lines->items[lines->count - 1];
    const char *symbol = work->names[index];

    if (!outer->function || (plain && says_more(symbol, outer->function))) {
        /* The parts that a compiler cuts a function into are one function to whoever wrote it. */
        const char *clone = symbol ? strstr(symbol, " [clone ") : NULL;
        char *better =
            symbol ? strndup(symbol, clone ? (size_t)(clone - symbol) : strlen(symbol)) : NULL;

        if (better) {
            free(outer->function);
            outer->function = better;
        }
    }
    if (!symbol && lines->items[0].function)
        work->named++;
    return put_place(work, index, lines);
}

/* Where the first segment begins: that of a prelinked file is elsewhere than that of its debug file. */
static uint64_t first_address(const struct debug_file *file)
{
    size_t count = 0;
    GElf_Phdr header;

    if (elf_getphdrnum(file->elf, &count) != 0)
        return 0;
    for (size_t i = 0; i < count && gelf_getphdr(file->elf, (int)i, &header); i++)
        if (header.p_type == PT_LOAD)
            return header.p_vaddr;
    return 0;
}

/* Whatever the file says it shares with others, libdw would open it by itself on first use. */
static struct seep_error *read_dwarf(struct work *work, const struct debug_file *file)
{
    Dwarf *dwarf = dwarf_begin_elf(file->elf, DWARF_C_READ, NULL), *alt = NULL;
    struct debug_file alt_file = {.fd = -1};
    const char *alt_path;
    const void *alt_id;

    if (!dwarf)
        return NULL;

    ssize_t alt_id_len = dwelf_dwarf_gnu_debugaltlink(dwarf, &alt_path, &alt_id);

    if (alt_id_len > 0)
        debug_files_find_alt(file, alt_path, alt_id, (size_t)alt_id_len, work->query->debug_dirs,
                             work->query->fetch, &alt_file);
    if (alt_file.path)
        alt = dwarf_begin_elf(alt_file.elf, DWARF_C_READ, NULL);
    work->lacks_alt = alt_id_len > 0 && !alt;

    Elf *nothing = alt ? NULL : no_alt_elf();

    if (nothing)
        alt = dwarf_begin_elf(nothing, DWARF_C_READ, NULL);
    if (alt)
        dwarf_setalt(dwarf, alt);
    work->has_dwarf = true;

    const struct debug_lines_query query = {
        .dwarf = dwarf,
        .bias = file == &work->files.debug && work->files.code.path
                    ? first_address(&work->files.code) - first_address(file)
                    : 0,
        .offsets = work->query->offsets,
        .count = work->query->count,
        .found = put_lines,
        .context = work,
    };
    struct seep_error *err = alt ? debug_lines_resolve(&query) : NULL;

    dwarf_end(dwarf);
    dwarf_end(alt);
    elf_end(nothing);
    debug_file_close(&alt_file);
    return err;
}

static void explain(struct work *work)
{
    const struct debug_files *files = &work->files;
    _cleanup_free_ char *fetching =
        work->query->fetch ? debug_fetch_trouble(work->query->fetch) : NULL;

    if (fetching)
        symbols_wire_text(&work->out->bytes, SYMBOLS_WIRE_TROUBLE, fetching);
    if (files->pseudo)
        return;
    if (!files->code.path && !files->debug.path)
        trouble(work, "%s; names of its functions are not known",
                files->refused ? files->refused : "is not found");
    else if (files->refused)
        trouble(work, "%s; names of its functions are from %s", files->refused,
                files->debug.path ? files->debug.path : files->code.path);
    else if (!work->has_dwarf && work->named < work->query->count)
        trouble(work,
                "has no debug information, and none is found; names of %zu of %zu places "
                "are not known",
                work->query->count - work->named, work->query->count);
    if (files->unverified)
        trouble(work, "%s", SYMBOLS_UNVERIFIED);
    if (work->lacks_alt)
        trouble(work, "what its debug information shares with other files is not found; some names "
                      "are not known");
}

/* Without a build-id only the time tells that a file was built anew. */
static void refuse_younger(struct work *work)
{
    struct debug_files *files = &work->files;
    struct stat st;

    if (!files->unverified || !work->query->recorded_ns || fstat(files->code.fd, &st) != 0 ||
        st.st_mtim.tv_sec < 0 || (uint64_t)st.st_mtim.tv_sec <= work->query->recorded_ns / NS_PER_S)
        return;
    debug_files_deinit(files);
    files->unverified = false;
    files->refused = strdup("it has no build-id, and was written after the recording ended");
}

static struct seep_error *read_names(struct work *work)
{
    struct seep_error *err =
        symbol_table_names(&work->files, work->query->offsets, work->query->count, work->names);

    if (!err)
        err = put_symbols(work);
    if (!err && debug_file_has_dwarf(&work->files.code))
        return read_dwarf(work, &work->files.code);
    return !err && debug_file_has_dwarf(&work->files.debug) ? read_dwarf(work, &work->files.debug)
                                                            : err;
}

struct seep_error *symbols_module_resolve(const struct symbols_module_query *query,
                                          struct symbols_module_output *out, bool *ret_wanting)
{
    struct work work = {
        .query = query,
        .out = out,
        .names = calloc(query->count + 1, sizeof(*work.names)),
    };
    _cleanup_free_ char *reading = NULL;
    struct seep_error *err = NULL;

    if (!work.names || asprintf(&reading, "reading %s", path_of(&work)) < 0) {
        reading = NULL;
        free(work.names);
        return error_no_memory();
    }
    elf_version(EV_CURRENT);
    tell(out, SYMBOLS_WIRE_READ, reading);
    debug_files_find(query->module, query->debug_dirs, query->fetch, &work.files);
    refuse_younger(&work);
    if (query->fetch)
        tell(out, SYMBOLS_WIRE_READ, reading); /* no longer waiting for a server */
    if (work.files.code.path || work.files.debug.path)
        err = read_names(&work);
    if (!err)
        explain(&work);
    *ret_wanting =
        !work.files.pseudo && query->module->build_id_len && (!work.has_dwarf || work.lacks_alt);
    debug_files_deinit(&work.files);
    for (size_t i = 0; i < query->count; i++)
        free(work.names[i]);
    free(work.names);
    return err;
}
