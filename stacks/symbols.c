#include "stacks/symbols.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/units.h"
#include "stacks/symbols_child.h"
#include "stacks/symbols_wire.h"

enum {
    MODULE_SHARE = 3,  /* what part of the limit one module may take, but for servers: 20 s of 60 */
    MAX_TROUBLES = 16, /* of one module */
    MAX_BYTES = 256 << 20, /* that one child may say */
    READ_BYTES = 1 << 16,
};

static const uint64_t default_limit_ns = UINT64_C(60) * NS_PER_S;
static const char *const default_debug_dirs[] = {"/usr/lib/debug", NULL};

/* What is known of the module of the task with the same number. */
struct answer {
    size_t first;                /* of its offsets, among all */
    struct symbols_lines *lines; /* one for each of its offsets */
    struct symbols_troubles troubles;
};

struct resolver {
    const struct symbols_options *options;
    struct symbols_place **order; /* all places, by module and offset */
    size_t place_count;
    uint64_t *offsets; /* of all tasks, one after the other */
    struct symbols_lines *lines;
    struct symbols_task *tasks;
    struct answer *answers;
    size_t task_count;
    struct symbols_troubles troubles; /* of none in particular */
    uint64_t limit_ns, deadline_ns;
};

/* One child, as seen from here. */
struct child {
    pid_t pid;
    int fd;
    struct buffer bytes; /* not decoded yet */
    uint64_t received;
    size_t task; /* it is at; SIZE_MAX: none */
    uint64_t task_deadline_ns;
};

enum outcome {
    OUTCOME_ENDED,    /* it closed its pipe */
    OUTCOME_NONSENSE, /* it said what it cannot say */
    OUTCOME_LATE,     /* it took too long for one module */
    OUTCOME_LIMIT,    /* ... for all */
};

void symbols_lines_deinit(struct symbols_lines *lines)
{
    for (size_t i = 0; i < lines->count; i++) {
        free(lines->items[i].function);
        free(lines->items[i].file);
    }
    vector_deinit(lines);
}

void symbols_place_deinit(struct symbols_place *place)
{
    symbols_lines_deinit(&place->lines);
}

void symbols_troubles_deinit(struct symbols_troubles *troubles)
{
    for (size_t i = 0; i < troubles->count; i++)
        free(troubles->items[i]);
    vector_deinit(troubles);
}

static struct seep_error *add_trouble(struct symbols_troubles *troubles, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Each is said once. */
static struct seep_error *add_trouble(struct symbols_troubles *troubles, const char *format, ...)
{
    char *text;
    va_list arguments;

    va_start(arguments, format);

    int len = vasprintf(&text, format, arguments);

    va_end(arguments);
    if (len < 0)
        return error_no_memory();
    for (size_t i = 0; i < troubles->count; i++) {
        if (strcmp(troubles->items[i], text) == 0) {
            free(text);
            return NULL;
        }
    }

    struct seep_error *err = vector_push(troubles, text);

    if (err)
        free(text);
    return err;
}

static const char *path_of(const struct stack_module *module)
{
    return module->path && *module->path ? module->path : "a file of unknown name";
}

/* Modules of one path and build-id are one, wherever they are described. */
static int compare_modules(const struct stack_module *a, const struct stack_module *b)
{
    int order = a == b ? 0 : strcmp(path_of(a), path_of(b));

    if (order || a == b)
        return order;
    if (a->build_id_len != b->build_id_len)
        return a->build_id_len < b->build_id_len ? -1 : 1;
    return memcmp(a->build_id, b->build_id, a->build_id_len);
}

static int by_module(const void *a, const void *b)
{
    const struct symbols_place *left = *(struct symbols_place *const *)a,
                               *right = *(struct symbols_place *const *)b;
    int order = compare_modules(left->module, right->module);

    return order ? order : (left->offset > right->offset) - (left->offset < right->offset);
}

static struct seep_error *resolver_init(struct resolver *r, struct symbols_place *places,
                                        size_t count)
{
    r->order = calloc(count + 1, sizeof(struct symbols_place *));
    r->offsets = calloc(count + 1, sizeof(*r->offsets));
    r->lines = calloc(count + 1, sizeof(*r->lines));
    r->tasks = calloc(count + 1, sizeof(*r->tasks));
    r->answers = calloc(count + 1, sizeof(*r->answers));
    if (!r->order || !r->offsets || !r->lines || !r->tasks || !r->answers)
        return error_no_memory();
    for (size_t i = 0; i < count; i++)
        if (places[i].module)
            r->order[r->place_count++] = &places[i];
    qsort(r->order, r->place_count, sizeof(struct symbols_place *), by_module);

    size_t used = 0;

    for (size_t i = 0; i < r->place_count; i++) {
        const struct symbols_place *place = r->order[i], *before = i ? r->order[i - 1] : NULL;
        bool same = before && compare_modules(before->module, place->module) == 0;

        if (same && before->offset == place->offset)
            continue;
        if (!same) {
            r->answers[r->task_count] = (struct answer){.first = used, .lines = r->lines + used};
            r->tasks[r->task_count++] = (struct symbols_task){
                .module = place->module,
                .offsets = r->offsets + used,
            };
        }
        r->tasks[r->task_count - 1].count++;
        r->offsets[used++] = place->offset;
    }
    return NULL;
}

static void resolver_deinit(struct resolver *r)
{
    for (size_t t = 0; t < r->task_count; t++) {
        for (size_t i = 0; i < r->tasks[t].count; i++)
            symbols_lines_deinit(&r->answers[t].lines[i]);
        symbols_troubles_deinit(&r->answers[t].troubles);
    }
    symbols_troubles_deinit(&r->troubles);
    free(r->order);
    free(r->offsets);
    free(r->lines);
    free(r->tasks);
    free(r->answers);
}

static void tell(const struct resolver *r, const char *text)
{
    if (r->options->progress)
        r->options->progress(text, r->options->context);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static struct seep_error *nonsense(void)
{
    return error_create(ERROR_CORRUPT, "a message out of place");
}

/* A module that is begun again is told of anew. */
static struct seep_error *begin_task(struct resolver *r, struct child *child, uint64_t task)
{
    if (child->task != SIZE_MAX || task >= r->task_count ||
        r->tasks[task].state == SYMBOLS_TASK_DONE)
        return nonsense();
    child->task = (size_t)task;
    symbols_troubles_deinit(&r->answers[task].troubles);
    return NULL;
}

static struct seep_error *obey(struct resolver *r, struct child *child,
                               struct symbols_message *message)
{
    if (message->kind == SYMBOLS_WIRE_BEGIN)
        return begin_task(r, child, message->index);
    if (child->task == SIZE_MAX)
        return nonsense();

    struct symbols_task *task = &r->tasks[child->task];
    struct answer *answer = &r->answers[child->task];

    switch (message->kind) {
    case SYMBOLS_WIRE_WAIT:
        child->task_deadline_ns = r->deadline_ns;
        tell(r, message->text);
        return NULL;
    case SYMBOLS_WIRE_READ:
        child->task_deadline_ns =
            earlier(units_monotonic_ns() + r->limit_ns / MODULE_SHARE, r->deadline_ns);
        tell(r, message->text);
        return NULL;
    case SYMBOLS_WIRE_PLACE:
        if (message->index >= task->count)
            return nonsense();
        symbols_lines_deinit(&answer->lines[message->index]);
        answer->lines[message->index] = message->lines;
        message->lines = (struct symbols_lines){0};
        return NULL;
    case SYMBOLS_WIRE_TROUBLE:
        return answer->troubles.count < MAX_TROUBLES
                   ? add_trouble(&answer->troubles, "%s", message->text)
                   : NULL;
    case SYMBOLS_WIRE_END:
        task->state = task->state == SYMBOLS_TASK_READ && message->index ? SYMBOLS_TASK_FETCH
                                                                         : SYMBOLS_TASK_DONE;
        child->task = SIZE_MAX;
        child->task_deadline_ns = r->deadline_ns;
        return NULL;
    default:
        return nonsense();
    }
}

/* Decodes what is whole. */
static struct seep_error *decode(struct resolver *r, struct child *child)
{
    size_t at = 0, len;

    while ((len = symbols_wire_length(child->bytes.bytes + at, child->bytes.len - at)) != 0) {
        struct symbols_message message = {0};
        struct seep_error *err = len == SIZE_MAX
                                     ? nonsense()
                                     : symbols_wire_decode(child->bytes.bytes + at, len, &message);

        if (!err)
            err = obey(r, child, &message);
        symbols_message_deinit(&message);
        if (err)
            return err;
        at += len;
    }
    memmove(child->bytes.bytes, child->bytes.bytes + at, child->bytes.len - at);
    child->bytes.len -= at;
    return NULL;
}

/* Waits for the child to say more, until its time is over. */
static bool wait_for(const struct child *child, uint64_t deadline_ns)
{
    struct pollfd fd = {.fd = child->fd, .events = POLLIN};

    for (;;) {
        uint64_t now = units_monotonic_ns();

        if (now >= deadline_ns)
            return false;

        uint64_t left_ns = earlier(deadline_ns - now, UINT64_C(3600) * NS_PER_S);
        int ready = poll(&fd, 1, (int)((left_ns + NS_PER_MS - 1) / NS_PER_MS));

        if (ready > 0 || (ready < 0 && errno != EINTR))
            return true;
    }
}

/* Reads what the child says until it ends or has to be ended. */
static struct seep_error *listen_to(struct resolver *r, struct child *child,
                                    enum outcome *ret_outcome)
{
    for (;;) {
        if (!wait_for(child, child->task_deadline_ns)) {
            *ret_outcome = child->task_deadline_ns >= r->deadline_ns ? OUTCOME_LIMIT : OUTCOME_LATE;
            return NULL;
        }

        char *room = buffer_extend(&child->bytes, READ_BYTES);

        if (!room)
            return error_no_memory();

        ssize_t got = read(child->fd, room, READ_BYTES);

        child->bytes.len -= READ_BYTES - (got > 0 ? (size_t)got : 0);
        if (got < 0 && errno == EINTR)
            continue;
        *ret_outcome = OUTCOME_ENDED;
        if (got <= 0)
            return NULL;
        child->received += (uint64_t)got;

        struct seep_error *err = child->received > MAX_BYTES ? nonsense() : decode(r, child);

        if (err && err->code != ERROR_CORRUPT)
            return err;
        if (err) {
            error_destroy(err);
            *ret_outcome = OUTCOME_NONSENSE;
            return NULL;
        }
    }
}

/* Its status, as waitpid gives it. */
static int end(struct child *child)
{
    int status = 0;

    kill(child->pid, SIGKILL);
    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
        ;
    close(child->fd);
    buffer_deinit(&child->bytes);
    return status;
}

static size_t left(const struct resolver *r)
{
    size_t count = 0;

    for (size_t i = 0; i < r->task_count; i++)
        count += r->tasks[i].state != SYMBOLS_TASK_DONE;
    return count;
}

/* Those that nothing more is done about. */
static struct seep_error *give_up_all(struct resolver *r, const char *why)
{
    size_t unread = 0;

    for (size_t i = 0; i < r->task_count; i++) {
        unread += r->tasks[i].state == SYMBOLS_TASK_READ;
        r->tasks[i].state = SYMBOLS_TASK_DONE;
    }
    if (unread)
        return add_trouble(&r->troubles,
                           "%s: %zu of %zu files were not read for names, or not to their end", why,
                           unread, r->task_count);
    return add_trouble(&r->troubles, "%s: not all debug information was fetched", why);
}

static const char *known(const struct resolver *r, size_t task)
{
    for (size_t i = 0; i < r->tasks[task].count; i++)
        if (r->answers[task].lines[i].count)
            return "only those names of its functions are known that were found before";
    return "names of its functions are not known";
}

static struct seep_error *give_up_task(struct resolver *r, size_t task, enum outcome outcome,
                                       int status)
{
    char why[128];
    const char *path = path_of(r->tasks[task].module);

    if (outcome == OUTCOME_LATE || (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU))
        snprintf(why, sizeof(why), "took too long");
    else if (outcome == OUTCOME_NONSENSE)
        snprintf(why, sizeof(why), "went wrong");
    else if (WIFSIGNALED(status))
        snprintf(why, sizeof(why), "crashed (SIG%s)", sigabbrev_np(WTERMSIG(status)) ?: "?");
    else
        snprintf(why, sizeof(why), "failed");
    r->tasks[task].state = SYMBOLS_TASK_DONE;
    return add_trouble(&r->answers[task].troubles, "%s: reading it %s; %s", path, why,
                       known(r, task));
}

/* The user wants it to end, or whoever manages this machine. */
static bool was_interrupted(int status)
{
    int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

    return number == SIGINT || number == SIGTERM || number == SIGHUP || number == SIGQUIT;
}

/* One child, until it has done all or was lost. */
static struct seep_error *run_child(struct resolver *r)
{
    const struct symbols_work work = {
        .tasks = r->tasks,
        .count = r->task_count,
        .debug_dirs = r->options->debug_dirs ? r->options->debug_dirs : default_debug_dirs,
        .recorded_ns = r->options->recorded_ns,
        .deadline_ns = r->deadline_ns,
    };
    struct child child = {.task = SIZE_MAX, .task_deadline_ns = r->deadline_ns};
    size_t before = left(r);
    enum outcome outcome = OUTCOME_ENDED;
    struct seep_error *err = symbols_child_start(&work, &child.pid, &child.fd);

    if (err)
        return err;
    err = listen_to(r, &child, &outcome);

    int status = end(&child);

    if (err)
        return err;
    if (outcome == OUTCOME_LIMIT)
        return give_up_all(r, "time ran out");
    if (outcome == OUTCOME_ENDED && was_interrupted(status))
        return give_up_all(r, "interrupted");
    if (child.task != SIZE_MAX)
        return give_up_task(r, child.task, outcome, status);
    if (left(r) && left(r) == before)
        return give_up_all(r, "the process that reads symbols cannot run");
    return NULL;
}

static struct seep_error *copy_lines(const struct symbols_lines *lines,
                                     struct symbols_lines *ret_lines)
{
    for (size_t i = 0; i < lines->count; i++) {
        const struct symbols_line *line = &lines->items[i];
        struct symbols_line copy = {
            .function = line->function ? strdup(line->function) : NULL,
            .file = line->file ? strdup(line->file) : NULL,
            .line = line->line,
            .inlined = line->inlined,
        };
        struct seep_error *err = (line->function && !copy.function) || (line->file && !copy.file)
                                     ? error_no_memory()
                                     : vector_push(ret_lines, copy);

        if (err) {
            free(copy.function);
            free(copy.file);
            return err;
        }
    }
    return NULL;
}

/* Hands the answers to the places, which go through them in the same order. */
static struct seep_error *give_lines(struct resolver *r)
{
    size_t at = 0;

    for (size_t i = 0; i < r->place_count; i++) {
        struct symbols_place *place = r->order[i], *before = i ? r->order[i - 1] : NULL;

        at += before && (before->offset != place->offset ||
                         compare_modules(before->module, place->module) != 0);

        struct seep_error *err = copy_lines(&r->lines[at], &place->lines);

        if (err)
            return err;
    }
    return NULL;
}

static struct seep_error *give_troubles(struct resolver *r, struct symbols_troubles *troubles)
{
    for (size_t t = 0; t <= r->task_count; t++) {
        struct symbols_troubles *from = t < r->task_count ? &r->answers[t].troubles : &r->troubles;

        for (size_t i = 0; i < from->count; i++) {
            struct seep_error *err = add_trouble(troubles, "%s", from->items[i]);

            if (err)
                return err;
        }
    }
    return NULL;
}

struct seep_error *symbols_resolve(struct symbols_place *places, size_t count,
                                   const struct symbols_options *options,
                                   struct symbols_troubles *ret_troubles)
{
    struct resolver r = {
        .options = options,
        .limit_ns = options->limit_ns ? options->limit_ns : default_limit_ns,
    };
    struct symbols_troubles troubles = {0};
    uint64_t now = units_monotonic_ns();
    struct seep_error *err = resolver_init(&r, places, count);

    r.deadline_ns = r.limit_ns > UINT64_MAX - now ? UINT64_MAX : now + r.limit_ns;
    while (!err && left(&r))
        err = run_child(&r);
    if (!err)
        err = give_lines(&r);
    if (!err)
        err = give_troubles(&r, &troubles);
    resolver_deinit(&r);
    if (err) {
        for (size_t i = 0; i < count; i++)
            symbols_place_deinit(&places[i]);
        symbols_troubles_deinit(&troubles);
        return err;
    }
    *ret_troubles = troubles;
    return NULL;
}
