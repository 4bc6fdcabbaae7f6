#include "content/masks.h"

#include <endian.h>
#include <string.h>

#include "base/cleanup.h"

/* --- plain C --- */

struct load_plain {
    uint8_t bytes[MASKS_BLOCK_BYTES];
};

static inline struct load_plain load_plain(const uint8_t *bytes)
{
    struct load_plain block;

    memcpy(block.bytes, bytes, sizeof(block.bytes));
    return block;
}

static inline uint64_t range_plain(const struct load_plain *block, struct mask_range range)
{
    uint64_t mask = 0;

    for (int i = 0; i < MASKS_BLOCK_BYTES; i++)
        mask |=
            (uint64_t)((uint8_t)(block->bytes[i] - range.low) <= (uint8_t)(range.high - range.low))
            << i;
    return mask;
}

static inline uint32_t window_plain(const struct load_plain *block, struct mask_window window)
{
    uint32_t mask = 0;

    for (int i = 0; i < MASKS_BLOCK_BYTES / 4; i++) {
        uint32_t word;

        memcpy(&word, block->bytes + 4 * i, sizeof(word));
        mask |= (uint32_t)(le32toh(word) - window.first <= window.last - window.first) << i;
    }
    return mask;
}

#define MASKS_NAME(x) x##plain
#define MASKS_TARGET
#include "content/masks_body.inc"

/* --- x86-64 --- */

#ifdef __x86_64__
#include <immintrin.h>

struct load_sse2 {
    __m128i at[4];
};

static inline struct load_sse2 load_sse2(const uint8_t *bytes)
{
    struct load_sse2 block;

    for (int i = 0; i < 4; i++)
        block.at[i] = _mm_loadu_si128((const __m128i *)bytes + i);
    return block;
}

static inline uint64_t range_sse2(const struct load_sse2 *block, struct mask_range range)
{
    __m128i low = _mm_set1_epi8((char)range.low);
    __m128i span = _mm_set1_epi8((char)(range.high - range.low));
    uint64_t mask = 0;

    for (int i = 0; i < 4; i++) {
        __m128i at = _mm_sub_epi8(block->at[i], low);

        mask |= (uint64_t)(uint16_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(at, span), at))
                << (16 * i);
    }
    return mask;
}

static inline uint32_t window_sse2(const struct load_sse2 *block, struct mask_window window)
{
    /* There is no unsigned comparison: with the upper bit turned over the signed one does it. */
    __m128i first = _mm_set1_epi32((int)(window.first + 0x80000000U));
    __m128i span = _mm_set1_epi32((int)((window.last - window.first) ^ 0x80000000U));
    uint32_t mask = 0;

    for (int i = 0; i < 4; i++) {
        __m128i beyond = _mm_cmpgt_epi32(_mm_sub_epi32(block->at[i], first), span);

        mask |= (uint32_t)(_mm_movemask_ps(_mm_castsi128_ps(beyond)) ^ 15) << (4 * i);
    }
    return mask;
}

#define MASKS_NAME(x) x##sse2
#define MASKS_TARGET
#include "content/masks_body.inc"

#define AVX2 __attribute__((target("avx2")))

struct load_avx2 {
    __m256i at[2];
};

AVX2 static inline struct load_avx2 load_avx2(const uint8_t *bytes)
{
    struct load_avx2 block;

    for (int i = 0; i < 2; i++)
        block.at[i] = _mm256_loadu_si256((const __m256i *)bytes + i);
    return block;
}

AVX2 static inline uint64_t range_avx2(const struct load_avx2 *block, struct mask_range range)
{
    __m256i low = _mm256_set1_epi8((char)range.low);
    __m256i span = _mm256_set1_epi8((char)(range.high - range.low));
    uint64_t mask = 0;

    for (int i = 0; i < 2; i++) {
        __m256i at = _mm256_sub_epi8(block->at[i], low);

        mask |= (uint64_t)(uint32_t)_mm256_movemask_epi8(
                    _mm256_cmpeq_epi8(_mm256_min_epu8(at, span), at))
                << (32 * i);
    }
    return mask;
}

AVX2 static inline uint32_t window_avx2(const struct load_avx2 *block, struct mask_window window)
{
    __m256i first = _mm256_set1_epi32((int)window.first);
    __m256i span = _mm256_set1_epi32((int)(window.last - window.first));
    uint32_t mask = 0;

    for (int i = 0; i < 2; i++) {
        __m256i at = _mm256_sub_epi32(block->at[i], first);
        __m256i inside = _mm256_cmpeq_epi32(_mm256_min_epu32(at, span), at);

        mask |= (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(inside)) << (8 * i);
    }
    return mask;
}

#define MASKS_NAME(x) x##avx2
#define MASKS_TARGET  AVX2
#include "content/masks_body.inc"

#define AVX512 __attribute__((target("avx512f,avx512bw")))

struct load_avx512 {
    __m512i at;
};

AVX512 static inline struct load_avx512 load_avx512(const uint8_t *bytes)
{
    return (struct load_avx512){_mm512_loadu_si512(bytes)};
}

AVX512 static inline uint64_t range_avx512(const struct load_avx512 *block, struct mask_range range)
{
    __m512i at = _mm512_sub_epi8(block->at, _mm512_set1_epi8((char)range.low));

    return _mm512_cmple_epu8_mask(at, _mm512_set1_epi8((char)(range.high - range.low)));
}

AVX512 static inline uint32_t window_avx512(const struct load_avx512 *block,
                                            struct mask_window window)
{
    __m512i at = _mm512_sub_epi32(block->at, _mm512_set1_epi32((int)window.first));

    return _mm512_cmple_epu32_mask(at, _mm512_set1_epi32((int)(window.last - window.first)));
}

#define MASKS_NAME(x) x##avx512
#define MASKS_TARGET  AVX512
#include "content/masks_body.inc"
#endif

/* --- aarch64 --- */

#if defined(__aarch64__) && __BYTE_ORDER == __LITTLE_ENDIAN
#include <arm_neon.h>

struct load_neon {
    uint8x16_t at[4];
};

static inline struct load_neon load_neon(const uint8_t *bytes)
{
    struct load_neon block;

    for (int i = 0; i < 4; i++)
        block.at[i] = vld1q_u8(bytes + 16 * i);
    return block;
}

static inline uint64_t range_neon(const struct load_neon *block, struct mask_range range)
{
    static const uint8_t weights[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16_t low = vdupq_n_u8(range.low), span = vdupq_n_u8((uint8_t)(range.high - range.low));
    uint8x16_t weight = vld1q_u8(weights), in[4];

    for (int i = 0; i < 4; i++)
        in[i] = vandq_u8(vcleq_u8(vsubq_u8(block->at[i], low), span), weight);

    /* Three sums of neighbours make a byte of each eight. */
    uint8x16_t sum = vpaddq_u8(vpaddq_u8(in[0], in[1]), vpaddq_u8(in[2], in[3]));

    return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(sum, sum)), 0);
}

static inline uint32_t window_neon(const struct load_neon *block, struct mask_window window)
{
    static const uint32_t weights[4] = {1, 2, 4, 8};
    uint32x4_t first = vdupq_n_u32(window.first), span = vdupq_n_u32(window.last - window.first);
    uint32_t mask = 0;

    for (int i = 0; i < 4; i++) {
        uint32x4_t at = vsubq_u32(vreinterpretq_u32_u8(block->at[i]), first);

        mask |= vaddvq_u32(vandq_u32(vcleq_u32(at, span), vld1q_u32(weights))) << (4 * i);
    }
    return mask;
}

#define MASKS_NAME(x) x##neon
#define MASKS_TARGET
#include "content/masks_body.inc"
#endif

/* --- the choice --- */

struct masks_set {
    const char *name;
    void (*bytes)(const uint8_t *, size_t, const struct mask_range *, size_t,
                  uint64_t (*)[MASKS_BLOCKS]);
    void (*words)(const uint8_t *, size_t, const struct mask_window *, size_t, uint16_t *);
};

/* The best last. */
static const struct masks_set sets[] = {
    {"plain", bytes_plain, words_plain},
#ifdef __x86_64__
    {"sse2", bytes_sse2, words_sse2},       {"avx2", bytes_avx2, words_avx2},
    {"avx512", bytes_avx512, words_avx512},
#endif
#if defined(__aarch64__) && __BYTE_ORDER == __LITTLE_ENDIAN
    {"neon", bytes_neon, words_neon},
#endif
};

static const struct masks_set *chosen; /* atomic; NULL: not yet */

static bool has(const struct masks_set *set)
{
#ifdef __x86_64__
    if (strcmp(set->name, "avx2") == 0)
        return __builtin_cpu_supports("avx2");
    if (strcmp(set->name, "avx512") == 0)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
#endif
    (void)set;
    return true;
}

bool masks_use(const char *name)
{
    for (size_t i = ARRAY_SIZE(sets); i-- > 0;)
        if ((!name || strcmp(sets[i].name, name) == 0) && has(&sets[i])) {
            __atomic_store_n(&chosen, &sets[i], __ATOMIC_RELAXED);
            return true;
        }
    return false;
}

static inline const struct masks_set *set_in_use(void)
{
    const struct masks_set *set = __atomic_load_n(&chosen, __ATOMIC_RELAXED);

    if (!set) {
        masks_use(NULL);
        set = __atomic_load_n(&chosen, __ATOMIC_RELAXED);
    }
    return set;
}

const char *masks_name(void)
{
    return set_in_use()->name;
}

void masks_bytes(const uint8_t *bytes, size_t blocks, const struct mask_range *ranges, size_t count,
                 uint64_t (*ret_masks)[MASKS_BLOCKS])
{
    set_in_use()->bytes(bytes, blocks, ranges, count, ret_masks);
}

void masks_words(const uint8_t *bytes, size_t blocks, const struct mask_window *windows,
                 size_t count, uint16_t *ret_masks)
{
    set_in_use()->words(bytes, blocks, windows, count, ret_masks);
}
