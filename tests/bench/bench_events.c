/*
 * The trace's size and speed on a generated workload, against strace's text of the same events.
 *
 *     bench_events [THREADS [EVENTS]]
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/units.h"
#include "evidence/events_file.h"
#include "tests/event_workload.h"

#include <fcntl.h>

static void check(struct seep_error *err)
{
    if (err) {
        fprintf(stderr, "bench_events: %s\n", err->message);
        exit(1);
    }
}

/* What strace -f -ttt -T prints: "16067 1606.123456 munmap(0x7f46d34e2000, 16781312) = 0 <0.00>" */
static size_t strace_bytes(const struct event *ev)
{
    static const char *const rest[] = {
        [EVENT_MMAP] = "mmap(NULL, %" PRIu64 ", PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, "
                       "-1, 0) = 0x7f46d34e2000",
        [EVENT_MUNMAP] = "munmap(0x7f46d34e2000, %" PRIu64 ") = 0",
        [EVENT_BRK] = "brk(0x55d0c0a21000)  = 0x55d0c0a21000",
        [EVENT_MPROTECT] = "mprotect(0x7f46d34e2000, %" PRIu64 ", PROT_READ|PROT_WRITE) = 0",
        [EVENT_MADVISE] = "madvise(0x7f46d34e2000, %" PRIu64 ", MADV_DONTNEED) = 0",
    };
    char line[256];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    return (size_t)snprintf(line, sizeof(line), rest[ev->kind], ev->args[1]) +
           strlen("16067 1791536000.123456  <0.000012>\n");
#pragma GCC diagnostic pop
}

static void report(const char *what, size_t events, uint64_t ns)
{
    printf("%-6s %8.2f M events/s\n", what, (double)events * 1e3 / (double)ns);
}

int main(int argc, char **argv)
{
    unsigned threads = argc > 1 ? (unsigned)atoi(argv[1]) : 8;
    size_t count = argc > 2 ? (size_t)atol(argv[2]) : 1000000;
    char directory[] = "/tmp/bench_events.XXXXXX";
    struct workload w;
    struct events_writer *writer;
    struct events_reader *reader;
    struct event ev;
    enum event_source_step step;
    size_t text_bytes = 0, read = 0;

    workload_init(&w, threads, count);
    if (!mkdtemp(directory))
        return 1;

    int dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = openat(dir_fd, "events", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    uint64_t begin = units_monotonic_ns();

    check(events_writer_create(fd, &writer));
    for (size_t i = 0; i < count; i++)
        check(event_sink_put(&writer->sink, &w.events[i]));
    check(events_writer_flush(writer));
    report("write", count, units_monotonic_ns() - begin);

    begin = units_monotonic_ns();
    check(events_reader_create(dir_fd, NULL, &reader));
    for (;;) {
        check(event_source_next(&reader->source, &ev, &step));
        if (step == EVENT_SOURCE_END)
            break;
        read++;
    }
    report("read", read, units_monotonic_ns() - begin);

    for (size_t i = 0; i < count; i++)
        text_bytes += strace_bytes(&w.events[i]);
    printf("size   %8.2f bytes an event, strace's text %.1f: %.0f times as much\n",
           (double)writer->written_bytes / (double)count, (double)text_bytes / (double)count,
           (double)text_bytes / (double)writer->written_bytes);

    event_source_destroy(&reader->source);
    events_writer_destroy(writer);
    unlinkat(dir_fd, "events", 0);
    close(fd);
    close(dir_fd);
    rmdir(directory);
    workload_deinit(&w);
    return read == count ? 0 : 1;
}
