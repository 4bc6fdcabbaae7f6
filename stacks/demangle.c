#include "stacks/demangle.h"

#include <setjmp.h>
#include <string.h>

#include <libiberty/demangle.h>

struct printed {
    struct buffer text;
    jmp_buf too_long;
};

/* Nothing else stops a printer: dropping what it says would let it go on for years. The demanglers hold
 * no memory while they print, but that of a Rust identifier in Punycode. */
static void take(const char *text, size_t len, void *opaque)
{
    struct printed *printed = opaque;

    if (len >= DEMANGLE_MAX_BYTES - printed->text.len)
        longjmp(printed->too_long, 1);
    buffer_bytes(&printed->text, text, len);
}

static bool print(const char *name, struct printed *printed)
{
    if (setjmp(printed->too_long))
        return false;
    /* Rust's legacy names are C++ names too: it is asked first. It prints before it knows the whole. */
    if (rust_demangle_callback(name, DMGL_PARAMS, take, printed))
        return printed->text.len && !printed->text.failed;
    buffer_clear(&printed->text);

    /* libiberty's own limit leaves names from 1 KiB on as they are, which templates often have. Without
     * it the longest name here takes 2.5 MiB of stack; printing keeps a limit of its own. */
    const int options = DMGL_PARAMS | DMGL_ANSI | DMGL_RET_DROP | DMGL_NO_RECURSE_LIMIT;

    return cplus_demangle_v3_callback(name, options, take, printed) && printed->text.len &&
           !printed->text.failed;
}

char *demangle_name(const char *name)
{
    struct printed printed = {0};

    if (name[0] != '_' || strnlen(name, DEMANGLE_MAX_BYTES) == DEMANGLE_MAX_BYTES)
        return NULL;
    if (print(name, &printed))
        return printed.text.bytes;
    buffer_deinit(&printed.text);
    return NULL;
}
