#include "importer/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <zlib.h>

#include "base/buffer.h"
#include "base/escape.h"
#include "base/io.h"
#include "base/units.h"
#include "importer/file_sum.h"

enum {
    READ_BYTES = 256 << 10, /* at once: small enough to stay in the cache until it is looked at */
    ROOM_BYTES = INPUT_MAX_LINE_BYTES + READ_BYTES,
    GZIP_WINDOW = 15 + 16,  /* inflateInit2: gzip only */
    BESIDE_BYTES = 8 << 20, /* from which on a thread is worth its while */
};

struct input_stream {
    int fd;
    struct file_sum *beside;         /* the sum taken in a thread; NULL: as the bytes are read */
    bool regular, file_ended, ended; /* ended: nothing more comes out */
    bool started;                    /* lines or bytes were asked for: the head is no longer held */
    bool expanding;
    z_stream inflater;
    unsigned char *raw;    /* compressed bytes; NULL in a plain file */
    char *room;            /* ROOM_BYTES and one: what [at, end) points into */
    size_t held;           /* bytes in room while not started */
    struct sha256_ctx sha; /* of the first hashed_bytes of the file */
    uint64_t hashed_bytes;
    bool hashed; /* `sum` is of all of the file */
    char sum[65];
};

void input_destroy(struct input *in)
{
    if (!in)
        return;
    if (in->stream) {
        file_sum_destroy(in->stream->beside);
        if (in->stream->expanding)
            inflateEnd(&in->stream->inflater);
        cleanup_close(&in->stream->fd);
        free(in->stream->raw);
        free(in->stream->room);
    }
    free(in->stream);
    free(in->path);
    free(in->suffix);
    free(in);
}

/* --- opening --- */

/* The whole name first: a file may have an '@' in it. */
static struct seep_error *open_named(struct input *in, const char *text)
{
    const char *at = strrchr(text, '@');
    int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY;
    int errnum;

    in->stream->fd =
        strcmp(text, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(text, flags);
    errnum = errno;
    in->path = strdup(text);
    if (!in->path)
        return error_no_memory();
    if (in->stream->fd < 0 && errnum == ENOENT && at && at != text && at[1]) {
        in->path[at - text] = '\0';
        in->suffix = strdup(at + 1);
        if (!in->suffix)
            return error_no_memory();
        in->stream->fd = open(in->path, flags);
        errnum = errno;
    }
    return in->stream->fd < 0 ? error_errno(errnum, in->path, "cannot open %s", in->path) : NULL;
}

static struct seep_error *look_at_file(struct input *in)
{
    struct stat st;

    if (fstat(in->stream->fd, &st) < 0)
        return error_errno(errno, in->path, "cannot look at %s", in->path);
    if (S_ISDIR(st.st_mode))
        return error_remedy(error_create(ERROR_INVALID, "%s is a directory", in->path),
                            "name the files in it");
    if (S_ISBLK(st.st_mode) || (S_ISCHR(st.st_mode) && !isatty(in->stream->fd)))
        return error_remedy(error_create(ERROR_INVALID, "%s is a device", in->path),
                            "copy what it holds to a file");
    in->stream->regular = S_ISREG(st.st_mode) && st.st_size > 0;
    in->size_bytes = in->stream->regular ? (uint64_t)st.st_size : 0;
    in->mtime_ns = (uint64_t)st.st_mtim.tv_sec * NS_PER_S + (uint64_t)st.st_mtim.tv_nsec;
    return NULL;
}

struct seep_error *input_open(const char *text, struct input **ret_input)
{
    _cleanup_(input_destroyp) struct input *in = calloc(1, sizeof(*in));
    struct seep_error *err;

    if (!in || !(in->stream = calloc(1, sizeof(*in->stream))))
        return error_no_memory();
    in->stream->fd = -1;
    in->line_end = '\n';
    sha256_init(&in->stream->sha);
    err = open_named(in, text);
    if (!err)
        err = look_at_file(in);
    if (err)
        return err;
    in->stream->room = malloc(ROOM_BYTES + 1);
    if (!in->stream->room)
        return error_no_memory();
    posix_fadvise(in->stream->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    *ret_input = take_ptr(in);
    return NULL;
}

/* --- bytes --- */

/* Bytes as they are on the disk. */
static struct seep_error *read_file(struct input *in, void *bytes, size_t len, size_t *ret_got)
{
    struct input_stream *s = in->stream;
    ssize_t got = s->file_ended ? 0 : TEMP_FAILURE_RETRY(read(s->fd, bytes, len));

    if (got < 0)
        return error_errno(errno, in->path, "cannot read %s", in->path);
    if (got == 0)
        s->file_ended = true;
    if (!s->beside && !s->hashed) {
        sha256_update(&s->sha, (size_t)got, bytes);
        s->hashed_bytes += (uint64_t)got;
    }
    in->taken_bytes += (uint64_t)got;
    *ret_got = (size_t)got;
    return NULL;
}

/* No member begins with a zero: behind the last one they are padding (gzip(1)). */
static void skip_padding(z_stream *inflater)
{
    while (!inflater->total_in && inflater->avail_in && !*inflater->next_in) {
        inflater->next_in++;
        inflater->avail_in--;
    }
}

static struct seep_error *expand(struct input *in, void *bytes, size_t len, size_t *ret_got)
{
    struct input_stream *s = in->stream;

    s->inflater.next_out = bytes;
    s->inflater.avail_out = (unsigned)len;
    while (s->inflater.avail_out == len && !s->ended) {
        if (!s->inflater.avail_in) {
            size_t got = 0;
            struct seep_error *err = read_file(in, s->raw, READ_BYTES, &got);

            if (err)
                return err;
            s->inflater.next_in = s->raw;
            s->inflater.avail_in = (unsigned)got;
            if (!got) {
                in->cut = s->inflater.total_in > 0;
                s->ended = true;
                break;
            }
        }

        skip_padding(&s->inflater);

        int step = s->inflater.avail_in ? inflate(&s->inflater, Z_NO_FLUSH) : Z_OK;

        if (step == Z_STREAM_END) {
            inflateReset(&s->inflater); /* there may be another member */
        } else if (step != Z_OK && step != Z_BUF_ERROR) {
            in->cut = true;
            s->ended = true;
        }
    }
    *ret_got = len - s->inflater.avail_out;
    return NULL;
}

/* Fewer than LEN only at the end. */
static struct seep_error *read_expanded(struct input *in, char *bytes, size_t len, size_t *ret_got)
{
    struct input_stream *s = in->stream;
    size_t done = 0;

    while (done < len && !s->ended) {
        size_t got = 0;
        struct seep_error *err = s->expanding ? expand(in, bytes + done, len - done, &got)
                                              : read_file(in, bytes + done, len - done, &got);

        if (err)
            return err;
        done += got;
        if (!s->expanding && !got)
            s->ended = true;
    }
    *ret_got = done;
    return NULL;
}

/* What was read of a compressed file so far is compressed. */
static struct seep_error *begin_expanding(struct input *in)
{
    struct input_stream *s = in->stream;

    s->raw = malloc(READ_BYTES);
    if (!s->raw || inflateInit2(&s->inflater, GZIP_WINDOW) != Z_OK)
        return error_no_memory();
    memcpy(s->raw, s->room, s->held);
    s->inflater.next_in = s->raw;
    s->inflater.avail_in = (unsigned)s->held;
    s->expanding = true;
    s->ended = false;
    s->held = 0;
    in->compressed = true;
    return NULL;
}

/* The head into the room, where it is held until reading starts. */
static struct seep_error *load_head(struct input *in)
{
    struct input_stream *s = in->stream;
    struct seep_error *err;
    size_t got;

    if (s->held || s->started)
        return NULL;
    err = read_expanded(in, s->room, INPUT_HEAD_BYTES, &s->held);
    if (!err && s->held >= 3 && memcmp(s->room, "\x1f\x8b\x08", 3) == 0) {
        err = begin_expanding(in);
        if (!err)
            err = read_expanded(in, s->room, INPUT_HEAD_BYTES, &got);
        if (err)
            return err;
        s->held = got;
        if (!got && in->cut)
            return error_create(ERROR_CORRUPT, "%s is a damaged gzip file", in->path);
    }
    if (!err && !memchr(s->room, '\n', s->held) && memchr(s->room, '\r', s->held))
        in->line_end = '\r';
    return err;
}

static struct seep_error *start(struct input *in)
{
    struct input_stream *s = in->stream;
    struct seep_error *err;

    if (s->started)
        return NULL;
    err = load_head(in);
    if (err)
        return err;
    if (s->regular && in->size_bytes >= BESIDE_BYTES && !s->hashed)
        s->beside = file_sum_create(s->fd);
    s->started = true;
    in->at = s->room;
    in->end = s->room + s->held;
    return NULL;
}

struct seep_error *input_head(struct input *in, const char **ret_head, size_t *ret_len)
{
    struct seep_error *err = load_head(in);

    if (err)
        return err;
    *ret_head = in->stream->room;
    *ret_len = in->stream->held;
    return NULL;
}

/* --- lines --- */

/* Moves what is left to the front of the room and reads behind it. */
static struct seep_error *fill_room(struct input *in)
{
    struct input_stream *s = in->stream;
    size_t left = (size_t)(in->end - in->at), got = 0;
    size_t want = left + READ_BYTES <= ROOM_BYTES ? READ_BYTES : ROOM_BYTES - left;
    struct seep_error *err;

    memmove(s->room, in->at, left);
    in->at = s->room;
    in->end = s->room + left;
    err = read_expanded(in, s->room + left, want, &got);
    in->end += got;
    return err;
}

/* The rest of a line of which enough was seen. */
static struct seep_error *skip_line(struct input *in)
{
    for (;;) {
        const char *end = memchr(in->at, in->line_end, (size_t)(in->end - in->at));
        struct seep_error *err;

        in->at = end ? end + 1 : in->end;
        if (end || in->stream->ended)
            return NULL;
        err = fill_room(in);
        if (err)
            return err;
    }
}

static struct seep_error *give_long_line(struct input *in, struct input_line *ret_line)
{
    _cleanup_free_ char *kept = malloc(INPUT_MAX_LINE_BYTES);
    struct seep_error *err;

    if (!kept)
        return error_no_memory();
    memcpy(kept, in->at, INPUT_MAX_LINE_BYTES);
    in->at += INPUT_MAX_LINE_BYTES;
    err = skip_line(in);
    if (err)
        return err;
    /* What is left of the room's contents stays at its end, the line goes to its front. */
    if (in->at - in->stream->room < INPUT_MAX_LINE_BYTES + 1) {
        size_t left = (size_t)(in->end - in->at);

        memmove(in->stream->room + ROOM_BYTES - left, in->at, left);
        in->at = in->stream->room + ROOM_BYTES - left;
        in->end = in->stream->room + ROOM_BYTES;
    }
    memcpy(in->stream->room, kept, INPUT_MAX_LINE_BYTES);
    ret_line->text = in->stream->room;
    ret_line->len = INPUT_MAX_LINE_BYTES;
    ret_line->number = ++in->lines;
    in->long_lines++;
    return NULL;
}

struct seep_error *input_fill_line(struct input *in, struct input_line *ret_line)
{
    struct seep_error *err = start(in);
    const char *end;

    if (!err && !in->lines && in->end - in->at >= 3 && memcmp(in->at, "\xef\xbb\xbf", 3) == 0)
        in->at += 3; /* a byte order mark */
    while (!err) {
        size_t left = (size_t)(in->end - in->at);

        end = left ? memchr(in->at, in->line_end, left) : NULL;
        if (end || in->stream->ended)
            break;
        if (left >= INPUT_MAX_LINE_BYTES)
            return give_long_line(in, ret_line);
        err = fill_room(in);
    }
    if (err)
        return err;
    if (!end && in->at == in->end) {
        *ret_line = (struct input_line){0};
        return NULL;
    }

    size_t len = (size_t)((end ? end : in->end) - in->at);

    if (len > INPUT_MAX_LINE_BYTES)
        return give_long_line(in, ret_line);
    ret_line->text = in->at;
    ret_line->len = len && in->at[len - 1] == '\r' ? len - 1 : len;
    ret_line->number = ++in->lines;
    in->at += len + (end != NULL);
    return NULL;
}

/* --- whole files --- */

struct seep_error *input_read(struct input *in, void *bytes, size_t len, size_t *ret_got)
{
    struct seep_error *err = start(in);
    size_t left, got = 0;

    if (err)
        return err;
    left = (size_t)(in->end - in->at);
    if (left > len)
        left = len;
    if (left)
        memcpy(bytes, in->at, left);
    in->at += left;
    err = read_expanded(in, (char *)bytes + left, len - left, &got);
    if (!err)
        *ret_got = left + got;
    return err;
}

struct seep_error *input_read_all(struct input *in, size_t max_len, char **ret_text,
                                  size_t *ret_len)
{
    _cleanup_buffer_ struct buffer text = {0};
    size_t got = READ_BYTES;

    while (got == READ_BYTES) {
        char *room = buffer_extend(&text, READ_BYTES);
        struct seep_error *err = room ? input_read(in, room, READ_BYTES, &got) : error_no_memory();

        if (err)
            return err;
        text.len -= READ_BYTES - got;
        if (text.len > max_len)
            return error_create(ERROR_INVALID, "%s is longer than %zu bytes", in->path, max_len);
    }
    text.bytes[text.len] = '\0';
    *ret_len = text.len;
    *ret_text = take_ptr(text.bytes);
    return NULL;
}

static int open_nameless(void)
{
    const char *dir = getenv("TMPDIR");
    int fd = open(dir && *dir ? dir : "/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    FILE *file = fd < 0 ? tmpfile() : NULL;

    if (file) {
        fd = fcntl(fileno(file), F_DUPFD_CLOEXEC, 3);
        fclose(file);
    }
    return fd;
}

/* Zeros as a hole: a gigabyte of them is a megabyte of gzip. */
static struct seep_error *write_sparsely(int fd, const char *bytes, size_t len)
{
    if (bytes[0] || memcmp(bytes, bytes + 1, len - 1) != 0)
        return error_remedy(io_write(fd, bytes, len), "TMPDIR names a directory with more room");
    return lseek(fd, (off_t)len, SEEK_CUR) < 0 ? error_errno(errno, NULL, "cannot write") : NULL;
}

struct seep_error *input_seekable(struct input *in, int *ret_fd, uint64_t *ret_size_bytes)
{
    struct seep_error *err = load_head(in);
    _cleanup_close_ int fd = -1;
    uint64_t size = 0;
    size_t got = 0;

    if (err)
        return err;
    if (in->stream->regular && !in->compressed) {
        fd = fcntl(in->stream->fd, F_DUPFD_CLOEXEC, 3);
        if (fd < 0)
            return error_errno(errno, in->path, "cannot open %s", in->path);
        *ret_size_bytes = in->size_bytes;
        *ret_fd = take_fd(&fd);
        return NULL;
    }

    _cleanup_free_ char *bytes = malloc(READ_BYTES);

    fd = open_nameless();
    if (fd < 0)
        return error_errno(errno, NULL, "cannot make a temporary file");
    err = bytes ? input_read(in, bytes, READ_BYTES, &got) : error_no_memory();
    while (!err && got) {
        err = write_sparsely(fd, bytes, got);
        size += got;
        if (!err)
            err = input_read(in, bytes, READ_BYTES, &got);
    }
    if (!err && ftruncate(fd, (off_t)size) < 0)
        err = error_remedy(error_errno(errno, NULL, "cannot write"),
                           "TMPDIR names a directory with more room");
    if (err)
        return error_prefix(err, "%s, expanded", in->path);
    *ret_size_bytes = size;
    *ret_fd = take_fd(&fd);
    return NULL;
}

/* What was not read yet of a file, beside what is being read, whose place stays. */
static struct seep_error *hash_rest(struct input *in)
{
    struct input_stream *s = in->stream;
    _cleanup_free_ char *bytes = malloc(READ_BYTES);
    size_t got = 1;

    if (!bytes)
        return error_no_memory();
    while (!s->regular && !s->file_ended) {
        struct seep_error *err = read_file(in, bytes, READ_BYTES, &got);

        if (err)
            return err;
    }
    for (uint64_t at = s->hashed_bytes; s->regular && got; at += got) {
        struct seep_error *err = io_pread(s->fd, bytes, READ_BYTES, (off_t)at, &got);

        if (err)
            return error_prefix(err, "%s", in->path);
        sha256_update(&s->sha, got, (const uint8_t *)bytes);
    }
    return NULL;
}

struct seep_error *input_sha256(struct input *in, char ret_hex[65])
{
    struct input_stream *s = in->stream;
    struct seep_error *err = NULL;

    if (!s->hashed && s->beside)
        err = error_prefix(file_sum_wait(s->beside, s->sum), "%s", in->path);
    else if (!s->hashed)
        err = hash_rest(in);
    if (err)
        return err;
    if (!s->hashed && !s->beside)
        file_sum_print(&s->sha, s->sum);
    s->hashed = true;
    memcpy(ret_hex, s->sum, sizeof(s->sum));
    return NULL;
}

struct seep_error *input_suffix_time(const struct input *in, struct when *ret_when)
{
    size_t len = strlen(in->suffix);
    _cleanup_free_ char *shown = escape_text(in->suffix, len);
    struct when when;

    if (when_parse(in->suffix, len, &when) != len)
        return error_remedy(
            error_create(ERROR_INVALID, "%s@%s: this is no time", in->path, shown ? shown : "?"),
            "name the file as FILE@2021-03-02T08:22:40 or FILE@08:22:40");
    *ret_when = when;
    return NULL;
}

struct seep_error *input_suffix_address(const struct input *in, uint64_t *ret_address,
                                        bool *ret_there)
{
    uint64_t address;

    if (!in->suffix) {
        *ret_there = false;
        return NULL;
    }
    if (!units_parse_address(in->suffix, &address)) {
        _cleanup_free_ char *shown = escape_text(in->suffix, strlen(in->suffix));

        return error_remedy(error_create(ERROR_INVALID, "%s@%s: %s is no address", in->path,
                                         shown ? shown : "?", shown ? shown : "?"),
                            "name the file as FILE@0x7f46a0000000");
    }
    *ret_address = address;
    *ret_there = true;
    return NULL;
}
