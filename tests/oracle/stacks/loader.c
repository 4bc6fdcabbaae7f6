/*
 * Opens each library named, lets it work, and closes it, so that the next one may take its place:
 *
 *     loader first.so second.so -third.so        the one with "-" is deleted once it is open
 */
#include "mark.h"

#include <dlfcn.h>
#include <unistd.h>

volatile int mark_count;

static NOINLINE void use(const char *path, int is_deleted, int n)
{
    void *library = dlopen(path, RTLD_LAZY);
    void (*work)(int) = library ? (void (*)(int))dlsym(library, "plugin_work") : NULL;

    if (!work || (is_deleted && unlink(path) != 0))
        abort();
    work(n);
    dlclose(library);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        use(argv[i] + (argv[i][0] == '-'), argv[i][0] == '-', 2 * i);
    return 0;
}
