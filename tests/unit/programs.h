/*
 * Programs that are compiled while a test runs, and what is known of places in them:
 *
 *     struct programs p;
 *     programs_init(&p);                                       a directory; skips without a compiler
 *     programs_put(&p, "a.c", "int main(void) ...");
 *     programs_run(&p, "cc -g -O2 -o a a.c");                  in that directory
 *     programs_resolve(&p, "a", programs_symbol(&p, "a", "main"), NULL);
 *     assert_string_equal(p.places[0].lines.items[0].function, "main");
 *     programs_deinit(&p);
 *
 * Included after cmocka.h; a failure here fails the test.
 */
#pragma once

#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stacks/symbols.h"
#include "tests/unit/temporary.h"

struct programs {
    struct temporary directory;
    struct stack_module module; /* what programs_resolve asks about */
    struct symbols_place *places;
    size_t count;
    struct symbols_troubles troubles;
    uint64_t limit_ns;
};

static inline bool programs_have(const char *tool)
{
    char command[256];

    snprintf(command, sizeof(command), "command -v %s >/dev/null 2>&1", tool);
    return system(command) == 0;
}

/* Skips the test when TOOL is missing. */
static inline void programs_need(const char *tool)
{
    if (!programs_have(tool)) {
        print_message("%s is missing\n", tool);
        skip();
    }
}

static inline void programs_init(struct programs *p)
{
    *p = (struct programs){0};
    programs_need("cc");
    programs_need("objcopy");
    programs_need("nm");
    unsetenv("DEBUGINFOD_URLS");
    elf_version(EV_CURRENT);
    temporary_init(&p->directory);
}

static inline void programs_forget(struct programs *p)
{
    for (size_t i = 0; i < p->count; i++)
        symbols_place_deinit(&p->places[i]);
    free(p->places);
    p->places = NULL;
    p->count = 0;
    symbols_troubles_deinit(&p->troubles);
}

static inline void programs_deinit(struct programs *p)
{
    programs_forget(p);
    free(p->module.path);
    temporary_deinit(&p->directory);
}

static inline void programs_put(struct programs *p, const char *name, const char *text)
{
    temporary_put(&p->directory, name, text, strlen(text));
}

/* A command of the shell, in the directory; other than 0 fails the test. */
static inline void programs_run(struct programs *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline void programs_run(struct programs *p, const char *format, ...)
{
    _cleanup_buffer_ struct buffer command = {0};
    va_list arguments;

    buffer_printf(&command, "cd %s && { ", p->directory.path);
    va_start(arguments, format);
    buffer_vprintf(&command, format, arguments);
    va_end(arguments);
    buffer_printf(&command, "; } >log 2>&1");
    assert_false(command.failed);
    if (system(command.bytes) != 0) {
        print_error("%s\n", command.bytes);
        fail();
    }
}

/* What COMMAND prints. */
static inline void programs_output(struct programs *p, struct buffer *text, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static inline void programs_output(struct programs *p, struct buffer *text, const char *format, ...)
{
    _cleanup_buffer_ struct buffer command = {0};
    char bytes[4096];
    va_list arguments;

    buffer_printf(&command, "cd %s && { ", p->directory.path);
    va_start(arguments, format);
    buffer_vprintf(&command, format, arguments);
    va_end(arguments);
    buffer_printf(&command, "; } 2>/dev/null");

    FILE *out = popen(command.bytes, "r");

    assert_non_null(out);
    for (size_t got; (got = fread(bytes, 1, sizeof(bytes), out)) > 0;)
        buffer_bytes(text, bytes, got);
    pclose(out);
    buffer_bytes(text, "", 1);
    assert_false(text->failed);
}

/* Sets the module to the file as it is now: its path and build-id. */
static inline void programs_record(struct programs *p, const char *name)
{
    char path[256];
    const void *id = NULL;

    snprintf(path, sizeof(path), "%s/%s", p->directory.path, name);
    free(p->module.path);
    p->module = (struct stack_module){.path = strdup(path)};

    int fd = open(path, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);

    Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
    ssize_t len = dwelf_elf_gnu_build_id(elf, &id);

    if (len > 0) {
        memcpy(p->module.build_id, id, (size_t)len);
        p->module.build_id_len = (uint8_t)len;
    }
    elf_end(elf);
    close(fd);
}

/* The address and size of a symbol; its name as it is in the file. */
static inline uint64_t programs_symbol_size(struct programs *p, const char *file, const char *name,
                                            uint64_t *ret_size)
{
    _cleanup_buffer_ struct buffer text = {0};
    uint64_t address = 0, size = 0;

    programs_output(p, &text, "nm -S %s | grep -E ' %s$' | head -1", file, name);
    if (sscanf(text.bytes, "%" SCNx64 " %" SCNx64, &address, &size) < 1) {
        print_error("no symbol %s in %s\n", name, file);
        fail();
    }
    if (ret_size)
        *ret_size = size;
    return address;
}

static inline uint64_t programs_symbol(struct programs *p, const char *file, const char *name)
{
    return programs_symbol_size(p, file, name, NULL);
}

/* Resolves COUNT places from OFFSET on, in the module as recorded. DEBUG_DIR is in the directory, NULL
 * for one that is not there. */
static inline void programs_resolve(struct programs *p, uint64_t offset, size_t count,
                                    const char *debug_dir)
{
    char debug_path[256];

    programs_forget(p);
    snprintf(debug_path, sizeof(debug_path), "%s/%s", p->directory.path,
             debug_dir ? debug_dir : "nowhere");
    p->places = calloc(count + 1, sizeof(*p->places));
    assert_non_null(p->places);
    p->count = count;
    for (size_t i = 0; i < count; i++)
        p->places[i] = (struct symbols_place){.module = &p->module, .offset = offset + i};
    must(symbols_resolve(
        p->places, count,
        &(struct symbols_options){.debug_dirs = (const char *const[]){debug_path, NULL},
                                  .limit_ns = p->limit_ns},
        &p->troubles));
}

/* The outermost function at the first place. */
static inline const char *programs_function(const struct programs *p)
{
    const struct symbols_lines *lines = &p->places[0].lines;

    return lines->count ? lines->items[lines->count - 1].function : NULL;
}

/* That FUNCTION, NULL none, and a line or none, are known of the first place. */
static inline void programs_expect(const struct programs *p, const char *function, bool line)
{
    const struct symbols_lines *lines = &p->places[0].lines;
    const char *found = programs_function(p);

    for (size_t i = 0; i < p->troubles.count && (!found != !function); i++)
        print_message("%s\n", p->troubles.items[i]);
    if (!function) {
        assert_null(found);
        return;
    }
    assert_non_null(found);
    assert_string_equal(found, function);
    assert_int_equal(lines->items[lines->count - 1].line > 0, line);
    assert_int_equal(lines->items[lines->count - 1].file != NULL, line);
}

/* That there is one trouble with TEXT in it, or none for NULL. */
static inline void programs_expect_trouble(const struct programs *p, const char *text)
{
    size_t with = 0;

    for (size_t i = 0; i < p->troubles.count; i++)
        with += text && strstr(p->troubles.items[i], text);
    for (size_t i = 0; i < p->troubles.count && (with != 1 || p->troubles.count != 1); i++)
        print_message("%s\n", p->troubles.items[i]);
    assert_int_equal(p->troubles.count, text ? 1 : 0);
    assert_int_equal(with, text ? 1 : 0);
}
