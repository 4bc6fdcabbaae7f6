#include "content/timestamp_forms.h"

#include "base/units.h"

/* From 1601-01-01 and from 1582-10-15 to 1970, in 100 ns. */
#define FILETIME_EPOCH UINT64_C(116444736000000000)
#define UUID1_EPOCH    UINT64_C(122192928000000000)

enum { TICK_NS = 100, SNOWFLAKE_SHIFT = 22 };

/* Twitter's (2010-11-04) and Discord's (2015-01-01), in ms. */
static const uint64_t snowflake_epochs[TIMESTAMPS_SNOWFLAKE_EPOCHS] = {UINT64_C(1288834974657),
                                                                       UINT64_C(1420070400000)};

static const struct timestamp_window none = {1, 0};

const char *timestamps_form_name(enum timestamps_form form)
{
    static const char *const names[] = {
        [TIMESTAMPS_EPOCH_S] = "epoch-s",
        [TIMESTAMPS_EPOCH_MS] = "epoch-ms",
        [TIMESTAMPS_EPOCH_US] = "epoch-us",
        [TIMESTAMPS_EPOCH_NS] = "epoch-ns",
        [TIMESTAMPS_ISO8601] = "iso8601",
        [TIMESTAMPS_RFC2822] = "rfc2822",
        [TIMESTAMPS_SYSLOG] = "syslog",
        [TIMESTAMPS_COMMON_LOG] = "common-log",
        [TIMESTAMPS_WORDS] = "words",
        [TIMESTAMPS_PYTHON] = "python",
        [TIMESTAMPS_UUID] = "uuid",
        [TIMESTAMPS_SNOWFLAKE] = "snowflake",
        [TIMESTAMPS_BINARY_MS] = "binary-ms",
        [TIMESTAMPS_BINARY_NS] = "binary-ns",
        [TIMESTAMPS_BINARY_BE_MS] = "binary-be-ms",
        [TIMESTAMPS_BINARY_BE_NS] = "binary-be-ns",
        [TIMESTAMPS_BINARY_S_NS] = "binary-s-ns",
        [TIMESTAMPS_BINARY_FILETIME] = "binary-filetime",
        [TIMESTAMPS_BINARY_UUID] = "binary-uuid",
        [TIMESTAMPS_BINARY_SNOWFLAKE] = "binary-snowflake",
    };

    return form < TIMESTAMPS_FORM_COUNT ? names[form] : "unknown";
}

/* WINDOW, of nanoseconds, in units of UNIT_NS; a short one may hold none. */
static struct timestamp_window in_units(const struct timestamp_window *ns, uint64_t unit_ns)
{
    return (struct timestamp_window){ns->first / unit_ns + (ns->first % unit_ns != 0),
                                     ns->last / unit_ns};
}

static struct timestamp_window shifted(struct timestamp_window window, uint64_t by)
{
    if (window.first > window.last)
        return none;
    return (struct timestamp_window){window.first + by, window.last + by};
}

static struct timestamp_window snowflakes(const struct timestamp_window *ms, uint64_t epoch)
{
    const uint64_t most = UINT64_MAX >> (SNOWFLAKE_SHIFT + 1);
    uint64_t first, last;

    if (ms->first > ms->last || ms->last <= epoch)
        return none;
    first = ms->first > epoch ? ms->first - epoch : 1;
    last = ms->last - epoch;
    if (first > most)
        return none;
    if (last > most)
        last = most;
    return (struct timestamp_window){first << SNOWFLAKE_SHIFT, ((last + 1) << SNOWFLAKE_SHIFT) - 1};
}

void timestamp_windows_init(struct timestamp_windows *ret_windows,
                            const struct timestamps_options *options)
{
    struct timestamp_windows windows = {.ns = {options->first_ns, options->last_ns}};

    windows.s = in_units(&windows.ns, NS_PER_S);
    windows.ms = in_units(&windows.ns, NS_PER_MS);
    windows.filetime = shifted(in_units(&windows.ns, TICK_NS), FILETIME_EPOCH);
    windows.uuid1 = shifted(in_units(&windows.ns, TICK_NS), UUID1_EPOCH);
    for (size_t i = 0; i < TIMESTAMPS_SNOWFLAKE_EPOCHS; i++)
        windows.snowflake[i] = snowflakes(&windows.ms, snowflake_epochs[i]);
    *ret_windows = windows;
}

uint64_t timestamp_of_filetime(uint64_t filetime)
{
    return (filetime - FILETIME_EPOCH) * TICK_NS;
}

uint64_t timestamp_of_uuid1(uint64_t time)
{
    return (time - UUID1_EPOCH) * TICK_NS;
}

uint64_t timestamp_of_snowflake(uint64_t id, size_t epoch)
{
    return ((id >> SNOWFLAKE_SHIFT) + snowflake_epochs[epoch]) * NS_PER_MS;
}
