#include "stacks/debug_fetch.h"

#include <dlfcn.h>
#include <elfutils/debuginfod.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"

enum { TELL_EVERY_NS = NS_PER_S / 5 };

typedef int find_function(debuginfod_client *client, const unsigned char *build_id, int len,
                          char **path);

struct debug_fetch {
    uint64_t deadline_ns, told_ns;
    void (*waiting)(const char *text, void *context);
    void *context;
    const char *name; /* of the module whose file is being fetched */
    bool tried, given_up;
    char *trouble;

    void *library;
    debuginfod_client *client;
    __typeof__(debuginfod_end) *end;
    find_function *find_debug, *find_code;
};

/* The client's callback has no other way to know, in the oldest of its versions. */
static struct debug_fetch *asking;

bool debug_fetch_wanted(void)
{
    const char *urls = getenv(DEBUGINFOD_URLS_ENV_VAR);

    return urls && urls[strspn(urls, " \t\n")];
}

struct debug_fetch *debug_fetch_create(uint64_t deadline_ns,
                                       void (*waiting)(const char *text, void *context),
                                       void *context)
{
    struct debug_fetch *fetch = calloc(1, sizeof(*fetch));

    if (!fetch)
        return NULL;
    fetch->deadline_ns = deadline_ns;
    fetch->waiting = waiting;
    fetch->context = context;
    return fetch;
}

void debug_fetch_destroy(struct debug_fetch *fetch)
{
    if (!fetch)
        return;
    if (fetch->client)
        fetch->end(fetch->client);
    if (fetch->library)
        dlclose(fetch->library);
    free(fetch->trouble);
    free(fetch);
}

static void give_up(struct debug_fetch *fetch, const char *why)
{
    fetch->given_up = true;
    free(fetch->trouble);
    if (asprintf(&fetch->trouble, "debuginfod is not asked any more: %s", why) < 0)
        fetch->trouble = NULL;
}

static void tell(struct debug_fetch *fetch, long done, long whole)
{
    struct units_text have, all;
    char *text = NULL;
    int len;

    if (done > 0 && whole >= done)
        len = asprintf(&text, "fetching debug information of %s: %s of %s", fetch->name,
                       units_format_size(&have, (uint64_t)done),
                       units_format_size(&all, (uint64_t)whole));
    else
        len = asprintf(&text, "asking debuginfod for %s", fetch->name);
    if (len >= 0) {
        fetch->waiting(text, fetch->context);
        free(text);
    }
}

/* The client calls it again and again while it waits; other than 0 ends the transfer. */
static int progress(debuginfod_client *client, long done, long whole)
{
    struct debug_fetch *fetch = asking;
    uint64_t now = units_monotonic_ns();

    (void)client;
    if (now >= fetch->deadline_ns)
        return 1;
    if (now - fetch->told_ns >= TELL_EVERY_NS) {
        fetch->told_ns = now;
        tell(fetch, done, whole);
    }
    return 0;
}

static bool load(struct debug_fetch *fetch)
{
    __typeof__(debuginfod_begin) *create;
    __typeof__(debuginfod_set_progressfn) *set_progress;

    fetch->library = dlopen(DEBUGINFOD_SONAME, RTLD_NOW | RTLD_LOCAL);
    if (!fetch->library)
        return false;
    create = dlsym(fetch->library, "debuginfod_begin");
    set_progress = dlsym(fetch->library, "debuginfod_set_progressfn");
    fetch->end = dlsym(fetch->library, "debuginfod_end");
    fetch->find_debug = dlsym(fetch->library, "debuginfod_find_debuginfo");
    fetch->find_code = dlsym(fetch->library, "debuginfod_find_executable");
    if (!create || !set_progress || !fetch->end || !fetch->find_debug || !fetch->find_code)
        return false;
    fetch->client = create();
    if (!fetch->client)
        return false;
    set_progress(fetch->client, progress);
    return true;
}

static bool ready(struct debug_fetch *fetch)
{
    if (!fetch->tried && !load(fetch))
        give_up(fetch, DEBUGINFOD_SONAME " cannot be loaded");
    fetch->tried = true;
    return !fetch->given_up;
}

static int find(struct debug_fetch *fetch, bool code, const uint8_t *build_id, size_t len,
                const char *name)
{
    if (!ready(fetch) || len == 0 || len > INT_MAX)
        return -1;
    fetch->name = name;
    fetch->told_ns = units_monotonic_ns();
    tell(fetch, 0, 0);
    asking = fetch;

    int fd = (code ? fetch->find_code : fetch->find_debug)(fetch->client, build_id, (int)len, NULL);

    asking = NULL;
    if (fd >= 0)
        return fd;
    if (units_monotonic_ns() >= fetch->deadline_ns)
        give_up(fetch, "time ran out");
    else if (fd != -ENOENT)
        give_up(fetch, strerror(-fd));
    return -1;
}

int debug_fetch_debug(struct debug_fetch *fetch, const uint8_t *build_id, size_t len,
                      const char *name)
{
    return find(fetch, false, build_id, len, name);
}

int debug_fetch_code(struct debug_fetch *fetch, const uint8_t *build_id, size_t len,
                     const char *name)
{
    return find(fetch, true, build_id, len, name);
}

char *debug_fetch_trouble(struct debug_fetch *fetch)
{
    return take_ptr(fetch->trouble);
}
