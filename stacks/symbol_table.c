#include "stacks/symbol_table.h"

#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <string.h>

#include "stacks/symbols.h"

/* The best symbol so far, of those with a size that cover an offset, or of those without that begin at
 * one address. The name is libdw's. */
struct best {
    const char *name; /* NULL: none yet */
    uint64_t start;
    unsigned rank;
};

struct place {
    struct best sized, unsized;
    uint64_t nearest; /* where the last symbol before the offset begins; 0: there is none */
};

struct table {
    const uint64_t *offsets;
    size_t count;
    struct place *places;
};

static int no_elf(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base,
                  char **file_name, Elf **elf)
{
    (void)module, (void)userdata, (void)name, (void)base, (void)file_name, (void)elf;
    return -1;
}

/* libdwfl's own ways of looking are not wanted: they ask debuginfod, and take files without being sure. */
static int give_debug(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base,
                      const char *file_name, const char *link, GElf_Word checksum,
                      char **debug_name)
{
    const struct debug_file *debug = *userdata;

    (void)module, (void)name, (void)base, (void)file_name, (void)link, (void)checksum;
    (void)debug_name;
    return debug && debug->path ? fcntl(debug->fd, F_DUPFD_CLOEXEC, 0) : -1;
}

static Dwfl_Module *report(Dwfl *dwfl, const struct debug_files *files)
{
    const struct debug_file *main = files->code.path ? &files->code : &files->debug;
    int fd = fcntl(main->fd, F_DUPFD_CLOEXEC, 0);
    void **userdata;

    if (fd < 0)
        return NULL;
    dwfl_report_begin(dwfl);

    /* At the addresses that it has itself. */
    Dwfl_Module *module = dwfl_report_elf(dwfl, main->path, main->path, fd, 0, true);

    if (!module)
        close(fd);
    dwfl_report_end(dwfl, NULL, NULL);
    if (!module || !dwfl_module_info(module, &userdata, NULL, NULL, NULL, NULL, NULL, NULL))
        return NULL;
    *userdata = (void *)(main == &files->code ? &files->debug : NULL);
    return module;
}

/* Global before weak before local, functions before what may be code, plain names before those that
 * begin with underscores: malloc, not __libc_malloc. */
static unsigned rank_of(const GElf_Sym *symbol, const char *name)
{
    unsigned bind = GELF_ST_BIND(symbol->st_info), type = GELF_ST_TYPE(symbol->st_info);
    size_t underscores = strspn(name, "_");

    return (bind == STB_GLOBAL || bind == STB_GNU_UNIQUE ? 40u
            : bind == STB_WEAK                           ? 20u
                                                         : 0u) +
           (type == STT_FUNC || type == STT_GNU_IFUNC ? 10u : 0u) +
           (underscores < 9 ? 9u - (unsigned)underscores : 0u);
}

static bool can_be_code(const GElf_Sym *symbol, GElf_Word section, const char *name)
{
    unsigned type = GELF_ST_TYPE(symbol->st_info);

    /* $x and the like mark kinds of code on ARM, .L is the assembler's own. */
    return name && *name && *name != '$' && strncmp(name, ".L", 2) != 0 && section != SHN_UNDEF &&
           section != SHN_ABS && section != SHN_COMMON && section != (GElf_Word)-1 &&
           (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE);
}

static void improve(struct best *best, const char *name, uint64_t start, unsigned rank)
{
    if (!best->name || start > best->start || (start == best->start && rank > best->rank))
        *best = (struct best){name, start, rank};
}

/* The first offset that is not below ADDRESS. */
static size_t first_from(const struct table *table, uint64_t address)
{
    size_t low = 0, high = table->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (table->offsets[middle] < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void look_at(const struct table *table, const GElf_Sym *symbol, uint64_t start,
                    const char *name)
{
    size_t first = first_from(table, start);
    unsigned rank = rank_of(symbol, name);

    if (first == table->count)
        return;
    if (start > table->places[first].nearest)
        table->places[first].nearest = start;
    if (symbol->st_size == 0)
        improve(&table->places[first].unsized, name, start, rank);
    for (size_t i = first; i < table->count && table->offsets[i] - start < symbol->st_size; i++)
        improve(&table->places[i].sized, name, start, rank);
}

/* What begins before one offset begins before all that follow. */
static void carry_on(struct table *table)
{
    for (size_t i = 1; i < table->count; i++) {
        const struct place *before = &table->places[i - 1];
        struct place *place = &table->places[i];

        if (before->nearest > place->nearest)
            place->nearest = before->nearest;
        if (before->unsized.name)
            improve(&place->unsized, before->unsized.name, before->unsized.start,
                    before->unsized.rank);
    }
}

/* Whether START and OFFSET lie in one section. */
static bool same_section(Dwfl_Module *module, uint64_t start, uint64_t offset)
{
    Dwarf_Addr a = start, b = offset;
    GElf_Addr bias;
    Elf_Scn *section = dwfl_module_address_section(module, &a, &bias);

    return section && section == dwfl_module_address_section(module, &b, &bias);
}

static struct seep_error *take_names(Dwfl_Module *module, const struct table *table, char **names)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct place *place = &table->places[i];
        const char *name = place->sized.name;

        if (!name && place->unsized.name && place->unsized.start == place->nearest &&
            same_section(module, place->unsized.start, table->offsets[i]))
            name = place->unsized.name;
        if (!name)
            continue;

        /* .symtab spells the version behind the name: memcpy@@GLIBC_2.14. */
        size_t len = strnlen(name, SYMBOLS_MAX_TEXT);
        const char *at = memchr(name + 1, '@', len - 1);

        names[i] = strndup(name, at ? (size_t)(at - name) : len);
        if (!names[i])
            return error_no_memory();
    }
    return NULL;
}

static struct seep_error *read_table(Dwfl_Module *module, struct table *table, char **names)
{
    int symbols = dwfl_module_getsymtab(module);

    for (int i = 1; i < symbols; i++) {
        GElf_Sym symbol;
        GElf_Addr start;
        GElf_Word section = SHN_UNDEF;
        const char *name =
            dwfl_module_getsym_info(module, i, &symbol, &start, &section, NULL, NULL);

        if (can_be_code(&symbol, section, name))
            look_at(table, &symbol, start, name);
    }
    carry_on(table);
    return take_names(module, table, names);
}

struct seep_error *symbol_table_names(const struct debug_files *files, const uint64_t *offsets,
                                      size_t count, char **names)
{
    static const Dwfl_Callbacks callbacks = {
        .find_elf = no_elf,
        .find_debuginfo = give_debug,
        .section_address = dwfl_offline_section_address,
    };
    struct table table = {
        .offsets = offsets,
        .count = count,
        .places = calloc(count + 1, sizeof(*table.places)),
    };
    Dwfl *dwfl = table.places ? dwfl_begin(&callbacks) : NULL;
    Dwfl_Module *module = dwfl ? report(dwfl, files) : NULL;
    struct seep_error *err = module ? read_table(module, &table, names) : NULL;

    if (!table.places)
        err = error_no_memory();
    if (dwfl)
        dwfl_end(dwfl);
    free(table.places);
    return err;
}
