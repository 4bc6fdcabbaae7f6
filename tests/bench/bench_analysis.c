/*
 * How long a whole analysis takes: a case with a million events by 16 threads, one in a hundred
 * mappings leaked, the others of 64 sizes given back, and a look every 10 s of its time; then the
 * same with every leaked mapping of a size of its own; then with call paths, a thousand of 20 frames.
 *
 *     bench_analysis [EVENTS]
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "analyzer/analysis.h"
#include "base/buffer.h"
#include "base/units.h"
#include "evidence/events_file.h"
#include "evidence/snapshot.h"

enum { PID = 1000, PAGE = 4096, THREADS = 16, LIVE = 4096, SLOT_BYTES = 1 << 20 };

/* What a recording is made of. */
struct plan {
    const char *what;
    bool of_every_size;
    bool with_paths;
};

enum { PATHS = 1000, FRAMES = 20 };

static uint32_t paths[PATHS];

static const uint64_t base = UINT64_C(0x600000000000);

static void check(struct seep_error *err)
{
    if (!err)
        return;
    fprintf(stderr, "%s\n", err->message);
    exit(1);
}

static void put(struct events_writer *writer, uint64_t now_ns, uint8_t kind, int64_t result,
                uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct event ev = {.enter_ns = now_ns,
                       .exit_ns = now_ns + 100,
                       .args = {a, b, c, d},
                       .result = result,
                       .pid = PID,
                       .stack_id = kind == EVENT_MMAP ? paths[now_ns / 7000 % PATHS] : 0,
                       .tid = PID + (pid_t)(now_ns / 2000 % THREADS),
                       .kind = kind};

    check(event_sink_put(&writer->sink, &ev));
}

/* What is mapped: the slots that are taken, and the leaked blocks below them. */
static void look(int fd, uint64_t now_ns, const uint32_t *pages, uint64_t leak_low)
{
    struct buffer text = {0};
    struct snapshot_record record = {.pid = PID,
                                     .begin_ns = now_ns,
                                     .end_ns = now_ns + 100,
                                     .reason = SNAPSHOT_PERIODIC,
                                     .stopped = true};
    uint64_t written;

    if (leak_low < base)
        buffer_printf(&text,
                      "%" PRIx64 "-%" PRIx64 " rw-p 00000000 00:00 0 \nRss: %" PRIu64 " kB\n",
                      leak_low, base, (base - leak_low) / 1024);
    for (size_t i = 0; i < LIVE; i++)
        if (pages[i])
            buffer_printf(&text, "%" PRIx64 "-%" PRIx64 " rw-p 00000000 00:00 0 \nRss: 4 kB\n",
                          base + SLOT_BYTES + i * SLOT_BYTES,
                          base + SLOT_BYTES + i * SLOT_BYTES + (uint64_t)pages[i] * PAGE);
    check(snapshot_record_add(&record, "smaps", text.bytes ? text.bytes : "", text.len));
    check(snapshot_write(fd, &record, &written));
    snapshot_record_deinit(&record);
    buffer_deinit(&text);
}

static void make_paths(struct events_writer *writer, bool wanted)
{
    struct stack_module libc = {.path = (char *)"/lib/libc.so.6"}, own = {.path = (char *)"/bin/x"};
    struct stack_frame frames[FRAMES] = {{.module = &libc, .offset = 1, .address = 1}};

    for (uint32_t i = 0; i < PATHS; i++) {
        for (unsigned f = 1; f < FRAMES; f++)
            frames[f] = (struct stack_frame){
                .module = &own, .offset = f < 4 ? i * 10 + f : 100000 + f, .address = 1 << 20};
        paths[i] = 0;
        if (wanted)
            check(events_writer_add_stack(
                writer, &(struct stack_path){STACK_END_COMPLETE, frames, FRAMES}, &paths[i]));
    }
}

static void record(struct case_dir *c, uint64_t events, const struct plan *plan)
{
    static uint32_t pages[LIVE];
    struct events_writer *writer;
    uint64_t now_ns = 1000, leak_low = base, seed = 1, look_ns = 0;
    int events_fd, snapshots_fd;

    memset(pages, 0, sizeof(pages));
    check(case_create_file(c, "events", &events_fd));
    check(case_create_file(c, "snapshots", &snapshots_fd));
    check(events_writer_create(events_fd, &writer));
    make_paths(writer, plan->with_paths);
    for (uint64_t i = 0; i < events; i++) {
        size_t slot;

        seed = seed * 6364136223846793005u + 1442695040888963407u;
        slot = (seed >> 33) % LIVE;
        now_ns += 100 * NS_PER_US;
        if (now_ns >= look_ns) {
            look(snapshots_fd, now_ns, pages, leak_low);
            look_ns = now_ns + 10ull * NS_PER_S;
        }
        if (i % 100 == 0) {
            uint64_t len = (uint64_t)PAGE * (plan->of_every_size ? 1 + i / 100 % 50000 : 16);

            leak_low -= len;
            put(writer, now_ns, EVENT_MMAP, (int64_t)leak_low, 0, len, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS);
        } else if (pages[slot]) {
            put(writer, now_ns, EVENT_MUNMAP, 0, base + SLOT_BYTES + slot * SLOT_BYTES,
                (uint64_t)pages[slot] * PAGE, 0, 0);
            pages[slot] = 0;
        } else {
            pages[slot] = 1 + (uint32_t)(seed >> 20) % 64;
            put(writer, now_ns, EVENT_MMAP, (int64_t)(base + SLOT_BYTES + slot * SLOT_BYTES), 0,
                (uint64_t)pages[slot] * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
        }
    }
    look(snapshots_fd, now_ns + 1000, pages, leak_low);
    check(event_sink_finish(&writer->sink));
    events_writer_destroy(writer);
    close(events_fd);
    close(snapshots_fd);
    check(case_save(c, CASE_COMPLETE, NULL));
}

static void measure(uint64_t events, const struct plan *plan)
{
    char path[] = "/tmp/seep-bench.XXXXXX", place[64], command[96];
    struct analysis *analysis;
    struct case_dir *c;
    struct rusage usage;
    uint64_t begin_ns;

    if (!mkdtemp(path))
        exit(1);
    snprintf(place, sizeof(place), "%s/case", path);
    check(case_create(place, "/bin/x", PID, &c));
    record(c, events, plan);
    begin_ns = units_monotonic_ns();
    check(analysis_run(c, &(struct analysis_options){.skip_symbols = true}, &analysis));
    getrusage(RUSAGE_SELF, &usage);
    printf("%" PRIu64 " events, leaks %s: %.2f s, peak RSS %ld MiB; %s, %zu findings, first: %s\n",
           events, plan->what, (double)(units_monotonic_ns() - begin_ns) / NS_PER_S,
           usage.ru_maxrss / 1024, verdict_name(analysis->verdict), analysis->findings.count,
           analysis->findings.count ? analysis->findings.items[0].title : "-");
    analysis_destroy(analysis);
    case_destroy(c);
    snprintf(command, sizeof(command), "rm -rf %s", path);
    if (system(command))
        exit(1);
}

int main(int argc, char **argv)
{
    uint64_t events = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;

    measure(events, &(struct plan){.what = "of one size"});
    measure(events, &(struct plan){.what = "of every size", .of_every_size = true});
    measure(events, &(struct plan){.what = "of one size, with call paths", .with_paths = true});
    return 0;
}
