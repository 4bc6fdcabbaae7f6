/* Bytes are a strace log, whatever they hold: it becomes a case, or is refused, and what the case then
 * has can be read and is in order. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "evidence/case.h"
#include "evidence/events_file.h"
#include "importer/importer.h"
#include "tests/fuzz/directory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

extern const struct importer importer_strace;

static void check_events(int case_fd)
{
    struct events_reader *reader;
    enum event_source_step step = EVENT_SOURCE_MORE;
    struct event ev;
    uint64_t last_ns = 0;
    struct seep_error *err = events_reader_create(case_fd, NULL, &reader);

    if (err) {
        error_destroy(err); /* a log without calls gives none */
        return;
    }
    while (step == EVENT_SOURCE_MORE) {
        if (event_source_next(&reader->source, &ev, &step))
            abort();
        if (step == EVENT_SOURCE_MORE && (ev.exit_ns < last_ns || ev.pid <= 0 || ev.tid <= 0 ||
                                          (ev.pending_ns && ev.pending_ns > ev.exit_ns)))
            abort();
        last_ns = ev.exit_ns;
    }
    event_source_destroy(&reader->source);
}

static struct seep_error *import(const char *log_path, struct collection *collection)
{
    struct input *in = NULL;
    const char *head;
    size_t len;
    struct seep_error *err = input_open(log_path, &in);

    if (!err)
        err = input_head(in, &head, &len);
    if (!err) {
        importer_strace.recognise(head, len);
        err = collection_begin(collection, in, "strace");
    }
    if (!err)
        err = importer_strace.import(in, collection);
    if (!err)
        err = collection_end(collection);
    input_destroy(in);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char case_name[] = "/tmp/seep-fuzz-case.XXXXXX";
    char log_path[128], case_path[sizeof(case_name)];
    struct collection_options options = {0};
    struct collection *collection = NULL;
    struct case_dir *c = NULL;
    struct seep_error *err;

    directory_with("log.4242", data, size);
    memcpy(case_path, case_name, sizeof(case_name));
    if (!mkdtemp(case_path) || case_create(case_path, NULL, 0, &c) ||
        collection_create(c->fd, &options, &collection))
        abort();
    snprintf(log_path, sizeof(log_path), "%s/%s", directory_path, directory_file);
    err = import(log_path, collection);
    error_destroy(err);
    if (collection_write(collection, c))
        abort();
    check_events(c->fd);
    collection_destroy(collection);
    case_discard(c);
    case_destroy(c);
    return 0;
}
