/* Who the processes are whose pid no file tells. */
#include <string.h>

#include "base/buffer.h"
#include "base/units.h"
#include "evidence/case.h"
#include "importer/collection_state.h"

enum { PID_OF_NOBODY = 1, NEAR_PLACES = 1, MAX_NAMED_LOGS = 6 };

/* The logs of one process, as far as is known. */
struct group {
    pid_t root;   /* the unknown process that stands for all of it */
    pid_t tid;    /* the smallest; 0: no line names a thread */
    size_t set;   /* of its first file */
    bool elapsed; /* its times can be compared with those of other logs: */
    enum when_basis basis;
    uint64_t first_ns, last_ns;
    pid_t pid;
};

VECTOR_TYPE(groups, struct group);

pid_t settle_pid(const struct collection *c, const struct settled *settled, pid_t pid)
{
    pid = collection_root(c, pid);
    return pid > 0 ? pid : settled->unknown_pid;
}

/* --- what is named --- */

/* The one pid that looks, memory and thread names name; 0: none; -1: several. */
static pid_t only_pid(const struct collection *c)
{
    pid_t only = 0;

#define CONSIDER(pid)                                                                              \
    do {                                                                                           \
        pid_t pid_ = (pid);                                                                        \
        only = pid_ <= 0 ? only : !only || only == pid_ ? pid_ : -1;                               \
    } while (0)
    for (size_t i = 0; i < c->snapshots.count && only >= 0; i++)
        CONSIDER(c->snapshots.items[i].record.pid);
    for (size_t i = 0; i < c->memories.count && only >= 0; i++)
        CONSIDER(c->memories.items[i].memory.pid);
    for (size_t i = 0; i < c->names.count && only >= 0; i++)
        CONSIDER(collection_root(c, c->names.items[i].pid));
#undef CONSIDER
    return only;
}

/* The one pid that facts name; 0: none, or several. */
static pid_t only_told_pid(const struct collection *c)
{
    pid_t only = 0;

    for (size_t i = 0; i < c->facts.count; i++) {
        pid_t pid = c->facts.items[i].fact.pid;

        if (pid > 0 && only && only != pid)
            return 0;
        only = pid > 0 ? pid : only;
    }
    return only;
}

static bool is_looked_at(const struct collection *c, pid_t pid)
{
    for (size_t i = 0; i < c->snapshots.count; i++)
        if (c->snapshots.items[i].record.pid == pid)
            return true;
    for (size_t i = 0; i < c->memories.count; i++)
        if (c->memories.items[i].memory.pid == pid)
            return true;
    return false;
}

static bool something_is_unknown(const struct collection *c)
{
    for (size_t i = 0; i < c->snapshots.count; i++)
        if (!c->snapshots.items[i].record.pid)
            return true;
    for (size_t i = 0; i < c->memories.count; i++)
        if (!c->memories.items[i].memory.pid)
            return true;
    for (int basis = WHEN_NONE; basis < WHEN_BASES; basis++)
        if (c->lanes[basis].events)
            return true;
    return false;
}

/* --- who belongs together --- */

/* What one file, or one set of files, does not tell apart is one process. */
static struct seep_error *join_sets(struct collection *c)
{
    _cleanup_free_ pid_t *roots = calloc(c->set_count + 1, sizeof(*roots));

    if (!roots)
        return error_no_memory();
    for (size_t i = 0; i < c->aliases.count; i++) {
        pid_t process = -(pid_t)(i + 1);
        size_t set = c->aliases.items[i].set;

        if (collection_root(c, process) > 0 || !c->aliases.items[i].has_events)
            continue;
        if (roots[set])
            collection_same_process(c, process, roots[set]);
        else
            roots[set] = process;
    }
    return NULL;
}

static void add_to_group(struct group *g, const struct alias *alias)
{
    if (alias->smallest_tid && (!g->tid || alias->smallest_tid < g->tid))
        g->tid = alias->smallest_tid;
    g->set = g->set && g->set < alias->set ? g->set : alias->set;
    g->elapsed &= alias->basis == g->basis;
    g->first_ns = alias->first_ns < g->first_ns ? alias->first_ns : g->first_ns;
    g->last_ns = alias->last_ns > g->last_ns ? alias->last_ns : g->last_ns;
}

static struct seep_error *find_groups(const struct collection *c, struct groups *groups)
{
    _cleanup_free_ size_t *index = calloc(c->aliases.count + 1, sizeof(*index));
    struct seep_error *err = index ? NULL : error_no_memory();

    for (size_t i = 0; i < c->aliases.count && !err; i++) {
        const struct alias *alias = &c->aliases.items[i];
        pid_t root = collection_root(c, -(pid_t)(i + 1));

        if (root > 0 || !alias->has_events)
            continue;
        if (!index[-root - 1]) {
            err = vector_push(groups, (struct group){.root = root,
                                                     .basis = alias->basis,
                                                     .elapsed = alias->basis >= WHEN_TIME_OF_DAY,
                                                     .first_ns = UINT64_MAX});
            index[-root - 1] = groups->count;
        }
        if (!err)
            add_to_group(&groups->items[index[-root - 1] - 1], alias);
    }
    return err;
}

/* One thread cannot be traced twice at once, and two logs without times cannot be put into one order. */
static bool may_follow(const struct group *a, const struct group *b)
{
    return !a->tid && !b->tid && a->elapsed && b->elapsed && a->basis == b->basis &&
           (a->last_ns < b->first_ns || b->last_ns < a->first_ns);
}

/* Logs in which no thread is named: those that follow each other may be of one process. When one may
 * follow either of two, nobody knows. */
static void join_successors(struct collection *c, struct groups *groups)
{
    for (size_t i = 1; i < groups->count;) {
        struct group *g = &groups->items[i];
        size_t before = 0, found = 0;

        for (size_t n = 0; n < i; n++)
            if (may_follow(&groups->items[n], g)) {
                before = n;
                found++;
            }
        if (found != 1) {
            i++;
            continue;
        }

        struct group *first = &groups->items[before];

        collection_same_process(c, g->root, first->root);
        first->first_ns = g->first_ns < first->first_ns ? g->first_ns : first->first_ns;
        first->last_ns = g->last_ns > first->last_ns ? g->last_ns : first->last_ns;
        groups->count--;
        memmove(g, g + 1, (groups->count - i) * sizeof(*g));
    }
}

/* --- whose addresses they are --- */

enum fit { FIT_UNKNOWN, FIT_NO, FIT_YES };

static bool has_place_near(const struct collection *c, pid_t root, const struct maps *maps)
{
    for (size_t i = 0; i < c->aliases.count; i++) {
        const struct alias *alias = &c->aliases.items[i];

        if (collection_root(c, -(pid_t)(i + 1)) != root)
            continue;
        for (size_t p = 0; p < alias->places.count; p++) {
            uint64_t place = alias->places.items[p];
            uint64_t start = place > NEAR_PLACES ? (place - NEAR_PLACES) << PLACE_SHIFT : 0;

            for (size_t v = 0; v < maps->count; v++)
                if (maps->vmas[v].end > start && maps->vmas[v].start < (place + NEAR_PLACES + 1)
                                                                           << PLACE_SHIFT)
                    return true;
        }
    }
    return false;
}

static bool has_places(const struct collection *c, pid_t root)
{
    for (size_t i = 0; i < c->aliases.count; i++)
        if (c->aliases.items[i].places.count && collection_root(c, -(pid_t)(i + 1)) == root)
            return true;
    return false;
}

/* Whether the looks at PID can be of the process with those addresses. Where a process is laid out is
 * drawn by lot from 2^28 pages and more, so that nearness is no chance. */
static struct seep_error *find_fit(const struct collection *c, pid_t root, pid_t pid,
                                   enum fit *ret_fit)
{
    enum fit fit = FIT_UNKNOWN;
    bool placed = has_places(c, root);

    for (size_t i = 0; i < c->snapshots.count && placed; i++) {
        _cleanup_(snapshot_record_deinit) struct snapshot_record record = {0};
        struct snapshot snap;
        struct seep_error *err;
        bool near;

        if (c->snapshots.items[i].record.pid != pid)
            continue;
        err = kept_snapshot_load(c, &c->snapshots.items[i], &record);
        if (!err)
            err = snapshot_parse(&record, &snap);
        if (err)
            return err;
        near = has_place_near(c, root, &snap.maps);
        if (snap.maps.count && !snap.partial && fit == FIT_UNKNOWN)
            fit = FIT_NO;
        snapshot_deinit(&snap);
        if (near) {
            *ret_fit = FIT_YES;
            return NULL;
        }
    }
    *ret_fit = fit;
    return NULL;
}

/* --- who is who --- */

static bool is_taken(const struct collection *c, const struct groups *groups, pid_t pid)
{
    for (size_t i = 0; i < groups->count; i++)
        if (groups->items[i].pid == pid)
            return true;
    for (size_t i = 0; i < c->aliases.count; i++)
        if (c->aliases.items[i].same_as == pid || c->aliases.items[i].smallest_tid == pid)
            return true;
    return is_looked_at(c, pid);
}

static void note_made_up(struct settled *settled, pid_t pid)
{
    if (settled->made_up_count < ARRAY_SIZE(settled->made_up))
        settled->made_up[settled->made_up_count++] = pid;
}

static pid_t nobodys_pid(const struct collection *c, const struct groups *groups)
{
    pid_t pid = PID_OF_NOBODY;

    while (is_taken(c, groups, pid))
        pid++;
    return pid;
}

/* One of its threads has the number of a process that is looked at: that is its first. */
static pid_t pid_among_threads(const struct collection *c, const struct group *g)
{
    if (g->tid && is_looked_at(c, g->tid))
        return g->tid;
    for (size_t i = 0; i < c->seen.room; i++) {
        pid_t tid = c->seen.slots[i].tid;

        if (tid && collection_root(c, c->seen.slots[i].process) == g->root && is_looked_at(c, tid))
            return tid;
    }
    return 0;
}

/* A name of a thread that came with its process. */
static pid_t pid_of_names(const struct collection *c, const struct group *g)
{
    for (size_t i = 0; i < c->names.count; i++) {
        const struct kept_name *name = &c->names.items[i];
        pid_t process = collection_tid_get(&c->seen, name->tid);

        if (name->pid > 0 && process && collection_root(c, process) == g->root)
            return name->pid;
    }
    return 0;
}

/* That of the first process in the same file; 0: there is none. */
static pid_t pid_beside(const struct collection *c, const struct group *g)
{
    pid_t first = c->first_pid, root = collection_root(c, first);

    return first < 0 && root > 0 && c->aliases.items[-first - 1].set == g->set ? root : 0;
}

static const char *file_of(const struct collection *c, size_t set)
{
    for (size_t i = 0; i < c->files.count; i++)
        if (c->files.items[i].set == set) {
            const char *slash = strrchr(c->files.items[i].path, '/');

            return slash && slash[1] ? slash + 1 : c->files.items[i].path;
        }
    return "?";
}

static struct seep_error *say_apart(struct collection *c, const struct groups *groups)
{
    _cleanup_buffer_ struct buffer text = {0};

    for (size_t i = 0; i < groups->count && i < MAX_NAMED_LOGS; i++)
        buffer_printf(&text, "%s%s is called %d", i ? ", " : "", file_of(c, groups->items[i].set),
                      (int)groups->items[i].pid);
    if (text.failed)
        return error_no_memory();
    return collection_say(
        c,
        "%zu logs have no thread in common, and no file says that they are of one "
        "process: taken to be of as many (%s%s; --pid says that they are one)",
        groups->count, text.bytes, groups->count > MAX_NAMED_LOGS ? ", ..." : "");
}

/* Of what is looked at, the process whose addresses are G's, where one alone is; 0: none is sure.
 * *RET_STRANGE: one that certainly is not it. */
static struct seep_error *find_by_places(const struct collection *c, const struct group *g,
                                         pid_t *ret_pid, pid_t *ret_strange)
{
    pid_t found = 0, strange = 0;
    size_t fits = 0;
    struct seep_error *err = NULL;

    for (size_t i = 0; i < c->snapshots.count && !err; i++) {
        pid_t pid = c->snapshots.items[i].record.pid;
        enum fit fit = FIT_UNKNOWN;
        bool done = pid <= 0;

        for (size_t n = 0; n < i && !done; n++)
            done = c->snapshots.items[n].record.pid == pid;
        if (!done)
            err = find_fit(c, g->root, pid, &fit);
        fits += fit == FIT_YES;
        found = fit == FIT_YES ? pid : found;
        strange = fit == FIT_NO ? pid : strange;
    }
    *ret_pid = fits == 1 ? found : 0;
    *ret_strange = strange;
    return err;
}

/* Calls of PID are told of already, as where the parent of the one that is looked at has a log too. */
static bool is_called_by_another(const struct collection *c, pid_t pid)
{
    for (size_t i = 0; i < c->aliases.count; i++)
        if (c->aliases.items[i].has_events && collection_root(c, -(pid_t)(i + 1)) == pid)
            return true;
    return false;
}

/* What is known without a guess; 0: nothing. */
static struct seep_error *find_pid(const struct collection *c, const struct group *g, size_t groups,
                                   pid_t *ret_pid, pid_t *ret_strange)
{
    pid_t pid = pid_among_threads(c, g), only = only_pid(c), by_places;
    struct seep_error *err = NULL;
    enum fit fit = FIT_UNKNOWN;

    pid = pid ? pid : pid_of_names(c, g);
    if (pid) {
        err = find_fit(c, g->root, pid, &fit);
        *ret_strange = fit == FIT_NO ? pid : 0;
        *ret_pid = pid;
        return err;
    }
    err = find_by_places(c, g, &by_places, ret_strange);
    /* The one that is named, unless its addresses speak against it. */
    *ret_pid = by_places;
    if (!by_places && groups == 1 && only > 0 && !*ret_strange && !is_called_by_another(c, only))
        *ret_pid = only;
    return err;
}

static struct seep_error *say_strange(struct collection *c, const struct group *g, pid_t strange)
{
    if (g->pid == strange)
        return collection_say(
            c,
            "contradiction: no address of the calls of process %d lies in or near "
            "what the look at process %d shows: the pid may have been given twice",
            (int)g->pid, (int)strange);
    return collection_say(c,
                          "contradiction: the look at the regions is of process %d, and no address "
                          "of the calls in %s lies in or near what it shows: they are taken to be "
                          "of another process, called %d (--pid says else)",
                          (int)strange, file_of(c, g->set), (int)g->pid);
}

static struct seep_error *name_groups(struct collection *c, struct groups *groups, pid_t before,
                                      struct settled *settled)
{
    struct seep_error *err = NULL;
    bool guessed = false, strange_told = false;

    for (size_t i = 0; i < groups->count && !err; i++) {
        struct group *g = &groups->items[i];
        pid_t strange = 0;

        err = find_pid(c, g, groups->count, &g->pid, &strange);
        if (!g->pid && groups->count == 1 && !strange)
            g->pid = before ? before : pid_beside(c, g);
        if (!g->pid) {
            guessed = true;
            g->pid = g->tid ? g->tid : nobodys_pid(c, groups);
            if (!g->tid)
                note_made_up(settled, g->pid);
        }
        collection_same_process(c, g->root, g->pid);
        if (!err && strange && (g->pid == strange || !is_looked_at(c, g->pid))) {
            strange_told = true;
            err = say_strange(c, g, strange);
        }
    }
    if (err || !guessed || strange_told)
        return err;
    if (groups->count > 1)
        return say_apart(c, groups);
    if (settled->made_up_count)
        return collection_say(c,
                              "no file tells the process: it is called %d here (--pid says else)",
                              (int)groups->items[0].pid);
    return collection_say(c,
                          "no file tells of which process the threads are: all were taken to be of "
                          "one, called %d after its smallest thread (--pid says else)",
                          (int)groups->items[0].pid);
}

/* --- the whole --- */

/* All else that does not say whose it is. */
static struct seep_error *settle_rest(struct collection *c, const struct groups *groups,
                                      pid_t before, struct settled *settled)
{
    pid_t only = only_pid(c), tid = c->smallest_unknown_tid;
    struct seep_error *err = NULL;

    settled->unknown_pid = before;
    if (settled->unknown_pid || !something_is_unknown(c))
        return NULL;
    if (only > 0) {
        settled->unknown_pid = only;
        if ((tid || groups->count) && (!groups->count || groups->items[0].pid == only))
            err = collection_say(c,
                                 "all that does not say of which process it is was taken to be of "
                                 "process %d, the only one that is named (--pid says else)",
                                 (int)only);
        return err;
    }
    if (groups->count) {
        settled->unknown_pid = groups->items[0].pid;
        return NULL;
    }
    settled->unknown_pid = c->first_pid ? collection_root(c, c->first_pid) : 0;
    if (settled->unknown_pid > 0)
        return NULL;
    if (!tid && only == 0 && only_told_pid(c)) {
        settled->unknown_pid = only_told_pid(c);
        return collection_say(c,
                              "what does not say of which process it is was taken to be of process "
                              "%d, which another file names (--pid says else)",
                              (int)settled->unknown_pid);
    }
    settled->unknown_pid = tid ? tid : PID_OF_NOBODY;
    if (!tid)
        note_made_up(settled, PID_OF_NOBODY);
    if (tid)
        return collection_say(
            c,
            "no file tells of which process the threads are: all were taken to be of "
            "one, called %d after its smallest thread (--pid says else)",
            (int)tid);
    return collection_say(c, "no file tells the process: it is called %d here (--pid says else)",
                          PID_OF_NOBODY);
}

static struct seep_error *join_by_option(struct collection *c, struct groups *groups)
{
    for (size_t i = 0; i < groups->count; i++) {
        groups->items[i].pid = c->options->pid;
        collection_same_process(c, groups->items[i].root, c->options->pid);
    }
    if (groups->count < 2)
        return NULL;
    return collection_say(c,
                          "%zu logs without a thread in common were taken to be of process %d, as "
                          "--pid says",
                          groups->count, (int)c->options->pid);
}

struct seep_error *settle_pids(struct collection *c, const struct case_info *info,
                               struct settled *settled)
{
    struct groups groups = {0};
    struct seep_error *err = join_sets(c);

    if (!err)
        err = find_groups(c, &groups);
    if (!err)
        join_successors(c, &groups);
    if (!err && c->options->pid)
        err = join_by_option(c, &groups);
    else if (!err)
        err = name_groups(c, &groups,
                          c->had_events && groups.count && groups.items[0].tid ? 0 : info->pid,
                          settled);
    if (!err)
        err = settle_rest(c, &groups, c->options->pid ? c->options->pid : info->pid, settled);
    vector_deinit(&groups);
    return err;
}
