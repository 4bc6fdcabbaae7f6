/* Which paths are the same: by culprit, by functions, by calls; and what their frames are called. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "analyzer/call_paths.h"
#include "tests/unit/frames.h"
#include "tests/unit/temporary.h"

struct world {
    struct stack_table *table;
    struct frame_uses uses;
    struct frame_names *names;
    struct call_paths *paths;
};

static void world_init(struct world *w)
{
    *w = (struct world){0};
    must(stack_table_create(&w->table));
}

static void world_build(struct world *w, int case_fd)
{
    must(frame_names_create(w->table, &w->uses,
                            &(struct frame_names_options){.skip_symbols = true, .case_fd = case_fd},
                            &w->names));
    must(call_paths_create(w->table, w->names, &w->paths));
}

static void world_deinit(struct world *w)
{
    call_paths_destroy(w->paths);
    frame_names_destroy(w->names);
    stack_table_destroy(w->table);
    vector_deinit(&w->uses);
}

/* TEXT as of frames.h. */
static uint32_t add(struct world *w, const char *text)
{
    struct frames_made made;
    uint32_t id;

    frames_make(text, &made);
    must(stack_table_add(w->table, &made.path, &id));
    free(made.text);
    return id;
}

static uint32_t add_frames(struct world *w, const struct stack_frame *frames, size_t count)
{
    uint32_t id;

    must(stack_table_add(w->table, &(struct stack_path){STACK_END_COMPLETE, frames, count}, &id));
    return id;
}

static void the_example_of_the_header_holds(void **state)
{
    static const char *const texts[] = {
        "__mmap@libc.so < sysmalloc@libc.so < malloc@libc.so < store:88 < handle:20 < main",
        "__mmap@libc.so < free@libc.so < malloc@libc.so < store:88 < handle:20 < main",
        "__mmap@libc.so < sysmalloc@libc.so < malloc@libc.so < store:91 < handle:20 < main",
        "__mmap@libc.so < sysmalloc@libc.so < malloc@libc.so < store:88 < replay:7 < main",
    };
    const struct call_path *p[4];
    struct world w;

    (void)state;
    world_init(&w);
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        assert_int_equal(add(&w, texts[i]), i + 1);
    world_build(&w, -1);
    for (uint32_t i = 0; i < 4; i++) {
        p[i] = call_paths_get(w.paths, i + 1);
        assert_non_null(p[i]);
        assert_true(p[i]->has_culprit);
        assert_int_equal(p[i]->depth, 3);
        assert_int_equal(p[i]->culprit, p[0]->culprit);
        assert_null(p[i]->pool);
    }
    assert_int_equal(p[1]->class, p[0]->class);
    assert_int_equal(p[2]->class, p[0]->class);
    assert_int_not_equal(p[3]->class, p[0]->class);
    assert_int_equal(p[1]->site, p[0]->site);
    assert_int_not_equal(p[2]->site, p[0]->site);
    assert_int_not_equal(p[3]->site, p[0]->site);
    assert_null(call_paths_get(w.paths, 0));
    assert_null(call_paths_get(w.paths, 5));
    assert_null(call_paths_get(NULL, 1));
    world_deinit(&w);
}

static void the_c_library_further_out_is_of_no_account(void **state)
{
    struct world w;
    const struct call_path *path;

    (void)state;
    world_init(&w);
    add(&w, "malloc@libc.so.6 < compare < qsort@libc.so.6 < sort_all < start_thread@libc.so.6");
    world_build(&w, -1);
    path = call_paths_get(w.paths, 1);
    assert_int_equal(path->depth, 1);
    assert_true(path->has_culprit);
    world_deinit(&w);
}

static void one_module_at_two_addresses_is_one_place(void **state)
{
    struct stack_module module = {.path = (char *)"/opt/libfoo.so"};
    struct stack_frame frame = {.module = &module, .offset = 0x100, .address = 0x7f0000000100};
    struct world w;

    (void)state;
    world_init(&w);
    add_frames(&w, &frame, 1);
    frame.address += 0x10000;
    add_frames(&w, &frame, 1);
    frame.offset++;
    add_frames(&w, &frame, 1);
    world_build(&w, -1);
    assert_int_equal(call_paths_get(w.paths, 1)->class, call_paths_get(w.paths, 2)->class);
    assert_int_equal(call_paths_get(w.paths, 1)->site, call_paths_get(w.paths, 2)->site);
    assert_int_not_equal(call_paths_get(w.paths, 1)->class, call_paths_get(w.paths, 3)->class);
    world_deinit(&w);
}

static void nobody_behind_a_gap_is_blamed(void **state)
{
    struct stack_module libc = {.path = (char *)"/lib/libc.so.6"}, own = {.path = (char *)"/bin/x"};
    struct stack_frame frames[] = {
        {.module = &libc, .offset = 1},
        {.kind = STACK_FRAME_GAP, .function = (char *)"interpreted"},
        {.module = &own, .offset = 2, .function = (char *)"main"},
    };
    struct world w;

    (void)state;
    world_init(&w);
    add_frames(&w, frames, 3);
    frames[1] = (struct stack_frame){.address = 0x7f0000000100};
    add_frames(&w, frames, 3);
    add_frames(&w, frames, 1);
    add_frames(&w, frames, 0);
    world_build(&w, -1);
    assert_false(call_paths_get(w.paths, 1)->has_culprit);
    assert_false(call_paths_get(w.paths, 2)->has_culprit);
    assert_false(call_paths_get(w.paths, 3)->has_culprit);
    assert_null(call_paths_get(w.paths, 4));
    world_deinit(&w);
}

static void what_pools_is_told(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    add(&w, "mmap@libc.so.6 < extent_alloc_mmap@libjemalloc.so.2 < malloc@libjemalloc.so.2 < a");
    world_build(&w, -1);
    assert_string_equal(call_paths_get(w.paths, 1)->pool, "jemalloc");
    assert_int_equal(call_paths_get(w.paths, 1)->depth, 3);
    world_deinit(&w);
}

static bool note_function(const struct call_paths_level *level, void *context)
{
    const char **functions = context;

    functions[level->number] = level->level->function;
    return true;
}

static void code_made_at_run_time_has_the_names_of_its_time(void **state)
{
    struct stack_frame frames[] = {{.kind = STACK_FRAME_JIT, .address = 0x1005},
                                   {.kind = STACK_FRAME_JIT, .address = 0x2010}};
    const char *functions[2] = {0};
    struct jit_maps maps = {0};
    struct temporary t;
    struct world w;

    (void)state;
    temporary_init(&t);
    world_init(&w);
    must(jit_maps_add(&maps, t.fd, 7, 100, "1000 10 old\n", 12));
    must(jit_maps_add(&maps, t.fd, 7, 200, "1000 10 new\n2000 10 last\n", 25));
    jit_maps_deinit(&maps);
    add_frames(&w, frames, 2);
    must(frame_uses_note(&w.uses, 1, 7, 150));
    must(frame_uses_note(&w.uses, 1, 8, 10));
    must(frame_uses_note(&w.uses, 0, 8, 10));
    world_build(&w, t.fd);
    call_paths_each_level(w.paths, 1, note_function, functions);
    assert_string_equal(functions[0], "new");
    /* A return address just behind the code: the call is its last instruction. */
    assert_string_equal(functions[1], "last");
    assert_true(call_paths_get(w.paths, 1)->has_culprit);
    world_deinit(&w);
    temporary_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_the_header_holds),
        cmocka_unit_test(the_c_library_further_out_is_of_no_account),
        cmocka_unit_test(one_module_at_two_addresses_is_one_place),
        cmocka_unit_test(nobody_behind_a_gap_is_blamed),
        cmocka_unit_test(what_pools_is_told),
        cmocka_unit_test(code_made_at_run_time_has_the_names_of_its_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
