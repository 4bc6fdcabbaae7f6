/*
 * Replays a corpus through one fuzz target, so that it runs in the ordinary tests:
 *
 *     fuzz_X FILE|DIRECTORY...
 *
 * and, as every parser must stand it, each input cut short and with single bytes flipped, from a
 * fixed seed. Built with clang -fsanitize=fuzzer instead, the target fuzzes by itself.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_INPUT_BYTES = 16 << 20, MUTATIONS = 400 };

/* From a block of its own of exactly that size, so that a sanitizer sees a read past the end. */
static void run(const uint8_t *bytes, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);

    if (!copy)
        abort();
    memcpy(copy, bytes, len);
    LLVMFuzzerTestOneInput(copy, len);
    free(copy);
}

static void replay(const char *path)
{
    _cleanup_buffer_ struct buffer input = {0};
    _cleanup_error_ struct seep_error *err = io_read_file(AT_FDCWD, path, MAX_INPUT_BYTES, &input);

    if (err) {
        fprintf(stderr, "replay: %s\n", err->message);
        exit(1);
    }

    unsigned seed = 1;
    uint8_t *bytes = (uint8_t *)input.bytes;

    run(bytes ? bytes : (const uint8_t *)"", input.len);
    for (int i = 0; i < MUTATIONS && input.len; i++) {
        size_t at = (size_t)rand_r(&seed) % input.len;
        uint8_t was = bytes[at];

        run(bytes, at);
        bytes[at] = (uint8_t)rand_r(&seed);
        run(bytes, input.len);
        bytes[at] = was;
    }
}

int main(int argc, char **argv)
{
    int replayed = 0;

    for (int i = 1; i < argc; i++) {
        struct dirent **names;
        int count = scandir(argv[i], &names, NULL, alphasort);

        if (count < 0) {
            replay(argv[i]);
            replayed++;
            continue;
        }
        for (int n = 0; n < count; n++) {
            _cleanup_free_ char *path = NULL;

            if (names[n]->d_name[0] != '.' &&
                asprintf(&path, "%s/%s", argv[i], names[n]->d_name) >= 0) {
                replay(path);
                replayed++;
            }
            free(names[n]);
        }
        free(names);
    }
    printf("%d inputs replayed\n", replayed);
    return replayed ? 0 : 1;
}
