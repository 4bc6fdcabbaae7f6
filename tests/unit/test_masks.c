/* Every set of instructions that this machine has says what plain C says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "content/masks.h"

enum { BLOCKS = 5, RANGES = 4, ROUNDS = 500 };

static const char *const names[] = {"plain", "sse2", "avx2", "avx512", "neon"};

static void test_sets(void **state)
{
    static uint8_t room[MASKS_BLOCK_BYTES * BLOCKS + 64];
    unsigned seed = 3, sets = 0;

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        uint8_t *bytes = room + (size_t)rand_r(&seed) % 64;
        struct mask_range ranges[RANGES];
        struct mask_window windows[RANGES];

        for (size_t i = 0; i < MASKS_BLOCK_BYTES * BLOCKS; i++)
            bytes[i] = (uint8_t)(rand_r(&seed) >> (round % 16));
        for (int r = 0; r < RANGES; r++) {
            uint8_t low = (uint8_t)rand_r(&seed);
            uint32_t first;

            memcpy(&first, bytes + 4 * ((size_t)rand_r(&seed) % 64), sizeof(first));
            first -= (uint32_t)rand_r(&seed) % 3;
            ranges[r] = (struct mask_range){low, (uint8_t)(low + rand_r(&seed) % (256 - low))};
            windows[r] = (struct mask_window){first, first + ((uint32_t)rand_r(&seed) >> 2)};
            if (windows[r].last < first)
                windows[r].last = UINT32_MAX;
        }
        sets = 0;
        for (size_t n = 0; n < ARRAY_SIZE(names); n++) {
            uint64_t masks[RANGES][MASKS_BLOCKS];
            uint16_t words[BLOCKS];

            if (!masks_use(names[n]))
                continue;
            assert_string_equal(masks_name(), names[n]);
            sets++;
            masks_bytes(bytes, BLOCKS, ranges, RANGES, masks);
            masks_words(bytes, BLOCKS, windows, RANGES, words);
            for (size_t i = 0; i < MASKS_BLOCK_BYTES * BLOCKS; i++)
                for (int r = 0; r < RANGES; r++)
                    assert_int_equal(masks[r][i / 64] >> i % 64 & 1,
                                     bytes[i] >= ranges[r].low && bytes[i] <= ranges[r].high);
            for (size_t i = 0; i < MASKS_BLOCK_BYTES * BLOCKS / 4; i++) {
                uint32_t word = (uint32_t)bytes[4 * i] | (uint32_t)bytes[4 * i + 1] << 8 |
                                (uint32_t)bytes[4 * i + 2] << 16 | (uint32_t)bytes[4 * i + 3] << 24;
                bool inside = false;

                for (int r = 0; r < RANGES; r++)
                    inside |= word >= windows[r].first && word <= windows[r].last;
                assert_int_equal(words[i / 16] >> i % 16 & 1, inside);
            }
        }
    }
    print_message("%u sets of instructions\n", sets);
    assert_false(masks_use("mmx"));
    assert_true(masks_use(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sets)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
