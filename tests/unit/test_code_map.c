/* Where code is, asked for piece by piece, against all that the kernel says at once. The process looked at
 * is the test itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tracer/code_map.h"

enum { PAGE = 4096, PAGES = 64, STEPS = 400 };

struct fixture {
    struct modules *modules;
    struct code_map map;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    assert_null(modules_create(&f->modules));
    code_map_init(&f->map, getpid(), f->modules);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    code_map_deinit(&f->map);
    modules_destroy(f->modules);
    free(f);
    return 0;
}

static const struct layout *layout_of(struct fixture *f)
{
    const struct layout *layout = NULL;

    assert_null(code_map_layout(&f->map, &layout));
    assert_non_null(layout);
    return layout;
}

/* The page at ADDRESS of VMA is in the layout as what it is. */
static void check_page(const struct layout *layout, const struct vma *vma, uint64_t address)
{
    const struct layout_range *range = layout_find(layout, address);

    assert_non_null(range);
    assert_int_equal(range->module != NULL, vma->inode != 0 || strcmp(vma->name, "[vdso]") == 0);
    if (vma->inode != 0)
        assert_int_equal(range->file_offset + (address - range->start),
                         vma->offset + (address - vma->start));
}

/* All executable memory is in the layout, and nothing else is but what was executable and was only
 * protected since, as JIT compilers do. */
static void check_all(struct fixture *f)
{
    const struct layout *layout = layout_of(f);
    struct maps maps;

    assert_null(mapped_regions(getpid(), &maps));
    for (size_t i = 0; i < maps.count; i++) {
        const struct vma *vma = &maps.vmas[i];

        /* The kernel's own page is in nobody's address space. */
        if (!(vma->perms & VMA_EXEC) || strcmp(vma->name, "[vsyscall]") == 0)
            continue;
        for (uint64_t at = vma->start; at < vma->end; at += PAGE)
            check_page(layout, vma, at);
    }
    for (const struct layout_range *range = layout_find_from(layout, 0); range;
         range = layout_find_from(layout, range->end))
        for (uint64_t at = range->start; at < range->end; at += PAGE) {
            const struct vma *vma = maps_find(&maps, at);

            assert_non_null(vma);
            assert_true(vma->perms & VMA_READ);
            check_page(layout, vma, at);
        }
    maps_deinit(&maps);
}

static void the_first_look_has_it_all(void **state)
{
    struct fixture *f = *state;
    const struct layout_range *range =
        layout_find(layout_of(f), (uint64_t)(uintptr_t)gnu_get_libc_version);

    assert_non_null(range);
    assert_non_null(strstr(module_identity(range->module)->path, "libc"));
    check_all(f);
}

static void apply(struct fixture *f, struct event ev)
{
    code_map_note(&f->map, &ev);
}

/* One random call in the arena at BASE; its event. */
static struct event step(uint8_t *base, int fd, unsigned *seed)
{
    size_t at = (size_t)(rand_r(seed) % PAGES) * PAGE;
    size_t len = (size_t)(1 + rand_r(seed) % 8) * PAGE;
    int exec = rand_r(seed) % 2 ? PROT_EXEC : 0;
    int flags = MAP_PRIVATE | MAP_FIXED;
    struct event ev = {.args = {(uint64_t)(uintptr_t)(base + at), len, PROT_READ | (uint64_t)exec}};

    if (len > PAGES * PAGE - at)
        len = PAGES * PAGE - at;
    ev.args[1] = len;
    switch (rand_r(seed) % 4) {
    case 0:
        ev.kind = EVENT_MMAP;
        ev.args[3] = (uint64_t)flags | MAP_ANONYMOUS;
        ev.result = (int64_t)(uintptr_t)mmap(base + at, len, PROT_READ | exec,
                                             flags | MAP_ANONYMOUS, -1, 0);
        break;
    case 1:
        ev.kind = EVENT_MMAP;
        ev.args[3] = (uint64_t)flags;
        ev.result = (int64_t)(uintptr_t)mmap(base + at, len, PROT_READ | exec, flags, fd, PAGE);
        break;
    case 2:
        ev.kind = EVENT_MUNMAP;
        /* A real hole could be taken by an allocator of the test's, which gives it back unseen. */
        mmap(base + at, len, PROT_NONE, flags | MAP_ANONYMOUS, -1, 0);
        break;
    default:
        ev.kind = EVENT_MPROTECT;
        if (mprotect(base + at, len, PROT_READ | exec) < 0)
            ev.result = -ENOMEM; /* half-way */
    }
    return ev;
}

/* Calls are noted two at a time, in the wrong order, as those of two threads are seen. */
static void what_changes_is_asked_again(bool by_text, struct fixture *f)
{
    unsigned seed = 1;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    uint8_t *base = mmap(NULL, PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_true(fd >= 0);
    assert_ptr_not_equal(base, MAP_FAILED);
    layout_of(f);
    if (by_text)
        mapped_read_text(f->map.mapped);
    for (int i = 0; i < STEPS; i++) {
        struct event first = step(base, fd, &seed), second = step(base, fd, &seed);

        apply(f, second);
        apply(f, first);
        check_all(f);
    }
    munmap(base, PAGES * PAGE);
    apply(f,
          (struct event){.kind = EVENT_MUNMAP, .args = {(uint64_t)(uintptr_t)base, PAGES * PAGE}});
    check_all(f);
    close(fd);
}

static void what_changes_is_asked_again_by_query(void **state)
{
    what_changes_is_asked_again(false, *state);
}

static void what_changes_is_asked_again_by_text(void **state)
{
    what_changes_is_asked_again(true, *state);
}

static void a_stack_ends_with_its_mapping(void **state)
{
    struct fixture *f = *state;
    struct code_map_stack stack = {0};
    uint8_t *memory =
        mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t start = (uint64_t)(uintptr_t)memory;

    assert_int_equal(mprotect(memory + PAGE, PAGE, PROT_READ), 0);
    assert_int_equal(mprotect(memory + 3 * PAGE, PAGE, PROT_NONE), 0);
    assert_int_equal(code_map_stack_end(&f->map, &stack, start + PAGE + 8), start + 2 * PAGE);
    assert_int_equal(code_map_stack_end(&f->map, &stack, start + 2 * PAGE + 8), start + 3 * PAGE);
    munmap(memory, 4 * PAGE);
    /* What is known of a thread's stack is believed as long as it stays there. */
    assert_int_equal(code_map_stack_end(&f->map, &stack, start + 2 * PAGE + 16), start + 3 * PAGE);
    assert_int_equal(code_map_stack_end(&f->map, &stack, start + 8), start + 8);
}

static size_t count_descriptors(void)
{
    size_t count = 0;

    for (int fd = 0; fd < 1000; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static uint8_t *map_code(struct fixture *f, int flags, int fd)
{
    const int protection = PROT_READ | PROT_WRITE | PROT_EXEC;
    uint8_t *memory = mmap(NULL, PAGE, protection, flags, fd, 0);

    assert_ptr_not_equal(memory, MAP_FAILED);
    apply(f, (struct event){.kind = EVENT_MMAP,
                            .args = {0, PAGE, (uint64_t)protection, (uint64_t)flags},
                            .result = (int64_t)(uintptr_t)memory});
    return memory;
}

/* What is held is not given back when the target unmaps it. */
static void memory_is_not_held(void **state)
{
    struct fixture *f = *state;
    int fd = memfd_create("code", MFD_CLOEXEC);
    size_t before;

    assert_int_equal(ftruncate(fd, PAGE), 0);
    layout_of(f);
    while (modules_load_next(f->modules))
        continue;
    before = count_descriptors();

    uint8_t *shared = map_code(f, MAP_SHARED | MAP_ANONYMOUS, -1);

    assert_null(layout_find(layout_of(f), (uint64_t)(uintptr_t)shared)->module);
    assert_int_equal(count_descriptors(), before);

    uint8_t *named = map_code(f, MAP_SHARED, fd);

    assert_non_null(layout_find(layout_of(f), (uint64_t)(uintptr_t)named)->module);
    while (modules_load_next(f->modules))
        continue;
    assert_int_equal(count_descriptors(), before);
    munmap(shared, PAGE);
    munmap(named, PAGE);
    close(fd);
}

/* Of a stack that was not asked about before. */
static size_t present(struct code_map *map, uint64_t start, size_t len)
{
    struct code_map_stack stack = {0};

    return code_map_present(map, &stack, start, len);
}

static void absent_pages_are_left_alone(void **state)
{
    struct fixture *f = *state;
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    uint8_t *memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, flags, -1, 0);
    uint64_t start = (uint64_t)(uintptr_t)memory;
    unsigned char in_memory[PAGES];

    assert_int_equal(madvise(memory, PAGES * PAGE, MADV_NOHUGEPAGE), 0);
    for (size_t i = 0; i < PAGES; i++)
        if (i != 2 && i != 40)
            memory[i * PAGE] = 1;
    assert_int_equal(present(&f->map, start + 8, PAGES * PAGE - 8), 2 * PAGE - 8);
    assert_int_equal(present(&f->map, start + 8, PAGE), PAGE);
    assert_int_equal(present(&f->map, start + 8, 2 * PAGE - 8), 2 * PAGE - 8);
    assert_int_equal(present(&f->map, start + 2 * PAGE + 8, PAGE), 0);
    assert_int_equal(present(&f->map, start + 3 * PAGE, 61 * PAGE), 37 * PAGE);
    assert_int_equal(present(&f->map, start + 41 * PAGE, 23 * PAGE), 23 * PAGE);
    assert_int_equal(present(&f->map, start, 0), 0);
    assert_int_equal(mincore(memory, PAGES * PAGE, in_memory), 0);
    assert_false(in_memory[2] || in_memory[40]);

    /* Without pagemap, to the end of the page. */
    struct code_map gone;

    code_map_init(&gone, -1, f->modules);
    assert_int_equal(present(&gone, start + 8, 2 * PAGE), PAGE - 8);
    assert_int_equal(present(&gone, start + 8, 16), 16);
    assert_int_equal(present(&gone, start, 2 * PAGE), PAGE);
    code_map_deinit(&gone);
    munmap(memory, PAGES * PAGE);
}

/* Only for milliseconds, and only of what was all there. */
static void present_pages_are_taken_for_present(void **state)
{
    struct fixture *f = *state;
    uint8_t *memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    uint64_t start = (uint64_t)(uintptr_t)memory;
    struct code_map_stack stack = {0};

    assert_int_equal(code_map_present(&f->map, &stack, start, 4 * PAGE), 4 * PAGE);
    assert_int_equal(madvise(memory + 3 * PAGE, PAGE, MADV_DONTNEED), 0);
    usleep(20000);
    assert_int_equal(code_map_present(&f->map, &stack, start, 4 * PAGE), 3 * PAGE);
    assert_int_equal(code_map_present(&f->map, &stack, start, 4 * PAGE), 3 * PAGE);
    assert_int_equal(code_map_present(&f->map, &stack, start + PAGE, 2 * PAGE), 2 * PAGE);
    assert_int_equal(code_map_present(&f->map, &stack, start + 4 * PAGE, PAGE), PAGE);
    munmap(memory, PAGES * PAGE);
}

/* Two changes at the ends of the memory do not make all between them stale. */
static void changes_apart_stay_apart(void **state)
{
    enum { FAR = 1 << 20 };
    struct fixture *f = *state;
    struct event ev = {.kind = EVENT_MMAP, .args = {0, PAGE, PROT_EXEC}};
    uint64_t covered = 0;

    layout_of(f);
    assert_int_equal(f->map.stale_count, 0);
    for (int i = 1; i <= 3; i++) {
        ev.result = (int64_t)i * FAR;
        apply(f, ev);
        apply(f, ev);
    }
    assert_int_equal(f->map.stale_count, 3);
    ev.result = 2 * FAR + PAGE;
    apply(f, ev);
    assert_int_equal(f->map.stale_count, 3);
    assert_int_equal(f->map.stale[1].start, 2 * FAR);
    assert_int_equal(f->map.stale[1].end, 2 * FAR + 2 * PAGE);
    for (int i = 400; i > 0; i--) {
        ev.result = (int64_t)i * FAR + (i % 2 ? PAGE : 0);
        apply(f, ev);
    }
    assert_int_equal(f->map.stale_count, CODE_MAP_STALE_RANGES);
    for (unsigned i = 0; i < f->map.stale_count; i++) {
        assert_true(f->map.stale[i].start < f->map.stale[i].end);
        assert_true(i == 0 || f->map.stale[i].start > f->map.stale[i - 1].end);
        covered += f->map.stale[i].end - f->map.stale[i].start;
    }
    assert_true(covered < UINT64_C(400) * FAR);
    ev.args[1] = UINT64_MAX;
    ev.result = 0;
    apply(f, ev);
    assert_int_equal(f->map.stale_count, 1);
    check_all(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_first_look_has_it_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_changes_is_asked_again_by_query, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_changes_is_asked_again_by_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stack_ends_with_its_mapping, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_is_not_held, set_up, tear_down),
        cmocka_unit_test_setup_teardown(changes_apart_stay_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(present_pages_are_taken_for_present, set_up, tear_down),
        cmocka_unit_test_setup_teardown(absent_pages_are_left_alone, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
