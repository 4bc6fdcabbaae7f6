/*
 * Where bytes were in memory that do not say so themselves.
 *
 *     --raw dump.bin@0x7f4674483000             there
 *     dump.bin, of exactly the size of one region of the last snapshot       there, as a guess
 *     dump.bin, which only one region is large enough for                    at its start, as a guess
 *     dump.bin                                                               nowhere that is known
 */
#pragma once

#include "importer/collection.h"
#include "importer/input.h"

struct place {
    uint64_t start;
    bool placed;   /* false: START is a guess, or made up */
    char why[200]; /* when not */
    pid_t pid;     /* of the snapshot that was looked at; 0: unknown */
    char name[64];
    uint32_t perms;
};

/* For bytes that reach from 0 to LEN_BYTES of something. */
struct seep_error *place_find(struct input *in, struct collection *c, uint64_t len_bytes,
                              struct place *ret_place);

struct saved_bytes;

/* Hands all of SAVED, whose addresses are those of PLACE already, to the collection. */
struct seep_error *place_hand_over(struct collection *c, const struct place *place,
                                   struct saved_bytes *saved, struct when when);
