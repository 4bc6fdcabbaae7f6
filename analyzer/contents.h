/*
 * What saved memory says: its commonest strings and templates, and when it was written.
 *
 *     contents_window(&info, &dumps, &options);
 *     contents_scan(&dumps, &selection, &options, &contents);
 *     contents.strings    "MIME-Version: 1.0" 12,345 times, 209,865 bytes     the most bytes first
 *     contents.templates  "Message-ID: <*.*.JavaMail.root@*>" 12,345 times
 *     contents.times      first, last and count of all, and of the bulk of them
 *     contents_sentence(&contents, mappings, n, &text)
 *         "content written 08:22:18 to 08:29:13, mapped at 08:22:40 by thread 25897"
 *
 * A time counts when it is plausible for this case: from 30 days before the recording or the oldest
 * dump began to a day after the last of them ended. Older ones are in every memory (certificates,
 * build dates), and later ones are numbers that only look like times. Of imported evidence whose calls
 * have no dates nobody knows when it was made: then from the year 2000 to the day after today.
 *
 * It knows nothing of findings, and not which mappings matter: the caller tells.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "analyzer/analysis.h"
#include "analyzer/saved_memory.h"
#include "content/strings.h"
#include "content/time_histogram.h"
#include "content/timestamps.h"

enum { CONTENTS_STRINGS = 10, CONTENTS_TEMPLATES = 10 };

struct contents_options {
    uint64_t first_ns, last_ns; /* the plausible window, wall clock */
    int32_t utc_offset_s;       /* of times that name no zone */
    unsigned encodings;         /* enum strings_encoding; 0: no strings */
    size_t min_chars;
    size_t string_count;   /* how many of the commonest */
    size_t template_count; /* 0: none are looked for */
    uint32_t forms;        /* 1 << enum timestamps_form; 0: no times */
    unsigned threads;      /* 0: one for every core */
    /* As in struct scan_options. */
    struct seep_error *(*progress)(uint64_t done_bytes, void *context);
    void *context;
};

struct contents_form {
    uint64_t count, first_ns, last_ns;
};

struct contents {
    VECTOR(struct analysis_string) strings;
    VECTOR(struct analysis_template) templates;
    struct time_histogram times;
    struct time_span bulk; /* of times: far-off ones left out; count 0: no time was found */
    struct contents_form forms[TIMESTAMPS_FORM_COUNT];
    struct saved_memory_result read;
};

/* The defaults: the window of the case, the local zone's offset at its end (localtime(3)), ASCII,
 * UTF-8 and UTF-16LE strings of 10 characters or more, every form of time. */
void contents_window(const struct case_info *info, const struct dumps *dumps,
                     struct contents_options *ret_options);

/* Reads what SELECTION names. Nothing saved there gives empty contents. */
struct seep_error *contents_scan(const struct dumps *dumps,
                                 const struct saved_memory_selection *selection,
                                 const struct contents_options *options,
                                 struct contents *ret_contents);

/* The same of pieces that were chosen already. */
struct seep_error *contents_scan_pieces(const struct saved_pieces *pieces,
                                        const struct contents_options *options,
                                        struct contents *ret_contents);
void contents_deinit(struct contents *contents);

/* Where times go: the contents of the area that PIECE belongs to, which begin empty, and whose `read`
 * stays so. ON_TIME is told of each as well; it may be NULL. */
struct contents_areas {
    struct contents *(*area_of)(const struct saved_piece *piece, void *context);
    void (*on_time)(const struct timestamps_found *found, const struct saved_piece *piece,
                    void *context);
    void *context;
};

/* The times alone, of many areas in one pass. RET_READ: of all. */
struct seep_error *contents_scan_times(const struct saved_pieces *pieces,
                                       const struct contents_options *options,
                                       const struct contents_areas *areas,
                                       struct saved_memory_result *ret_read);

/* A mapping of the memory that was scanned. */
struct contents_mapping {
    uint64_t time_ns; /* wall clock */
    pid_t tid;
};

/* The mapping nearest in time to where the bulk of the content begins; NULL when there is none. */
const struct contents_mapping *contents_nearest(const struct time_span *bulk,
                                                const struct contents_mapping *mappings,
                                                size_t count);

/* When the bulk was written, and mapped, in the local zone; dates are named when it was not all on
 * one day. RET_TEXT: the caller frees; NULL when no time was found. */
struct seep_error *contents_sentence(const struct time_span *bulk,
                                     const struct contents_mapping *mappings, size_t count,
                                     char **ret_text);

/* The same where the calls have no dates, and cannot be compared with what was written: in UTC. */
struct seep_error *contents_sentence_alone(const struct time_span *bulk, char **ret_text);
