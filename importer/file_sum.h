/*
 * The SHA-256 of a large file, taken in a thread of its own while the file is read elsewhere.
 *
 *     sum = file_sum_create(fd);        reads with pread(2): fd's place stays
 *     ...
 *     file_sum_wait(sum, hex);
 */
#pragma once

#include <nettle/sha2.h>

#include "base/error.h"

struct file_sum;

/* FD stays the caller's and must stay open. NULL: there is no thread to be had. */
struct file_sum *file_sum_create(int fd);
/* Ends the thread. */
void file_sum_destroy(struct file_sum *sum);

/* Waits for all of the file. */
struct seep_error *file_sum_wait(struct file_sum *sum, char ret_hex[65]);

/* The sum so far, in hexadecimal; SHA begins anew. */
void file_sum_print(struct sha256_ctx *sha, char ret_hex[65]);
