#include "evidence/thread_dump.h"

enum {
    MAX_STRANGE_LINES = 64, /* of a log that goes on among a dump that SIGQUIT printed */
    MAX_HEADLINE_LINES = 8, /* a thread's name may hold newlines */
    MAX_METHOD_BYTES = 4096,
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* --- the lines before a dump --- */

/* "17667:" of jcmd, "17667" of Thread.dump_to_file. */
static bool is_pid_line(struct span line, uint64_t *ret_pid)
{
    uint64_t pid;

    if (line.len == 0 || line.len > 11 || !span_take_number(&line, &pid) || pid == 0 ||
        pid > INT32_MAX || (line.len && !span_is(line, ":")))
        return false;
    *ret_pid = pid;
    return true;
}

static bool is_time_line(struct span line, struct civil_time *ret_time)
{
    return line.len >= 19 && line.len <= 40 && civil_time_take(&line, ret_time) && line.len == 0 &&
           ret_time->has_date;
}

/* "25.0.3+9-LTS": Thread.dump_to_file names its version so. */
static bool is_version_line(struct span line)
{
    if (line.len == 0 || line.len > 64 || !is_digit(line.text[0]))
        return false;
    for (size_t i = 0; i < line.len; i++)
        if (line.text[i] <= ' ' || line.text[i] == ':')
            return false;
    return span_has(line, "+") || span_has(line, ".") || span_has(line, "-");
}

/* "#31 \"name\" virtual" */
static bool is_numbered_thread(struct span line)
{
    uint64_t id;

    return span_take(&line, "#") && span_take_number(&line, &id) && span_starts(line, " \"");
}

static bool is_blank(struct span line)
{
    return span_trim(line).len == 0;
}

static enum thread_dump_line split_outside(struct thread_dump_splitter *splitter, struct span line)
{
    struct civil_time time;
    uint64_t pid;

    splitter->strange = 0;
    if (span_starts(line, "Full thread dump")) {
        splitter->place = THREAD_DUMP_THREADS;
        return THREAD_DUMP_BEGINS;
    }
    if (line.len && (is_pid_line(line, &pid) || is_time_line(line, &time))) {
        splitter->place = THREAD_DUMP_MAYBE;
        return THREAD_DUMP_BEGINS;
    }
    splitter->place = THREAD_DUMP_OUTSIDE;
    return THREAD_DUMP_OTHER;
}

static enum thread_dump_line split_maybe(struct thread_dump_splitter *splitter, struct span line)
{
    struct civil_time time;
    uint64_t pid;

    if (span_starts(line, "Full thread dump"))
        splitter->place = THREAD_DUMP_THREADS;
    else if (is_numbered_thread(line))
        splitter->place = THREAD_DUMP_TO_FILE;
    else if (++splitter->strange > 6 || (!is_blank(line) && !is_pid_line(line, &pid) &&
                                         !is_time_line(line, &time) && !is_version_line(line)))
        return split_outside(splitter, line);
    return THREAD_DUMP_GOES_ON;
}

static bool starts_with_any(struct span line, const char *const *prefixes)
{
    for (; *prefixes; prefixes++)
        if (span_starts(line, *prefixes))
            return true;
    return false;
}

/* Lines other than threads, frames and what is indented. */
static bool is_of_threads(struct span line)
{
    static const char *const prefixes[] = {"\"", " ",   "\t",          "Threads class SMR",
                                           "0x", "}",   "JNI global",  "_java_thread_list=",
                                           "_",  "SMR", "Locked owna", NULL};

    return line.len == 0 || starts_with_any(line, prefixes);
}

static bool is_of_tail(struct span line)
{
    static const char *const prefixes[] = {
        "\"",    " ",    "\t", "Found ", "=====", "Java stack info",
        "which", "Heap", "}",  "{",      "JNI",   NULL};

    return line.len == 0 || starts_with_any(line, prefixes);
}

enum thread_dump_line thread_dump_split(struct thread_dump_splitter *splitter, struct span line)
{
    struct civil_time time;
    uint64_t pid;
    bool belongs = true;

    switch (splitter->place) {
    case THREAD_DUMP_OUTSIDE:
        return split_outside(splitter, line);
    case THREAD_DUMP_MAYBE:
        return split_maybe(splitter, line);
    case THREAD_DUMP_THREADS:
        if (span_starts(line, "JNI global ref"))
            splitter->place = THREAD_DUMP_TAIL;
        belongs = is_of_threads(line);
        /* Lines that the program itself printed meanwhile stand anywhere. */
        splitter->strange = belongs ? 0 : splitter->strange + 1;
        if (!belongs && splitter->strange <= MAX_STRANGE_LINES &&
            !span_starts(line, "Full thread dump") && !is_pid_line(line, &pid) &&
            !is_time_line(line, &time))
            belongs = true;
        break;
    case THREAD_DUMP_TAIL:
        belongs = is_of_tail(line);
        break;
    case THREAD_DUMP_TO_FILE:
        belongs = is_blank(line) || line.text[0] == ' ' || is_numbered_thread(line);
        break;
    }
    return belongs ? THREAD_DUMP_GOES_ON : split_outside(splitter, line);
}

/* --- frames --- */

/* "java.base@17.0.15/" or "app//java.base/" before NAME, whose "X$$Lambda/0x0123.run" is no module.
 */
static struct span take_module(struct span *name)
{
    struct span module = span_first(*name, 0);
    size_t end = name->len;
    const char *slash;

    while (end > 0 && (slash = memrchr(name->text, '/', end))) {
        end = (size_t)(slash - name->text);
        if (end + 1 == name->len || is_digit(slash[1]))
            continue;
        module = span_first(*name, end);
        *name = span_from(*name, end + 1);
        break;
    }

    size_t cut;

    if (span_find_last(module, "/", &cut))
        module = span_from(module, cut + 1);
    if (span_find(module, "@", &cut))
        module = span_first(module, cut);
    return module;
}

bool thread_dump_take_frame(struct span *text, struct thread_dump_frame *ret_frame)
{
    struct thread_dump_frame frame = {0};
    struct span rest = *text, inside, module;
    size_t colon;

    span_skip_blanks(&rest);
    span_take(&rest, "at ");
    if (!span_take_through(&rest, "(", &frame.method) || !span_take_through(&rest, ")", &inside) ||
        frame.method.len == 0 || frame.method.len > MAX_METHOD_BYTES)
        return false;
    for (size_t i = 0; i < frame.method.len; i++)
        if ((unsigned char)frame.method.text[i] <= ' ')
            return false;
    if (!span_has(frame.method, "."))
        return false;
    frame.module = take_module(&frame.method);
    module = take_module(&inside);
    if (module.len)
        frame.module = module;
    frame.file = inside;
    if (span_find_last(inside, ":", &colon)) {
        struct span digits = span_from(inside, colon + 1);
        uint64_t line;

        if (span_take_number(&digits, &line) && digits.len == 0 && line <= UINT32_MAX) {
            frame.line = (uint32_t)line;
            frame.file = span_first(inside, colon);
        }
    }
    *text = rest;
    *ret_frame = frame;
    return true;
}

/* --- threads --- */

/* "52.67ms" with UNIT_NS a million. */
static int64_t take_duration(struct span *s, int64_t unit_ns)
{
    uint64_t whole;
    int64_t ns, scale = unit_ns;

    if (!span_take_number(s, &whole) || whole > INT64_MAX / 2 ||
        __builtin_mul_overflow((int64_t)whole, unit_ns, &ns) || ns > INT64_MAX / 2)
        return THREAD_DUMP_UNKNOWN;
    if (span_take(s, "."))
        for (; s->len && is_digit(s->text[0]); *s = span_from(*s, 1)) {
            scale /= 10;
            ns += (s->text[0] - '0') * scale;
        }
    return ns;
}

/* The words between a thread's name and its nid. */
static void parse_attributes(struct span words, struct thread_dump_thread *thread)
{
    while (words.len) {
        struct span word = span_take_word(&words);
        uint64_t number;

        if (span_is(word, "daemon"))
            thread->daemon = true;
        else if (span_is(word, "virtual"))
            thread->is_virtual = true;
        else if (span_take(&word, "#") && span_take_number(&word, &number))
            thread->id = number;
        else if (span_take(&word, "cpu="))
            thread->cpu_ns = take_duration(&word, 1000000);
        else if (span_take(&word, "elapsed="))
            thread->elapsed_ns = take_duration(&word, 1000000000);
        else if (span_take(&word, "allocated=") && span_take_size(&word, &number) &&
                 number <= INT64_MAX)
            thread->allocated_bytes = (int64_t)number;
    }
}

static struct thread_dump_thread fresh_thread(const struct thread_dump *dump)
{
    return (struct thread_dump_thread){
        .cpu_ns = THREAD_DUMP_UNKNOWN,
        .elapsed_ns = THREAD_DUMP_UNKNOWN,
        .allocated_bytes = THREAD_DUMP_UNKNOWN,
        .first_frame = dump->frames.count,
    };
}

/* A name may hold anything, quotes and " nid=" too; behind its last quote there are none. */
static bool parse_headline(struct span line, struct thread_dump_thread *thread)
{
    struct span behind;
    size_t quote, at;

    if (!span_find_last(line, "\"", &quote) || quote == 0)
        return false;
    thread->name = span_from(span_first(line, quote), 1);
    behind = span_from(line, quote + 1);
    if (!span_find(behind, " nid=", &at))
        return false;
    parse_attributes(span_first(behind, at), thread);
    behind = span_from(behind, at + strlen(" nid="));
    if (!(span_starts(behind, "0x") ? span_take_hex(&behind, &thread->nid)
                                    : span_take_number(&behind, &thread->nid)))
        return false;
    if (span_find_last(behind, "[", &at))
        behind = span_first(behind, at);
    thread->status = span_trim(behind);
    return true;
}

/* Lines are taken until one has the nid: a name may hold newlines. */
static bool take_headline(struct span *rest, struct span *line, struct thread_dump_thread *thread)
{
    struct span ahead = *rest, more;

    if (parse_headline(*line, thread))
        return true;
    for (int i = 1; i < MAX_HEADLINE_LINES && span_next_line(&ahead, &more); i++) {
        struct span whole = span_of(line->text, (size_t)(more.text + more.len - line->text));

        if (span_starts(more, "\"") || more.len == 0)
            return false;
        if (parse_headline(whole, thread)) {
            *rest = ahead;
            return true;
        }
    }
    return false;
}

/* "#31 \"name\" virtual" */
static bool parse_numbered(struct span line, struct thread_dump_thread *thread)
{
    size_t quote;

    if (!span_take(&line, "#") || !span_take_number(&line, &thread->id) ||
        !span_take(&line, " \"") || !span_find_last(line, "\"", &quote))
        return false;
    thread->name = span_first(line, quote);
    parse_attributes(span_from(line, quote + 1), thread);
    return true;
}

/* "Mounted virtual thread \"orders\" #31", "Carrying virtual thread #31" (21 to 23). Of the second
 * the frames are not there. */
static bool parse_mounted(struct span line, uint64_t nid, struct thread_dump_thread *thread)
{
    size_t quote;

    if (!span_take(&line, "Mounted virtual thread "))
        return false;
    if (span_take(&line, "\"")) {
        if (!span_find_last(line, "\"", &quote))
            return false;
        thread->name = span_first(line, quote);
        line = span_from(line, quote + 1);
    }
    thread->is_virtual = true;
    thread->nid = nid;
    parse_attributes(line, thread);
    return true;
}

struct parser {
    struct thread_dump *dump;
    struct span rest;
    bool to_file, within; /* a thread's lines are being read */
    uint64_t carrier_nid;
};

static struct seep_error *begin_thread(struct parser *p, const struct thread_dump_thread *thread)
{
    if (!thread->is_virtual)
        p->carrier_nid = thread->nid;
    p->within = true;
    return vector_push(&p->dump->threads, *thread);
}

static struct seep_error *parse_indented(struct parser *p, struct span line)
{
    struct thread_dump_thread thread = fresh_thread(p->dump), *current;
    struct thread_dump_frame frame;
    struct span trimmed = span_trim(line);
    struct seep_error *err;

    if (!p->within || trimmed.len == 0)
        return NULL;
    if (parse_mounted(trimmed, p->carrier_nid, &thread))
        return begin_thread(p, &thread);
    current = &p->dump->threads.items[p->dump->threads.count - 1];
    if (span_take(&trimmed, "java.lang.Thread.State: ")) {
        current->state = trimmed;
        return NULL;
    }
    if (!span_starts(trimmed, "at ") && !p->to_file)
        return NULL;
    if (span_starts(trimmed, "- ") || span_starts(trimmed, "//"))
        return NULL;
    if (!thread_dump_take_frame(&trimmed, &frame)) {
        p->dump->strange++;
        return NULL;
    }
    err = vector_push(&p->dump->frames, frame);
    if (!err)
        current->frame_count++;
    return err;
}

static struct seep_error *parse_line(struct parser *p, struct span line)
{
    struct thread_dump_thread thread = fresh_thread(p->dump);

    if (line.len == 0) {
        /* Between a thread's stack and its synchronizers; the next headline ends it anyway. */
        return NULL;
    }
    if (line.text[0] == ' ' || line.text[0] == '\t')
        return parse_indented(p, line);
    p->within = false;
    if (line.text[0] == '"') {
        if (take_headline(&p->rest, &line, &thread))
            return begin_thread(p, &thread);
        p->dump->strange++;
    } else if (p->to_file && is_numbered_thread(line)) {
        if (parse_numbered(line, &thread))
            return begin_thread(p, &thread);
        p->dump->strange++;
    } else if (span_starts(line, "JNI global ref")) {
        p->dump->whole = true;
    }
    return NULL;
}

/* Leaves P->rest at the first line of the threads. */
static void parse_head(struct parser *p)
{
    struct thread_dump *dump = p->dump;
    struct span rest = p->rest, line;

    for (int i = 0; i < MAX_HEADLINE_LINES && span_next_line(&rest, &line); i++) {
        struct civil_time time;

        if (is_numbered_thread(line)) {
            p->to_file = true;
            dump->whole = true;
            break;
        }
        p->rest = rest;
        if (span_take(&line, "Full thread dump ")) {
            line = span_trim(line);
            dump->vm = span_ends(line, ":") ? span_first(line, line.len - 1) : line;
            break;
        }
        if (is_time_line(line, &time)) {
            dump->time = time;
            dump->has_time = true;
        } else {
            is_pid_line(line, &dump->pid);
        }
    }
}

void thread_dump_parse_head(struct span text, struct thread_dump *ret_dump)
{
    struct parser p = {.dump = ret_dump, .rest = text};

    *ret_dump = (struct thread_dump){0};
    parse_head(&p);
}

struct seep_error *thread_dump_parse(struct span text, struct thread_dump *ret_dump)
{
    struct thread_dump dump = {0};
    struct parser p = {.dump = &dump, .rest = text};
    struct seep_error *err = NULL;
    struct span line;

    parse_head(&p);
    /* What follows the last line tells of deadlocks and repeats threads. */
    while (!err && !(dump.whole && !p.to_file) && span_next_line(&p.rest, &line))
        err = parse_line(&p, line);
    if (err) {
        thread_dump_deinit(&dump);
        return err;
    }
    *ret_dump = dump;
    return NULL;
}

void thread_dump_deinit(struct thread_dump *dump)
{
    vector_deinit(&dump->threads);
    vector_deinit(&dump->frames);
    *dump = (struct thread_dump){0};
}

const struct thread_dump_thread *thread_dump_find(const struct thread_dump *dump, uint64_t nid)
{
    const struct thread_dump_thread *found = NULL;

    for (size_t i = 0; i < dump->threads.count && nid; i++)
        if (dump->threads.items[i].nid == nid && (!found || dump->threads.items[i].is_virtual))
            found = &dump->threads.items[i];
    return found;
}
