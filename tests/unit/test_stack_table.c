/* Call paths: the same path has the same number, and what is written is read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "evidence/stack_table.h"

static struct stack_module libc = {
    .path = (char *)"/usr/lib/libc.so.6", .build_id = {0x8f, 0x2a, 0x00, 0x01}, .build_id_len = 4};
static struct stack_module other_libc = {.path = (char *)"/usr/lib/libc.so.6"};

static const struct stack_frame frames[] = {
    {.offset = 0x10f1b9, .address = 0x7f460010f1b9, .flags = STACK_FRAME_EXACT, .module = &libc},
    {.offset = 0x98a02, .address = 0x7f4600098a02, .module = &libc},
    {.kind = STACK_FRAME_JIT, .address = 0x7f4601000010, .flags = STACK_FRAME_BY_POINTER},
    {.offset = 0x98a02, .address = 0x7f4600098a02, .module = &other_libc},
    {.kind = STACK_FRAME_JAVA,
     .function = (char *)"PoolArena.newChunk",
     .file = (char *)"P.java",
     .line = 12},
    {.kind = STACK_FRAME_JAVA,
     .function = (char *)"PoolArena.newChunk",
     .file = (char *)"P.java",
     .line = 13},
    {.kind = STACK_FRAME_GAP, .function = (char *)"frames are missing"},
};

static uint32_t add(struct stack_table *table, enum stack_end end, size_t from, size_t count)
{
    uint32_t id = UINT32_MAX;

    assert_null(stack_table_add(table, &(struct stack_path){end, frames + from, count}, &id));
    return id;
}

static void check_frame(const struct stack_frame *got, const struct stack_frame *want)
{
    assert_int_equal(got->kind, want->kind);
    assert_int_equal(got->flags, want->flags);
    assert_int_equal(got->address, want->address);
    assert_int_equal(got->offset, want->offset);
    assert_int_equal(got->line, want->line);
    assert_int_equal(!got->module, !want->module);
    if (want->module) {
        assert_string_equal(got->module->path, want->module->path);
        assert_int_equal(got->module->build_id_len, want->module->build_id_len);
        assert_memory_equal(got->module->build_id, want->module->build_id,
                            want->module->build_id_len);
    }
    assert_int_equal(!got->function, !want->function);
    if (want->function)
        assert_string_equal(got->function, want->function);
    assert_int_equal(!got->file, !want->file);
    if (want->file)
        assert_string_equal(got->file, want->file);
}

static void check(const struct stack_table *table, uint32_t id, enum stack_end end, size_t from,
                  size_t count)
{
    const struct stack *stack = stack_table_get(table, id);

    assert_non_null(stack);
    assert_int_equal(stack->id, id);
    assert_int_equal(stack->end, end);
    assert_int_equal(stack->count, count);
    for (size_t i = 0; i < count; i++)
        check_frame(stack->frames[i], &frames[from + i]);
}

static void a_path_has_one_number(void **state)
{
    _cleanup_(stack_table_destroyp) struct stack_table *table = NULL;

    (void)state;
    assert_null(stack_table_create(&table));
    assert_false(stack_table_has_news(table));
    assert_int_equal(add(table, STACK_END_COMPLETE, 0, 7), 1);
    assert_int_equal(add(table, STACK_END_COMPLETE, 0, 3), 2);
    assert_int_equal(add(table, STACK_END_COPY, 0, 3), 3);
    assert_int_equal(add(table, STACK_END_COMPLETE, 0, 0), 4);
    assert_int_equal(add(table, STACK_END_COMPLETE, 0, 7), 1);
    assert_int_equal(add(table, STACK_END_COPY, 0, 3), 3);
    assert_int_equal(stack_table_count(table), 4);
    assert_true(stack_table_has_news(table));
    check(table, 1, STACK_END_COMPLETE, 0, 7);
    check(table, 2, STACK_END_COMPLETE, 0, 3);
    check(table, 3, STACK_END_COPY, 0, 3);
    check(table, 4, STACK_END_COMPLETE, 0, 0);
    assert_null(stack_table_get(table, 0));
    assert_null(stack_table_get(table, 5));
    /* Modules of one path and two build-ids are two; equal frames are one. */
    assert_ptr_not_equal(stack_table_get(table, 1)->frames[1]->module,
                         stack_table_get(table, 1)->frames[3]->module);
    assert_ptr_equal(stack_table_get(table, 1)->frames[2], stack_table_get(table, 2)->frames[2]);
}

static void what_is_written_is_read_back(void **state)
{
    _cleanup_(stack_table_destroyp) struct stack_table *table = NULL, *read = NULL;
    _cleanup_buffer_ struct buffer first = {0}, second = {0}, little = {0};

    (void)state;
    assert_null(stack_table_create(&table));
    assert_null(stack_table_create(&read));
    add(table, STACK_END_COMPLETE, 0, 4);
    add(table, STACK_END_MAX_FRAMES, 2, 4);
    assert_false(stack_table_encode(table, SIZE_MAX, &first));
    assert_false(stack_table_has_news(table));
    add(table, STACK_END_BROKEN, 1, 6);
    add(table, STACK_END_COMPLETE, 6, 1);
    while (stack_table_encode(table, 1, &little)) {
        buffer_bytes(&second, little.bytes, little.len);
        buffer_clear(&little);
    }
    buffer_bytes(&second, little.bytes, little.len);
    assert_null(stack_table_decode(read, first.bytes, first.len));
    check(read, 1, STACK_END_COMPLETE, 0, 4);
    assert_int_equal(stack_table_count(read), 2);
    assert_null(stack_table_decode(read, second.bytes, second.len));
    check(read, 2, STACK_END_MAX_FRAMES, 2, 4);
    check(read, 3, STACK_END_BROKEN, 1, 6);
    check(read, 4, STACK_END_COMPLETE, 6, 1);
}

static void nonsense_is_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } bad[] = {
        {"\x09", 1},                     /* no such definition */
        {"\x02\x00\x00\x01\x00\x00", 6}, /* a frame in a module that is not there */
        {"\x03\x00\x01\x02", 4},         /* a path of a frame that is not there */
        {"\x01\x05/x", 4},               /* a name that is cut */
        {"\x02\x00\x00\x00\x02\x02\x02\x00\x00\x00\x00\x00", 12}, /* a frame twice */
        {"\x02\x00\x00\x00\x02\x02\x03\x00\xff\xff\x7f\x02",
         12}, /* more frames than there are bytes */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        _cleanup_(stack_table_destroyp) struct stack_table *table = NULL;
        struct seep_error *err;

        assert_null(stack_table_create(&table));
        err = stack_table_decode(table, bad[i].bytes, bad[i].len);
        assert_non_null(err);
        assert_int_equal(err->code, ERROR_CORRUPT);
        error_destroy(err);
    }
}

static void too_many_frames_are_refused(void **state)
{
    _cleanup_(stack_table_destroyp) struct stack_table *table = NULL;
    _cleanup_free_ struct stack_frame *many = calloc(STACK_MAX_FRAMES + 1, sizeof(*many));
    uint32_t id = 0;
    struct seep_error *err;

    (void)state;
    assert_null(stack_table_create(&table));
    for (size_t i = 0; i <= STACK_MAX_FRAMES; i++)
        many[i].address = i;
    err = stack_table_add(
        table, &(struct stack_path){STACK_END_COMPLETE, many, STACK_MAX_FRAMES + 1}, &id);
    assert_non_null(err);
    assert_int_equal(err->code, ERROR_INVALID);
    error_destroy(err);
    assert_null(stack_table_add(
        table, &(struct stack_path){STACK_END_COMPLETE, many, STACK_MAX_FRAMES}, &id));
    assert_int_equal(id, 1);
}

/* It is bounded by what it takes, and what one table had room for another has too. */
static void a_table_that_is_full_says_so(void **state)
{
    _cleanup_(stack_table_destroyp) struct stack_table *table = NULL, *read = NULL;
    struct stack_frame many[64] = {{0}};
    _cleanup_buffer_ struct buffer raw = {0};
    uint32_t id = 1, last = 0;

    (void)state;
    assert_null(stack_table_create(&table));
    assert_null(stack_table_create(&read));
    for (uint64_t n = 0; id; n++) {
        assert_true(n < 1 << 18);
        for (size_t i = 0; i < 64; i++)
            many[i].address = many[i].offset = i ? i : 1000 + n;
        last = id;
        assert_null(
            stack_table_add(table, &(struct stack_path){STACK_END_COMPLETE, many, 64}, &id));
    }
    assert_true(last > 50000);
    assert_false(stack_table_encode(table, SIZE_MAX, &raw));
    assert_null(stack_table_decode(read, raw.bytes, raw.len));
    assert_int_equal(stack_table_count(read), stack_table_count(table));
    /* What it has it still knows. */
    many[0].address = many[0].offset = 1000;
    assert_null(stack_table_add(table, &(struct stack_path){STACK_END_COMPLETE, many, 64}, &id));
    assert_int_equal(id, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_has_one_number),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(too_many_frames_are_refused),
        cmocka_unit_test(a_table_that_is_full_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
