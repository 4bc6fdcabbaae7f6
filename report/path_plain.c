#include "report/path_plain.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash && slash[1] ? slash + 1 : path;
}

static bool begins_with(const char *text, const char *beginning)
{
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

/* What stands outside of every thread and of main. */
static bool is_start(const struct analysis_frame *frame)
{
    static const char *const names[] = {"start_thread", "clone3",  "__clone3",
                                        "clone",        "__clone", "_start"};

    /* Where std::thread calls what it was given. */
    if (frame->module && begins_with(base_name(frame->module), "libstdc++.so"))
        return true;
    if (!frame->function)
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strcmp(frame->function, names[i]) == 0)
            return true;
    return begins_with(frame->function, "__libc_start");
}

bool path_plain_is_library(const struct analysis_frame *frame)
{
    static const char *const beginnings[] = {"std::", "alloc::", "core::", "__gnu_cxx::", "<std::"};
    const char *name = frame->function;

    if (!name)
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(beginnings); i++)
        if (begins_with(name, beginnings[i]))
            return true;
    return name[0] == '<' && (strstr(name, " as alloc::") || strstr(name, " as core::"));
}

bool path_plain_unnamed(const struct analysis_frame *frame)
{
    return frame->kind == STACK_FRAME_JIT && !frame->function && !frame->module;
}

size_t path_plain_first(const struct analysis_stack *stack)
{
    if (stack->culprit < stack->frames.count)
        return stack->culprit;
    for (size_t i = 0; i < stack->frames.count; i++)
        if (path_plain_unnamed(&stack->frames.items[i]))
            return i;
    return 0;
}

/* Frame I says nothing to a reader after frame LAST, the one shown before it. */
static bool is_left_out(const struct analysis_stack *stack, size_t i, size_t first,
                        const struct analysis_frame *last)
{
    const struct analysis_frame *frame = &stack->frames.items[i];
    const char *outer = i + 1 < stack->frames.count ? stack->frames.items[i + 1].function : NULL;

    if (i == first)
        return false;
    /* A part of a function that the compiler inlined into the rest of it. */
    if (frame->inlined && frame->function && outer && strcmp(frame->function, outer) == 0)
        return true;
    if (path_plain_unnamed(frame) && last && path_plain_unnamed(last))
        return true;
    if (frame->kind == STACK_FRAME_GAP)
        return frame->function && begins_with(frame->function, "a frame may be missing");
    return i > first && path_plain_is_library(frame);
}

bool path_plain_make(const struct analysis_stack *stack, struct analysis_stack *ret_plain)
{
    size_t count = stack->frames.count, first = path_plain_first(stack), kept = 0;
    struct analysis_frame *frames = calloc(count ? count : 1, sizeof(*frames));

    if (!frames)
        return false;
    while (count > first + 1 && is_start(&stack->frames.items[count - 1]))
        count--;
    *ret_plain = *stack;
    for (size_t i = 0; i < count; i++) {
        if (i == first && stack->culprit < stack->frames.count)
            ret_plain->culprit = kept;
        if (!is_left_out(stack, i, first, kept ? &frames[kept - 1] : NULL))
            frames[kept++] = stack->frames.items[i];
    }
    if (stack->culprit >= stack->frames.count)
        ret_plain->culprit = kept;
    ret_plain->frames.items = frames;
    ret_plain->frames.count = kept;
    return true;
}
