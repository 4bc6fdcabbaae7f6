#include <isa-l/igzip_lib.h>

#include "base/cleanup.h"
#include "evidence/codec.h"

enum { ROOM_BYTES = 64 << 10 };

struct codec_state {
    struct isal_zstream stream;
    uint8_t level_buffer[ISAL_DEF_LVL3_DEFAULT];
};

static void isal_destroy(struct codec_state *state)
{
    free(state);
}

static struct seep_error *isal_begin(int level, struct codec_state **ret_state)
{
    struct codec_state *state = calloc(1, sizeof(*state));

    if (!state)
        return error_no_memory();
    isal_deflate_init(&state->stream);
    state->stream.level = (uint32_t)level;
    state->stream.level_buf = state->level_buffer;
    state->stream.level_buf_size = sizeof(state->level_buffer);
    state->stream.gzip_flag = IGZIP_GZIP;
    *ret_state = state;
    return NULL;
}

/* Until it has taken the input, and after the end of a member, given all that it holds. */
static struct seep_error *deflate_into(struct isal_zstream *stream, struct buffer *out)
{
    do {
        size_t before = out->len;

        stream->next_out = buffer_extend(out, ROOM_BYTES);
        if (!stream->next_out)
            return error_no_memory();
        stream->avail_out = ROOM_BYTES;

        int status = isal_deflate(stream);

        out->len = before + (ROOM_BYTES - stream->avail_out);
        out->bytes[out->len] = '\0';
        if (status != COMP_OK)
            return error_create(ERROR_CORRUPT, "ISA-L cannot compress: status %d", status);
    } while (stream->avail_in || stream->avail_out == 0);
    return NULL;
}

static struct seep_error *isal_push(struct codec_state *state, const void *bytes, size_t len,
                                    struct buffer *out)
{
    struct seep_error *err = NULL;

    state->stream.next_in = (uint8_t *)bytes;
    do {
        state->stream.avail_in = len > UINT32_MAX ? UINT32_MAX : (uint32_t)len;
        len -= state->stream.avail_in;
        err = deflate_into(&state->stream, out);
    } while (!err && len);
    return err;
}

static struct seep_error *isal_finish(struct codec_state *state, struct buffer *out)
{
    struct seep_error *err;

    state->stream.avail_in = 0;
    state->stream.end_of_stream = 1;
    err = deflate_into(&state->stream, out);
    isal_deflate_reset(&state->stream);
    state->stream.end_of_stream = 0;
    state->stream.gzip_flag = IGZIP_GZIP; /* writing the header has changed it */
    return err;
}

const struct codec codec_isal = {
    .name = "gzip by ISA-L",
    .begin = isal_begin,
    .push = isal_push,
    .finish = isal_finish,
    .destroy = isal_destroy,
};
