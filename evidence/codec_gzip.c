#include "evidence/codec.h"

#include <zlib.h>

#include "base/cleanup.h"

enum { GZIP_WINDOW_BITS = 15 + 16 }; /* zlib.h: 16 more asks for gzip's framing */

struct codec_state {
    z_stream stream;
};

static void gzip_destroy(struct codec_state *state)
{
    if (!state)
        return;
    deflateEnd(&state->stream);
    free(state);
}

static struct seep_error *gzip_begin(int level, struct codec_state **ret_state)
{
    _cleanup_free_ struct codec_state *state = calloc(1, sizeof(*state));

    if (!state)
        return error_no_memory();
    if (deflateInit2(&state->stream, level, Z_DEFLATED, GZIP_WINDOW_BITS, MAX_MEM_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return error_no_memory();
    *ret_state = take_ptr(state);
    return NULL;
}

/* Runs deflate until it has taken the input, or with Z_FINISH until the member has ended. */
static struct seep_error *deflate_into(struct codec_state *state, const void *bytes, size_t len,
                                       int flush, struct buffer *out)
{
    z_stream *stream = &state->stream;
    int status = Z_OK;

    stream->next_in = (Bytef *)bytes;
    do {
        stream->avail_in = len > UINT32_MAX ? UINT32_MAX : (uInt)len;
        len -= stream->avail_in;
        do {
            size_t before = out->len;
            uLong room = deflateBound(stream, stream->avail_in);

            stream->next_out = buffer_extend(out, room);
            if (!stream->next_out)
                return error_no_memory();
            stream->avail_out = (uInt)room;
            status = deflate(stream, len ? Z_NO_FLUSH : flush);
            out->len = before + (room - stream->avail_out);
            out->bytes[out->len] = '\0';
        } while (stream->avail_in || (flush == Z_FINISH && !len && status != Z_STREAM_END));
    } while (len);
    return NULL;
}

static struct seep_error *gzip_push(struct codec_state *state, const void *bytes, size_t len,
                                    struct buffer *out)
{
    return deflate_into(state, bytes, len, Z_NO_FLUSH, out);
}

static struct seep_error *gzip_finish(struct codec_state *state, struct buffer *out)
{
    struct seep_error *err = deflate_into(state, NULL, 0, Z_FINISH, out);

    deflateReset(&state->stream);
    return err;
}

const struct codec codec_gzip = {
    .name = "gzip",
    .begin = gzip_begin,
    .push = gzip_push,
    .finish = gzip_finish,
    .destroy = gzip_destroy,
};

struct seep_error *codec_gzip_expand(const void *stored, size_t stored_len, void *raw,
                                     size_t raw_len)
{
    z_stream stream = {0};

    if (stored_len > UINT32_MAX || raw_len > UINT32_MAX)
        return error_create(ERROR_CORRUPT, "a gzip member of %zu bytes", stored_len);
    if (inflateInit2(&stream, GZIP_WINDOW_BITS) != Z_OK)
        return error_no_memory();
    stream.next_in = (Bytef *)stored;
    stream.avail_in = (uInt)stored_len;
    stream.next_out = raw;
    stream.avail_out = (uInt)raw_len;

    int status = inflate(&stream, Z_FINISH);
    bool whole = status == Z_STREAM_END && stream.avail_in == 0 && stream.avail_out == 0;

    inflateEnd(&stream);
    return whole
               ? NULL
               : error_create(ERROR_CORRUPT, "%zu bytes are no gzip member of %zu bytes of memory",
                              stored_len, raw_len);
}
