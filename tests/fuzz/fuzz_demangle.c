/* Any bytes as a mangled name: what comes out is bounded. */
#include <stdlib.h>
#include <string.h>

#include "stacks/demangle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *name = strndup((const char *)data, size);
    char *demangled = name ? demangle_name(name) : NULL;

    if (demangled && (!*demangled || strlen(demangled) >= DEMANGLE_MAX_BYTES))
        abort();
    free(demangled);
    free(name);
    return 0;
}
