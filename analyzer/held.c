#include "analyzer/held.h"

#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct held_maker_key {
    int64_t id;
    uint64_t kind;
};

struct held_maker {
    struct held_maker_key key;
    uint64_t time_ns;
    pid_t tid;
    uint32_t stack_id;
    UT_hash_handle hh;
};

static void forget_objects(struct held *held)
{
    for (size_t i = 0; i < held->objects.count; i++)
        free(held->objects.items[i].name);
    vector_deinit(&held->objects);
}

void held_deinit(struct held *held)
{
    struct held_maker *maker, *following;

    HASH_ITER(hh, held->makers, maker, following)
    {
        HASH_DEL(held->makers, maker);
        free(maker);
    }
    forget_objects(held);
    *held = (struct held){0};
}

static struct held_maker *find_maker(const struct held *held, enum snapshot_held_kind kind,
                                     int64_t id)
{
    struct held_maker_key key = {.id = id, .kind = kind};
    struct held_maker *maker;

    HASH_FIND(hh, held->makers, &key, sizeof(key), maker);
    return maker;
}

struct seep_error *held_made(struct held *held, enum snapshot_held_kind kind,
                             const struct event *ev)
{
    struct held_maker *maker = find_maker(held, kind, ev->result);

    /* An id is found again by every shmget of its key; a descriptor's number is given again only
     * when it was closed. */
    if (maker && kind == SNAPSHOT_HELD_SYSV)
        return NULL;
    if (!maker) {
        maker = calloc(1, sizeof(*maker));
        if (!maker)
            return error_no_memory();
        maker->key = (struct held_maker_key){.id = ev->result, .kind = kind};
        HASH_ADD(hh, held->makers, key, sizeof(maker->key), maker);
        if (!maker->hh.tbl) {
            free(maker);
            return error_no_memory();
        }
    }
    maker->tid = ev->tid;
    maker->time_ns = ev->exit_ns;
    maker->stack_id = ev->stack_id;
    return NULL;
}

static int compare_objects(const void *a, const void *b)
{
    const struct held_object *x = a, *y = b;

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (x->device != y->device)
        return x->device < y->device ? -1 : 1;
    return (x->inode > y->inode) - (x->inode < y->inode);
}

static struct held_object *find_object(const struct held *held, const struct held_object *wanted)
{
    return held->objects.count ? bsearch(wanted, held->objects.items, held->objects.count,
                                         sizeof(*wanted), compare_objects)
                               : NULL;
}

/* What the look before and the calls know of OBJECT. */
static void complete(const struct held *held, struct held_object *object, uint64_t look_ns)
{
    const struct held_object *before = find_object(held, object);
    const struct held_maker *maker = find_maker(held, object->kind, object->id);

    object->first_ns = before ? before->first_ns : look_ns;
    object->first_bytes = before ? before->first_bytes : held->looked ? 0 : object->bytes;
    object->maker_tid = before ? before->maker_tid : 0;
    object->maker_stack = before ? before->maker_stack : 0;
    if (maker && !before && maker->time_ns <= look_ns) {
        object->first_ns = maker->time_ns;
        object->first_bytes = 0;
        object->maker_tid = maker->tid;
        object->maker_stack = maker->stack_id;
    }
}

struct seep_error *held_look(struct held *held, const struct snapshot *snap)
{
    struct held now = {0};
    struct seep_error *err = NULL;

    for (size_t i = 0; i < snap->held.count && !err; i++) {
        const struct snapshot_held *seen = &snap->held.items[i];
        struct held_object object = {
            .kind = seen->kind,
            .id = seen->id,
            .device = seen->device,
            .inode = seen->inode,
            .bytes = seen->held_bytes,
            .attached = seen->attached,
            .name = strdup(seen->name ? seen->name : ""),
        };

        if (object.bytes == SNAPSHOT_UNKNOWN)
            object.bytes = seen->size_bytes == SNAPSHOT_UNKNOWN ? 0 : seen->size_bytes;
        if (!object.name) {
            err = error_no_memory();
            break;
        }
        complete(held, &object, snap->end_ns);
        err = vector_push(&now.objects, object);
        if (err)
            free(object.name);
    }
    if (err) {
        forget_objects(&now);
        return err;
    }
    /* Two descriptors of one object stand together now: the later one is left out. */
    if (now.objects.count)
        qsort(now.objects.items, now.objects.count, sizeof(*now.objects.items), compare_objects);

    size_t kept = 0;

    for (size_t i = 0; i < now.objects.count; i++) {
        if (kept && compare_objects(&now.objects.items[kept - 1], &now.objects.items[i]) == 0)
            free(now.objects.items[i].name);
        else
            now.objects.items[kept++] = now.objects.items[i];
    }
    now.objects.count = kept;
    forget_objects(held);
    memcpy(&held->objects, &now.objects, sizeof(now.objects));
    held->looked = true;
    return NULL;
}
