#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "evidence/maps.h"
#include "evidence/proc_text.h"
#include "importer/pmap_text.h"
#include "temporary.h"

enum { KIB = 1024 };

struct listing {
    struct pmap_text text;
    struct maps maps;
    size_t bad, next;
};

/* All of TEXT as one process. */
static struct listing parse(const char *text, size_t len)
{
    struct listing l = {0};
    size_t at = 0, line_len;
    const char *line;

    pmap_text_init(&l.text);
    while ((line = proc_text_line(text, len, &at, &line_len))) {
        enum pmap_line kind = pmap_text_feed(&l.text, line, line_len);

        l.bad += kind == PMAP_LINE_BAD;
        l.next += kind == PMAP_LINE_NEXT;
    }
    must(maps_parse(l.text.text.bytes, l.text.text.len, &l.maps));
    assert_int_equal(l.maps.bad_lines, 0);
    assert_int_equal(l.maps.count, l.text.regions);
    assert_int_equal(l.maps.has_smaps, l.text.has_fields);
    return l;
}

static struct listing parse_text(const char *text)
{
    return parse(text, strlen(text));
}

static struct listing parse_file(const char *path)
{
    _cleanup_buffer_ struct buffer text = {0};

    must(io_read_file(AT_FDCWD, path, 1 << 20, &text));
    return parse(text.bytes, text.len);
}

static void done(struct listing *l)
{
    maps_deinit(&l->maps);
    pmap_text_deinit(&l->text);
}

static uint64_t sum(const struct maps *maps, enum smaps_field field)
{
    uint64_t total = 0;

    for (size_t i = 0; i < maps->count; i++)
        if (maps->vmas[i].fields[field] != MAPS_UNKNOWN)
            total += maps->vmas[i].fields[field];
    return total;
}

static void test_plain(void **state)
{
    struct listing l = parse_file("unit/data/kong-pmap-1147.txt");
    size_t zones = 0;

    (void)state;
    assert_int_equal(l.bad, 0);
    assert_int_equal(l.text.pid, 1147);
    assert_string_equal(l.text.command.bytes,
                        "nginx: master process /usr/local/openresty/nginx/sbin/nginx -p "
                        "/opt/apps/kong -c /opt/conf/kong/nginx.conf");
    assert_int_equal(l.maps.count, 147);
    assert_int_equal(l.text.total_bytes, 215240 * KIB);
    assert_int_equal(l.text.size_bytes, 215240 * KIB);
    assert_false(l.maps.has_smaps);
    assert_string_equal(l.maps.vmas[0].name, "/.../nginx");
    assert_string_equal(l.maps.vmas[3].name, "");
    assert_int_equal(l.maps.vmas[0].fields[SMAPS_RSS], MAPS_UNKNOWN);
    for (size_t i = 0; i < l.maps.count; i++)
        if (strcmp(l.maps.vmas[i].name, "/dev/zero (deleted)") == 0) {
            zones++;
            assert_int_equal(l.maps.vmas[i].perms, VMA_READ | VMA_WRITE | VMA_SHARED);
        }
    assert_int_equal(zones, 6);
    assert_string_equal(l.maps.vmas[l.maps.count - 1].name, "");
    done(&l);
}

static void test_extended_with_lines_of_zeros(void **state)
{
    struct listing l = parse_file("unit/data/kong-pmap-x-1360.txt");

    (void)state;
    assert_int_equal(l.bad, 0);
    assert_int_equal(l.text.pid, 1360);
    assert_true(l.maps.has_smaps);
    assert_int_equal(l.maps.count, 246);
    assert_int_equal(l.maps.vmas[6].start, 0x129bf000);
    assert_int_equal(l.maps.vmas[6].fields[SMAPS_SIZE], 26496 * KIB);
    assert_int_equal(l.maps.vmas[6].fields[SMAPS_RSS], 26444 * KIB);
    assert_int_equal(l.maps.vmas[6].fields[SMAPS_DIRTY], 26444 * KIB);
    assert_int_equal(l.maps.vmas[6].fields[SMAPS_PSS], MAPS_UNKNOWN);
    assert_int_equal(l.maps.vmas[6].fields[SMAPS_PRIVATE_DIRTY], MAPS_UNKNOWN);
    done(&l);
}

static void test_every_field(void **state)
{
    struct listing l = parse_file("unit/data/kong-pmap-XX-1360.txt");
    const struct vma *zone;

    (void)state;
    assert_int_equal(l.bad, 0);
    assert_int_equal(l.maps.count, 246);
    assert_int_equal(l.text.total_bytes, 1338436 * KIB);
    assert_int_equal(l.text.size_bytes, 1338436 * KIB);
    assert_int_equal(sum(&l.maps, SMAPS_RSS), 1133520 * KIB);
    assert_int_equal(sum(&l.maps, SMAPS_PSS), 1127284 * KIB);
    assert_int_equal(sum(&l.maps, SMAPS_SHARED_CLEAN), 3024 * KIB);
    assert_int_equal(sum(&l.maps, SMAPS_SHARED_DIRTY), 3816 * KIB);
    assert_int_equal(sum(&l.maps, SMAPS_PRIVATE_DIRTY), 1126680 * KIB);
    assert_int_equal(sum(&l.maps, SMAPS_ANON_HUGE_PAGES), 1042432 * KIB);
    assert_int_equal(l.maps.vmas[0].inode, 19363);
    assert_int_equal(l.maps.vmas[0].major, 0xca);
    assert_string_equal(l.maps.vmas[0].flags, "rd ex mr mw me dw sd");
    assert_string_equal(l.maps.vmas[0].name, "/.../nginx");
    assert_string_equal(l.maps.vmas[3].name, "");
    assert_string_equal(l.maps.vmas[4].name, "[heap]");
    assert_string_equal(l.maps.vmas[245].name, "[vsyscall]");
    zone = maps_find(&l.maps, 0x7efe7172d000);
    assert_non_null(zone);
    assert_string_equal(zone->name, "/dev/zero (deleted)");
    assert_int_equal(zone->inode, 15853);
    assert_int_equal(zone->perms, VMA_READ | VMA_WRITE | VMA_SHARED);
    assert_string_equal(zone->flags, "rd wr sh mr mw me ms sd");
    done(&l);
}

static void test_old_procps(void **state)
{
    struct listing x = parse_file("unit/data/redis-pmap-x-1100.txt");
    struct listing d = parse_file("unit/data/redis-pmap-d-1100.txt");

    (void)state;
    assert_int_equal(x.bad + d.bad, 0);
    assert_int_equal(x.text.total_bytes, 35904 * KIB);
    assert_int_equal(x.text.rss_total_bytes, 8076 * KIB);
    assert_int_equal(x.text.size_bytes, 35904 * KIB);
    assert_int_equal(sum(&x.maps, SMAPS_RSS), 8076 * KIB);
    assert_int_equal(sum(&x.maps, SMAPS_DIRTY), 6368 * KIB);
    assert_string_equal(x.maps.vmas[10].name, "/.../libc-2.12.so (deleted)");
    assert_int_equal(d.maps.count, x.maps.count);
    assert_int_equal(d.text.total_bytes, 35904 * KIB);
    assert_false(d.maps.has_smaps);
    assert_int_equal(d.maps.vmas[1].offset, 0x4d000);
    assert_int_equal(d.maps.vmas[1].major, 0xfb);
    assert_int_equal(d.maps.vmas[1].minor, 1);
    for (size_t i = 0; i < d.maps.count; i++)
        assert_int_equal(d.maps.vmas[i].end, x.maps.vmas[i].end);
    done(&x);
    done(&d);
}

static void test_line_without_header(void **state)
{
    struct listing l = parse_file("unit/data/netty-pmap-X-line.txt");
    const struct vma *vma = l.maps.vmas;

    (void)state;
    assert_int_equal(l.bad, 0);
    assert_true(l.text.no_header);
    assert_int_equal(l.text.pid, 0);
    assert_int_equal(l.maps.count, 1);
    assert_int_equal(vma->start, 0x7f4674483000);
    assert_int_equal(vma->end, 0x7f4674483000 + 1575296ULL * KIB);
    assert_int_equal(vma->fields[SMAPS_RSS], 1574868 * KIB);
    assert_int_equal(vma->fields[SMAPS_PSS], 1574868 * KIB);
    assert_int_equal(vma->fields[SMAPS_REFERENCED], 1535980 * KIB);
    assert_int_equal(vma->fields[SMAPS_ANONYMOUS], 1574868 * KIB);
    assert_int_equal(vma->fields[SMAPS_SWAP], 0);
    assert_int_equal(vma->fields[SMAPS_LOCKED], 0);
    assert_int_equal(vma->fields[SMAPS_PRIVATE_DIRTY], MAPS_UNKNOWN);
    done(&l);
}

/* Lines that grep took out of listings of several kinds. */
static void test_shapes(void **state)
{
    struct listing l = parse_text("0000000000400000   4092K r-x-- nginx\n"
                                  "0000000000a00000     312     300      20 rw---   [ anon ]\n"
                                  "0000000000b00000       8 rw--- 000000000004d000 0fb:00001 a b\n"
                                  "00c00000 rw-p 00000000 00:00 0 40 90 3 [heap]\n"
                                  "00d00000 rwxs 00001000 08:02 77 40 4 4\n"
                                  "0000000000e00000     312     400      20 rw---   [ anon ]\n"
                                  "some other line\n");

    (void)state;
    assert_int_equal(l.bad, 2);
    assert_int_equal(l.maps.count, 5);
    assert_int_equal(l.maps.vmas[1].fields[SMAPS_RSS], 300 * KIB);
    assert_string_equal(l.maps.vmas[2].name, "/.../a b");
    assert_int_equal(l.maps.vmas[2].offset, 0x4d000);
    /* 90 of 40 is no RSS: these columns are others. */
    assert_string_equal(l.maps.vmas[3].name, "[heap]");
    assert_int_equal(l.maps.vmas[3].fields[SMAPS_RSS], MAPS_UNKNOWN);
    assert_int_equal(l.maps.vmas[4].fields[SMAPS_RSS], 4 * KIB);
    assert_int_equal(l.maps.vmas[4].inode, 77);
    assert_string_equal(l.maps.vmas[4].name, "");
    done(&l);
}

static void test_names(void **state)
{
    struct listing l = parse_text("9:   a command\n"
                                  "0000000000400000      4K rw---   [ anon ]\r\n"
                                  "0000000000410000      4K rw---   [ stack ]\n"
                                  "0000000000420000      4K rw-s-   [ shmid=0x8003 ]\n"
                                  "0000000000430000      4K rw-s- memfd:a name (deleted)\n"
                                  "0000000000440000      4K rw-s- anon_inode:[io_uring]\n"
                                  "0000000000450000      4K r--s- /usr/lib/with blank\n"
                                  "0000000000460000      4K r----\n"
                                  "0000000000470000      4K r---- [anon:arena]\n");
    static const char *const names[] = {
        "",
        "[stack]",
        "/SYSV (shmid 0x8003)",
        "/memfd:a name (deleted)",
        "anon_inode:[io_uring]",
        "/usr/lib/with blank",
        "",
        "[anon:arena]",
    };

    (void)state;
    assert_int_equal(l.bad, 0);
    assert_int_equal(l.maps.count, ARRAY_SIZE(names));
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        assert_string_equal(l.maps.vmas[i].name, names[i]);
    done(&l);
}

/* Columns that no version has had yet, and "-" for what was not to be had. */
static void test_columns_by_name(void **state)
{
    struct listing l =
        parse_text("77:   x\n"
                   "Address           Kbytes     RSS    Anon  Locked Mode   Mapping\n"
                   "0000000000400000      40       -      12       - rw---    [ anon ]\n"
                   "----------------  ------  ------  ------  ------\n"
                   "total kB              40       -      12       -\n");
    struct listing m = parse_text("78:   y\n"
                                  "         Address Perm Size New Pss VmFlags Mapping\n"
                                  "        00400000 rw-p   40  36  20   rd wr rd\n"
                                  "                      ==== === ===\n"
                                  "                        40  36  20 KB\n");

    (void)state;
    assert_int_equal(l.bad + m.bad, 0);
    assert_int_equal(l.maps.vmas[0].fields[SMAPS_RSS], MAPS_UNKNOWN);
    assert_int_equal(l.maps.vmas[0].fields[SMAPS_ANONYMOUS], 12 * KIB);
    assert_int_equal(l.maps.vmas[0].fields[SMAPS_LOCKED], MAPS_UNKNOWN);
    assert_int_equal(l.text.total_bytes, 40 * KIB);
    assert_int_equal(m.maps.vmas[0].fields[SMAPS_PSS], 20 * KIB);
    assert_int_equal(m.maps.vmas[0].fields[SMAPS_RSS], MAPS_UNKNOWN);
    /* A file that is called as a flag is. */
    assert_string_equal(m.maps.vmas[0].flags, "rd wr");
    assert_string_equal(m.maps.vmas[0].name, "/.../rd");
    assert_int_equal(m.text.total_bytes, 40 * KIB);
    done(&l);
    done(&m);
}

static void test_several_processes(void **state)
{
    struct listing l = parse_text("1:   a\n0000000000400000      4K rw---   [ anon ]\n"
                                  " total                4K\n2:   b\n");

    (void)state;
    assert_int_equal(l.next, 1);
    assert_int_equal(l.text.pid, 1);
    pmap_text_clear(&l.text);
    assert_int_equal(pmap_text_feed(&l.text, "2:   b", 6), PMAP_LINE_TAKEN);
    assert_int_equal(l.text.pid, 2);
    assert_int_equal(l.text.total_bytes, UINT64_MAX);
    done(&l);
}

static void test_totals_alone(void **state)
{
    uint64_t bytes = 0;
    pid_t pid = 0;

    (void)state;
    assert_true(pmap_text_total("1360 total          1338040K", 28, &pid, &bytes));
    assert_int_equal(pid, 1360);
    assert_int_equal(bytes, 1338040ULL * KIB);
    assert_false(pmap_text_total(" total          1338040K", 24, &pid, &bytes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_extended_with_lines_of_zeros),
        cmocka_unit_test(test_every_field),
        cmocka_unit_test(test_old_procps),
        cmocka_unit_test(test_line_without_header),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_columns_by_name),
        cmocka_unit_test(test_several_processes),
        cmocka_unit_test(test_totals_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
