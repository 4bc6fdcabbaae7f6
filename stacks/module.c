#include "stacks/module.h"

#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <sys/tree.h>

#include "base/vector.h"
#include "evidence/event.h"
#include "stacks/cfi.h"
#include "stacks/elf_image.h"

/* What makes it the same file, unchanged; of files that cannot be opened only the path. */
struct key {
    uint64_t dev, ino, size;
    struct statx_timestamp mtime, ctime;
};

/* A copy of a piece of a file that is mapped as code. */
struct code {
    uint64_t offset, len;
    uint8_t *bytes;
};

struct module {
    RB_ENTRY(module) by_key;
    struct module *next_image; /* images are in a list of their own */
    TAILQ_ENTRY(module) waiting;
    struct modules *modules;
    uint32_t serial;
    struct key key;
    struct elf_source source; /* FD -1 and no BYTES: there is nothing to read */
    uint8_t *bytes;

    pthread_mutex_t lock; /* of loading; what follows is written under it, once */
    atomic_bool loaded;
    struct stack_module identity;
    char *gap_text;
    struct elf_image image;
    struct elf_span symbols, symbol_names; /* of an image in memory */
    bool is_elf;
    const struct cfi *cfi;
    VECTOR(struct code) code; /* of a file, which is closed again */
};

struct tables {
    struct tables *next;
    struct cfi *cfi;
    uint8_t build_id[STACK_BUILD_ID_BYTES];
    uint8_t build_id_len;
};

RB_HEAD(module_tree, module);

struct modules {
    pthread_mutex_t lock; /* of all that follows */
    struct module_tree tree;
    struct module *images;
    struct tables *tables;
    size_t table_bytes, code_bytes;
    TAILQ_HEAD(, module) waiting; /* to be read */
    unsigned waiting_count;
};

/* --- the registry --- */

static int compare_times(const struct statx_timestamp *x, const struct statx_timestamp *y)
{
    if (x->tv_sec != y->tv_sec)
        return x->tv_sec < y->tv_sec ? -1 : 1;
    return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

static int compare(const struct module *a, const struct module *b)
{
    const struct key *x = &a->key, *y = &b->key;

    if (x->ino != y->ino)
        return x->ino < y->ino ? -1 : 1;
    if (x->dev != y->dev)
        return x->dev < y->dev ? -1 : 1;
    if (x->size != y->size)
        return x->size < y->size ? -1 : 1;

    int order = compare_times(&x->mtime, &y->mtime);

    if (order == 0)
        order = compare_times(&x->ctime, &y->ctime);
    return order ? order : strcmp(a->identity.path, b->identity.path);
}

RB_GENERATE_INTERNAL(module_tree, module, by_key, compare, __attribute__((unused)) static)

struct seep_error *modules_create(struct modules **ret_modules)
{
    struct modules *modules = calloc(1, sizeof(*modules));

    if (!modules)
        return error_no_memory();
    RB_INIT(&modules->tree);
    TAILQ_INIT(&modules->waiting);
    pthread_mutex_init(&modules->lock, NULL);
    *ret_modules = modules;
    return NULL;
}

static void module_destroy(struct module *module)
{
    if (!module)
        return;
    if (module->source.fd >= 0)
        close(module->source.fd);
    for (size_t i = 0; i < module->code.count; i++)
        free(module->code.items[i].bytes);
    vector_deinit(&module->code);
    pthread_mutex_destroy(&module->lock);
    free(module->bytes);
    free(module->identity.path);
    free(module->gap_text);
    free(module);
}
DEFINE_CLEANUP(struct module *, module_destroy);

void modules_destroy(struct modules *modules)
{
    if (!modules)
        return;
    for (struct module *module; (module = RB_MIN(module_tree, &modules->tree));) {
        RB_REMOVE(module_tree, &modules->tree, module);
        module_destroy(module);
    }
    for (struct module *module; (module = modules->images);) {
        modules->images = module->next_image;
        module_destroy(module);
    }
    for (struct tables *tables; (tables = modules->tables);) {
        modules->tables = tables->next;
        cfi_destroy(tables->cfi);
        free(tables);
    }
    pthread_mutex_destroy(&modules->lock);
    free(modules);
}

static struct seep_error *module_create(struct modules *modules, const char *path,
                                        struct module **ret_module)
{
    static _Atomic uint32_t last_serial;
    struct module *module = calloc(1, sizeof(*module));
    const char *slash = strrchr(path, '/');

    if (!module)
        return error_no_memory();
    module->modules = modules;
    module->serial = (atomic_fetch_add(&last_serial, 1) + 1) | UINT32_C(1) << 31;
    module->source.fd = -1;
    pthread_mutex_init(&module->lock, NULL);
    module->identity.path = strdup(path);
    if (asprintf(&module->gap_text, "a frame may be missing here: no unwind table in %s",
                 slash && slash[1] ? slash + 1 : path) < 0)
        module->gap_text = NULL;
    if (!module->identity.path || !module->gap_text) {
        module_destroy(module);
        return error_no_memory();
    }
    *ret_module = module;
    return NULL;
}

struct seep_error *modules_add(struct modules *modules, const char *path, int fd,
                               struct module **ret_module)
{
    _cleanup_close_ int owned = fd;
    _cleanup_(module_destroyp) struct module *module = NULL;
    struct seep_error *err = module_create(modules, path, &module);
    struct statx st;

    if (err)
        return err;
    /* Whoever serves the file system need not be asked, and may be standing still. Reading anything but a
     * plain file could wait, or change something. */
    if (owned >= 0 &&
        statx(owned, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &st) == 0 &&
        S_ISREG(st.stx_mode)) {
        module->key = (struct key){(uint64_t)st.stx_dev_major << 32 | st.stx_dev_minor, st.stx_ino,
                                   st.stx_size, st.stx_mtime, st.stx_ctime};
        module->source.len = st.stx_size;
        module->source.fd = take_fd(&owned);
    }
    pthread_mutex_lock(&modules->lock);

    struct module *found = RB_INSERT(module_tree, &modules->tree, module);

    if (!found) {
        found = take_ptr(module);
        if (found->source.fd >= 0 && modules->waiting_count == MODULES_MAX_DESCRIPTORS) {
            close(take_fd(&found->source.fd));
        } else if (found->source.fd >= 0) {
            TAILQ_INSERT_TAIL(&modules->waiting, found, waiting);
            modules->waiting_count++;
        }
    }
    pthread_mutex_unlock(&modules->lock);
    *ret_module = found;
    return NULL;
}

struct seep_error *modules_add_image(struct modules *modules, const char *name, const void *bytes,
                                     size_t len, struct module **ret_module)
{
    _cleanup_(module_destroyp) struct module *module = NULL;
    struct seep_error *err = module_create(modules, name, &module);
    struct module *found;

    if (err)
        return err;
    module->bytes = malloc(len ? len : 1);
    if (!module->bytes)
        return error_no_memory();
    memcpy(module->bytes, bytes, len);
    module->source.bytes = module->bytes;
    module->source.len = len;
    pthread_mutex_lock(&modules->lock);
    for (found = modules->images; found; found = found->next_image)
        if (found->source.len == len && memcmp(found->bytes, bytes, len) == 0 &&
            strcmp(found->identity.path, name) == 0)
            break;
    if (!found) {
        found = take_ptr(module);
        found->next_image = modules->images;
        modules->images = found;
    }
    pthread_mutex_unlock(&modules->lock);
    *ret_module = found;
    return NULL;
}

/* --- loading --- */

static void read_section(const struct elf_image *image, struct elf_span span, uint64_t max_len,
                         struct cfi_section *ret_section)
{
    size_t len = (size_t)(span.len < max_len ? span.len : max_len);
    uint8_t *bytes = len ? malloc(len) : NULL;

    if (!bytes)
        return;
    *ret_section =
        (struct cfi_section){.bytes = bytes,
                             .len = elf_source_read(&image->source, span.offset, bytes, len),
                             .address = span.address};
}

static bool read_tables(const struct elf_image *image, struct cfi_input *ret_input)
{
    struct cfi_input input = {.address_bytes = image->address_bytes, .code_start = UINT64_MAX};
    struct elf_span span;
    bool exact = true;

    if (image->machine == EM_X86_64)
        input.abi = EVENT_ABI_X86_64;
    else if (image->machine == EM_386 && image->address_bytes == 4)
        input.abi = EVENT_ABI_I386;
    else
        return false;
    for (size_t i = 0; i < image->segment_count; i++) {
        const struct elf_span *code = &image->segments[i].span;

        if (!image->segments[i].executable)
            continue;
        if (code->address < input.code_start)
            input.code_start = code->address;
        if (code->address + code->len > input.code_end)
            input.code_end = code->address + code->len;
    }
    if (elf_image_eh_frame(image, &span, &exact))
        read_section(image, span, CFI_MAX_SECTION_BYTES, &input.eh_frame);
    input.eh_frame.ends_at_zero = !exact;
    if (elf_image_section(image, ".debug_frame", &span))
        read_section(image, span, CFI_MAX_SECTION_BYTES - input.eh_frame.len, &input.debug_frame);
    *ret_input = input;
    return true;
}

/* Equal tables of files with one build-id: the bytes are compared too, since anyone can write another
 * file's build-id into his. */
static const struct cfi *find_tables(struct modules *modules, const struct stack_module *identity,
                                     const struct cfi_input *input)
{
    for (struct tables *t = modules->tables; t; t = t->next)
        if (t->build_id_len == identity->build_id_len && t->build_id_len > 0 &&
            memcmp(t->build_id, identity->build_id, t->build_id_len) == 0 &&
            cfi_is_of(t->cfi, input))
            return t->cfi;
    return NULL;
}

/* Takes CFI over. NULL: there is no room for it. */
static const struct cfi *keep_tables(struct modules *modules, const struct stack_module *identity,
                                     struct cfi *cfi)
{
    struct tables *tables = calloc(1, sizeof(*tables));
    bool fits;

    pthread_mutex_lock(&modules->lock);
    fits = tables && cfi_bytes(cfi) <= MODULES_MAX_TABLE_BYTES - modules->table_bytes;
    if (fits) {
        modules->table_bytes += cfi_bytes(cfi);
        tables->cfi = cfi;
        memcpy(tables->build_id, identity->build_id, sizeof(tables->build_id));
        tables->build_id_len = identity->build_id_len;
        tables->next = modules->tables;
        modules->tables = tables;
    }
    pthread_mutex_unlock(&modules->lock);
    if (fits)
        return cfi;
    cfi_destroy(cfi);
    free(tables);
    return NULL;
}

static const struct cfi *load_tables(struct modules *modules, const struct stack_module *identity,
                                     const struct elf_image *image)
{
    struct cfi_input input;
    const struct cfi *known;
    struct cfi *cfi = NULL;

    if (!read_tables(image, &input))
        return NULL;
    pthread_mutex_lock(&modules->lock);
    known = find_tables(modules, identity, &input);
    pthread_mutex_unlock(&modules->lock);
    if (known) {
        free(input.eh_frame.bytes);
        free(input.debug_frame.bytes);
        return known;
    }
    error_destroy(cfi_create(&input, &cfi));
    return cfi ? keep_tables(modules, identity, cfi) : NULL;
}

/* False: there is no room for LEN bytes of code of a module that has USED already. */
static bool take_room(struct modules *modules, uint64_t used, uint64_t len)
{
    bool fits;

    pthread_mutex_lock(&modules->lock);
    fits = len <= MODULES_MAX_MODULE_CODE_BYTES - used &&
           len <= MODULES_MAX_CODE_BYTES - modules->code_bytes;
    if (fits)
        modules->code_bytes += len;
    pthread_mutex_unlock(&modules->lock);
    return fits;
}

static void copy_code(struct module *module)
{
    const struct elf_image *image = &module->image;
    uint64_t used = 0;

    for (size_t i = 0; i < image->segment_count; i++) {
        const struct elf_span *span = &image->segments[i].span;
        struct code code = {.offset = span->offset};

        if (!image->segments[i].executable || span->len == 0 ||
            !take_room(module->modules, used, span->len))
            continue;
        used += span->len;
        code.bytes = malloc(span->len);
        if (!code.bytes)
            return;
        code.len = elf_source_read(&module->source, span->offset, code.bytes, span->len);

        struct seep_error *err = vector_push(&module->code, code);

        if (err)
            free(code.bytes);
        error_destroy(err);
    }
}

/* The descriptor may be one that only holds the file (O_PATH). */
static void open_held(struct module *module)
{
    char path[32];
    int fd;

    snprintf(path, sizeof(path), "/proc/self/fd/%d", module->source.fd);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return;
    close(module->source.fd);
    module->source.fd = fd;
}

static void read_module(struct module *module)
{
    struct stack_module *identity = &module->identity;

    if (!module->source.bytes && module->source.fd < 0)
        return;
    if (!module->source.bytes)
        open_held(module);
    module->is_elf = elf_image_open(&module->source, &module->image);
    if (!module->is_elf)
        return;
    if (module->bytes) {
        elf_image_section(&module->image, ".dynsym", &module->symbols);
        elf_image_section(&module->image, ".dynstr", &module->symbol_names);
    }
    identity->build_id_len =
        (uint8_t)elf_image_build_id(&module->image, identity->build_id, sizeof(identity->build_id));
    module->cfi = load_tables(module->modules, identity, &module->image);
    if (!module->bytes)
        copy_code(module);
}

static void load(struct module *module)
{
    if (atomic_load_explicit(&module->loaded, memory_order_acquire))
        return;
    pthread_mutex_lock(&module->lock);
    if (!atomic_load_explicit(&module->loaded, memory_order_relaxed)) {
        read_module(module);
        /* An open file is memory that the target cannot give back, or a mount that cannot go. */
        if (module->source.fd >= 0)
            close(take_fd(&module->source.fd));
        atomic_store_explicit(&module->loaded, true, memory_order_release);
    }
    pthread_mutex_unlock(&module->lock);
}

bool modules_load_next(struct modules *modules)
{
    struct module *module;

    pthread_mutex_lock(&modules->lock);
    module = TAILQ_FIRST(&modules->waiting);
    if (module) {
        TAILQ_REMOVE(&modules->waiting, module, waiting);
        modules->waiting_count--;
    }
    pthread_mutex_unlock(&modules->lock);
    if (module)
        load(module);
    return module != NULL;
}

/* --- what it says --- */

const struct stack_module *module_identity(struct module *module)
{
    load(module);
    return &module->identity;
}

bool module_offset(struct module *module, uint64_t file_offset, uint64_t *ret_offset)
{
    load(module);
    return module->is_elf && elf_image_address(&module->image, file_offset, ret_offset);
}

size_t module_read_code(struct module *module, uint64_t offset, void *bytes, size_t len)
{
    uint64_t at, here;

    load(module);
    if (!module->is_elf || !elf_image_offset(&module->image, offset, &at, &here))
        return 0;
    if (len > here)
        len = (size_t)here;
    if (module->source.bytes)
        return elf_source_read(&module->source, at, bytes, len);
    for (size_t i = 0; i < module->code.count; i++) {
        const struct code *code = &module->code.items[i];

        if (at < code->offset || at - code->offset >= code->len)
            continue;
        if (len > code->len - (at - code->offset))
            len = (size_t)(code->len - (at - code->offset));
        memcpy(bytes, code->bytes + (at - code->offset), len);
        return len;
    }
    return 0;
}

const struct cfi *module_cfi(struct module *module)
{
    load(module);
    return module->cfi;
}

/* The symbol number AT; false: it is no function. */
static bool read_symbol(const struct module *module, size_t at, Elf64_Sym *ret_symbol)
{
    const uint8_t *bytes = module->bytes + module->symbols.offset;
    Elf32_Sym small;

    if (module->image.address_bytes == 8) {
        memcpy(ret_symbol, bytes + at * sizeof(*ret_symbol), sizeof(*ret_symbol));
    } else {
        memcpy(&small, bytes + at * sizeof(small), sizeof(small));
        *ret_symbol = (Elf64_Sym){.st_name = small.st_name,
                                  .st_value = small.st_value,
                                  .st_size = small.st_size,
                                  .st_info = small.st_info,
                                  .st_shndx = small.st_shndx};
    }
    return ELF64_ST_TYPE(ret_symbol->st_info) == STT_FUNC && ret_symbol->st_shndx != SHN_UNDEF;
}

char *module_function(struct module *module, uint64_t offset)
{
    Elf64_Sym symbol;
    size_t each;

    load(module);
    each = module->image.address_bytes == 8 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
    for (size_t i = 0; i < module->symbols.len / each; i++) {
        if (!read_symbol(module, i, &symbol) || offset - symbol.st_value >= symbol.st_size ||
            symbol.st_name >= module->symbol_names.len)
            continue;

        char *name = (char *)module->bytes + module->symbol_names.offset + symbol.st_name;

        if (memchr(name, '\0', module->symbol_names.len - symbol.st_name))
            return *name ? name : NULL;
    }
    return NULL;
}

uint64_t module_entry(struct module *module)
{
    load(module);
    return module->is_elf ? module->image.entry : 0;
}

char *module_gap_text(struct module *module)
{
    return module->gap_text;
}

uint32_t module_serial(const struct module *module)
{
    return module->serial;
}
