/*
 * Call paths from text:
 *
 *     struct frames_made made;
 *     frames_make("mmap64@libc.so.6 < malloc@libc.so.6 < store:88 < main", &made);
 *     ... made.path ...
 *     free(made.text);
 *
 * Innermost first, each a function, its module ("hero" unless said) and its line. Include after
 * cmocka.h.
 */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "evidence/stack.h"

enum { FRAMES_MAX = 64 };

struct frames_made {
    struct stack_module modules[FRAMES_MAX];
    struct stack_frame frames[FRAMES_MAX];
    struct stack_path path;
    char *text; /* what the names are parts of */
};

/* A frame of "FUNCTION@MODULE:LINE", which is taken apart; "?" has no name, its line being its offset. */
static inline struct stack_frame frames_parse(char *text, struct stack_module *module)
{
    char *line = strrchr(text, ':'), *at = strchr(text, '@');
    struct stack_frame frame = {.module = module};

    if (line && line > text && line[-1] != ':') {
        *line = '\0';
        frame.line = (uint32_t)atoi(line + 1);
    }
    if (at)
        *at = '\0';
    module->path = at ? at + 1 : (char *)"/usr/bin/hero";
    frame.offset = 16 * (uint64_t)frame.line;
    for (const char *c = text; *c; c++)
        frame.offset += (uint64_t)(unsigned char)*c << (c - text) % 8 * 4;
    frame.address = 0x550000000000 + frame.offset;
    if (strcmp(text, "?") == 0) {
        frame.offset = frame.line;
        frame.line = 0;
    } else {
        frame.function = text;
        frame.file = frame.line ? (char *)"hero.c" : NULL;
    }
    return frame;
}

static inline void frames_make(const char *text, struct frames_made *ret_made)
{
    char *rest = strdup(text);
    size_t count = 0;

    assert_non_null(rest);
    memset(ret_made, 0, sizeof(*ret_made));
    ret_made->text = rest;
    while (rest) {
        char *next = strstr(rest, " < ");

        if (next) {
            *next = '\0';
            next += strlen(" < ");
        }
        assert_true(count < FRAMES_MAX);
        ret_made->frames[count] = frames_parse(rest, &ret_made->modules[count]);
        count++;
        rest = next;
    }
    ret_made->path = (struct stack_path){STACK_END_COMPLETE, ret_made->frames, count};
}
