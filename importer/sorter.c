#include "importer/sorter.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/buffer.h"
#include "base/io.h"
#include "base/vector.h"

enum {
    DEFAULT_CHUNK_BYTES = 16 << 20,
    RUN_READ_BYTES = 128 << 10,
    WRITE_BYTES = 256 << 10,
    MAX_RECORD_BYTES = 1 << 20,
    INSERTION_MOVES = 16, /* an item, on average */
};

/* In front of each record in the file. */
struct __attribute__((packed)) record_head {
    uint64_t key;
    uint32_t len;
};

struct item {
    uint64_t key;
    uint32_t at, len; /* in the chunk's bytes */
};

struct run {
    uint64_t at, end; /* in the file: what is not read yet */
    uint64_t last_key;
    struct buffer bytes; /* read, from `used` on not given yet */
    size_t used;
    struct sorter_record record; /* the next one */
};

struct sorter {
    int temporary_fd, fd;
    size_t chunk_bytes;
    uint64_t count, file_bytes;
    struct buffer chunk;
    VECTOR(struct item) items;
    bool sorted;      /* the chunk's items so far are in order */
    size_t next_item; /* when nothing was written */
    VECTOR(struct run) runs;
    VECTOR(size_t) heap; /* of runs with a record, the least on top */
    bool given;          /* the top's record is with the caller */
};

struct seep_error *sorter_temporary(int dir_fd, int *ret_fd)
{
    static const char name[] = "import.tmp";
    int fd = openat(dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    /* Not every file system can. */
    if (fd < 0) {
        fd = openat(dir_fd, name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd >= 0)
            unlinkat(dir_fd, name, 0);
    }
    if (fd < 0)
        return error_errno(errno, NULL, "cannot make a temporary file");
    *ret_fd = fd;
    return NULL;
}

struct seep_error *sorter_create(int temporary_fd, size_t chunk_bytes, struct sorter **ret_sorter)
{
    struct sorter *sorter = calloc(1, sizeof(*sorter));

    if (!sorter)
        return error_no_memory();
    sorter->temporary_fd = temporary_fd;
    sorter->fd = -1;
    sorter->chunk_bytes = chunk_bytes ? chunk_bytes : DEFAULT_CHUNK_BYTES;
    sorter->sorted = true;
    *ret_sorter = sorter;
    return NULL;
}

void sorter_destroy(struct sorter *sorter)
{
    if (!sorter)
        return;
    for (size_t i = 0; i < sorter->runs.count; i++)
        buffer_deinit(&sorter->runs.items[i].bytes);
    cleanup_close(&sorter->fd);
    buffer_deinit(&sorter->chunk);
    vector_deinit(&sorter->items);
    vector_deinit(&sorter->runs);
    vector_deinit(&sorter->heap);
    free(sorter);
}

uint64_t sorter_count(const struct sorter *sorter)
{
    return sorter->count;
}

/* --- adding --- */

/* Places in the chunk are in the order of adding. */
static int compare_items(const void *a, const void *b)
{
    const struct item *x = a, *y = b;

    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

/* Moves each item to its place among those before it, as long as that costs little; false: it does
 * not. */
static bool insert_items(struct item *items, size_t count)
{
    size_t budget = count * INSERTION_MOVES;

    for (size_t i = 1; i < count; i++) {
        const struct item item = items[i];
        size_t at = i;

        for (; at > 0 && item.key < items[at - 1].key && budget; at--, budget--)
            items[at] = items[at - 1];
        items[at] = item;
    }
    return budget > 0;
}

static void sort_chunk(struct sorter *sorter)
{
    if (!sorter->sorted && !insert_items(sorter->items.items, sorter->items.count))
        qsort(sorter->items.items, sorter->items.count, sizeof(struct item), compare_items);
    sorter->sorted = true;
}

static struct seep_error *write_items(struct sorter *sorter)
{
    _cleanup_buffer_ struct buffer out = {0};
    struct seep_error *err = NULL;

    for (size_t i = 0; i < sorter->items.count && !err; i++) {
        const struct item *item = &sorter->items.items[i];
        const struct record_head head = {item->key, item->len};

        buffer_bytes(&out, &head, sizeof(head));
        buffer_bytes(&out, sorter->chunk.bytes + item->at, item->len);
        if (out.failed)
            return error_no_memory();
        if (out.len < WRITE_BYTES && i + 1 < sorter->items.count)
            continue;
        err = error_prefix(io_write(sorter->fd, out.bytes, out.len),
                           "a temporary file in the case's directory");
        sorter->file_bytes += out.len;
        buffer_clear(&out);
    }
    return err;
}

static struct seep_error *write_run(struct sorter *sorter)
{
    const struct item *items = sorter->items.items;
    size_t count = sorter->items.count;
    uint64_t before = sorter->file_bytes;
    struct run *last;
    struct seep_error *err = NULL;

    if (!count)
        return NULL;
    if (sorter->fd < 0)
        err = sorter_temporary(sorter->temporary_fd, &sorter->fd);
    if (err)
        return err;
    sort_chunk(sorter);
    err = write_items(sorter);
    last = sorter->runs.count ? &sorter->runs.items[sorter->runs.count - 1] : NULL;
    if (!err && last && items[0].key >= last->last_key) {
        last->end = sorter->file_bytes;
        last->last_key = items[count - 1].key;
    } else if (!err) {
        err = vector_push(&sorter->runs, (struct run){.at = before,
                                                      .end = sorter->file_bytes,
                                                      .last_key = items[count - 1].key});
    }
    sorter->items.count = 0;
    buffer_clear(&sorter->chunk);
    return err;
}

struct seep_error *sorter_add(struct sorter *sorter, uint64_t key, const void *bytes, size_t len)
{
    struct seep_error *err = NULL;

    if (len > MAX_RECORD_BYTES)
        return error_create(ERROR_INVALID, "a record of %zu bytes", len);
    if (sorter->chunk.len + sorter->items.count * sizeof(struct item) + len > sorter->chunk_bytes)
        err = write_run(sorter);
    if (err)
        return err;
    if (sorter->items.count && key < sorter->items.items[sorter->items.count - 1].key)
        sorter->sorted = false;
    err =
        vector_push(&sorter->items, (struct item){key, (uint32_t)sorter->chunk.len, (uint32_t)len});
    if (err)
        return err;
    buffer_bytes(&sorter->chunk, bytes, len);
    if (sorter->chunk.failed)
        return error_no_memory();
    sorter->count++;
    return NULL;
}

/* --- giving --- */

/* Reads on until NEED bytes are there behind `used`. */
static struct seep_error *run_fill(struct sorter *sorter, struct run *run, size_t need)
{
    size_t left = run->bytes.len - run->used;
    size_t want = need - left > RUN_READ_BYTES ? need - left : RUN_READ_BYTES, got;
    struct seep_error *err;
    char *room;

    if (want > run->end - run->at)
        want = run->end - run->at;
    if (left)
        memmove(run->bytes.bytes, run->bytes.bytes + run->used, left);
    run->bytes.len = left;
    run->used = 0;
    room = buffer_extend(&run->bytes, want);
    if (!room)
        return error_no_memory();
    err = io_pread(sorter->fd, room, want, (off_t)run->at, &got);
    if (!err && (got < want || left + got < need))
        err = error_create(ERROR_SYSTEM, "the temporary file is shorter than what was written");
    run->at += want;
    return err;
}

/* The run's next record; bytes NULL at its end. */
static struct seep_error *run_next(struct sorter *sorter, struct run *run)
{
    struct record_head head;
    struct seep_error *err = NULL;

    if (run->used == run->bytes.len && run->at == run->end) {
        run->record.bytes = NULL;
        return NULL;
    }
    if (run->bytes.len - run->used < sizeof(head))
        err = run_fill(sorter, run, sizeof(head));
    if (err)
        return err;
    memcpy(&head, run->bytes.bytes + run->used, sizeof(head));
    if (run->bytes.len - run->used < sizeof(head) + head.len)
        err = run_fill(sorter, run, sizeof(head) + head.len);
    if (err)
        return err;
    run->record =
        (struct sorter_record){head.key, run->bytes.bytes + run->used + sizeof(head), head.len};
    run->used += sizeof(head) + head.len;
    return NULL;
}

/* Runs were written in the order of adding: of equal keys the earlier run's goes first. */
static bool is_before(const struct sorter *sorter, size_t a, size_t b)
{
    uint64_t x = sorter->runs.items[a].record.key, y = sorter->runs.items[b].record.key;

    return x < y || (x == y && a < b);
}

static void sift_down(struct sorter *sorter, size_t at)
{
    size_t *heap = sorter->heap.items, count = sorter->heap.count;

    for (;;) {
        size_t least = at, left = 2 * at + 1, moved;

        if (left < count && is_before(sorter, heap[left], heap[least]))
            least = left;
        if (left + 1 < count && is_before(sorter, heap[left + 1], heap[least]))
            least = left + 1;
        if (least == at)
            return;
        moved = heap[at];
        heap[at] = heap[least];
        heap[least] = moved;
        at = least;
    }
}

struct seep_error *sorter_sort(struct sorter *sorter)
{
    struct seep_error *err = NULL;

    sort_chunk(sorter);
    if (!sorter->runs.count)
        return NULL;
    err = write_run(sorter);
    buffer_deinit(&sorter->chunk);
    vector_deinit(&sorter->items);
    for (size_t i = 0; i < sorter->runs.count && !err; i++) {
        err = run_next(sorter, &sorter->runs.items[i]);
        if (!err)
            err = vector_push(&sorter->heap, i);
    }
    for (size_t i = sorter->heap.count / 2; i-- > 0 && !err;)
        sift_down(sorter, i);
    return err;
}

struct seep_error *sorter_next(struct sorter *sorter, struct sorter_record *ret_record)
{
    struct seep_error *err = NULL;
    size_t *heap = sorter->heap.items;

    if (!sorter->runs.count) {
        const struct item *item = &sorter->items.items[sorter->next_item];

        if (sorter->next_item == sorter->items.count) {
            *ret_record = (struct sorter_record){0};
            return NULL;
        }
        sorter->next_item++;
        *ret_record = (struct sorter_record){item->key, sorter->chunk.bytes + item->at, item->len};
        return NULL;
    }
    if (sorter->given && sorter->heap.count) {
        struct run *top = &sorter->runs.items[heap[0]];

        err = run_next(sorter, top);
        if (err)
            return err;
        if (!top->record.bytes) {
            buffer_deinit(&top->bytes);
            top->bytes = (struct buffer){0};
            heap[0] = heap[--sorter->heap.count];
        }
        sift_down(sorter, 0);
    }
    sorter->given = sorter->heap.count > 0;
    *ret_record = sorter->given ? sorter->runs.items[heap[0]].record : (struct sorter_record){0};
    return NULL;
}
