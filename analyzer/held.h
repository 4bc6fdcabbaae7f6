/*
 * Shared memory that descriptors and System V ids hold, from look to look: a memfd that was
 * unmapped, or a segment that no one attaches any more, keeps its blocks.
 *
 * Objects are told apart by device and inode; what is gone at the last look is forgotten.
 */
#pragma once

#include "base/vector.h"
#include "evidence/event.h"
#include "evidence/snapshot.h"

struct held_object {
    enum snapshot_held_kind kind;
    int64_t id;
    uint64_t device, inode;
    uint64_t first_ns;    /* first look that had it; the call that made it, where that is known */
    uint64_t first_bytes; /* at the first look of the process; 0: came later */
    uint64_t bytes;
    uint64_t attached;    /* SNAPSHOT_UNKNOWN */
    pid_t maker_tid;      /* 0 not known */
    uint32_t maker_stack; /* the call path of the call that made it; 0 not known */
    char *name;
};

struct held_maker;

/* All zeros is empty. */
struct held {
    VECTOR(struct held_object) objects; /* by device, inode */
    struct held_maker *makers;          /* uthash: who made which descriptor or id, and when */
    bool looked;
};

void held_deinit(struct held *held);

/* A successful memfd_create or shmget, whose result is the descriptor or id. */
struct seep_error *held_made(struct held *held, enum snapshot_held_kind kind,
                             const struct event *ev);

struct seep_error *held_look(struct held *held, const struct snapshot *snap);
