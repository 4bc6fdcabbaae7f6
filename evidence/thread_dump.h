/*
 * A Java thread dump, as jstack, jcmd Thread.print and SIGQUIT print it: JDK 6 to 25.
 *
 *     17667:                                             jcmd only
 *     2026-11-20 08:22:40                                local time, without a zone
 *     Full thread dump OpenJDK 64-Bit Server VM (17.0.15+6 mixed mode, sharing):
 *
 *     "worker-3-1" #15 prio=5 os_prio=0 cpu=3.1ms elapsed=8s tid=0x00007f38 nid=0x5734 runnable [..]
 *     "worker-3-1" #24 [22322] prio=5 os_prio=0 ... tid=0x00007f38 nid=22322 runnable [...]   21+
 *        java.lang.Thread.State: RUNNABLE
 *         at io.netty.buffer.PoolArena.allocate(PoolArena.java:215)
 *         - locked <0x00000000ffd02f40> (a java.lang.Object)
 *        Locked ownable synchronizers: ...
 *     JNI global refs: 4, weak refs: 0                   the end
 *
 * and Thread.dump_to_file -format=text of JDK 21 and later, which knows virtual threads but no nid:
 *
 *     17667 / 2026-11-20T08:22:40.123456Z / 25.0.3+9-LTS / #31 "name" virtual / java.base/java...
 *
 * A long log holds many, with other things between them: thread_dump_splitter cuts line by line,
 * thread_dump_parse reads one. Names, methods and files are spans into the text, which stays the
 * caller's. Does not know which process it is of when the text does not say so, or of time zones.
 */
#pragma once

#include "base/span.h"
#include "base/vector.h"

/* Dates without a zone: seconds since 1970-01-01 00:00:00 of the clock on the wall. */
enum { THREAD_DUMP_NO_TIME = INT64_MIN };

enum thread_dump_line {
    THREAD_DUMP_OTHER,  /* not of a dump: other lines of the log */
    THREAD_DUMP_BEGINS, /* a dump begins with this line; the one before has ended */
    THREAD_DUMP_GOES_ON,
};

/* Zero is the state before the first line. */
struct thread_dump_splitter {
    int state;
    bool to_file; /* the form of Thread.dump_to_file */
    unsigned strange;
};

/* Tells what LINE is. The pid's and the time's line begin a dump before it is known to be one: see
 * thread_dump_is_one. */
enum thread_dump_line thread_dump_split(struct thread_dump_splitter *splitter, struct span line);

/* What was cut out does hold the line that names a dump. */
bool thread_dump_is_one(struct span text);

struct thread_dump_frame {
    struct span method; /* "io.netty.buffer.PoolArena.allocate": class and method */
    struct span module; /* "java.base", empty: none */
    struct span file;   /* "PoolArena.java", "Native Method", "Unknown Source", empty */
    uint32_t line;      /* 0: none */
};

struct thread_dump_thread {
    struct span name;   /* full, as setName gave it */
    uint64_t id;        /* java's own number, 0: a thread of the VM's */
    uint64_t nid;       /* the kernel's tid within the JVM's pid namespace; 0: unknown, virtual */
    bool daemon, is_virtual;
    struct span status; /* "waiting on condition", empty */
    struct span state;  /* "TIMED_WAITING (sleeping)", empty */
    uint64_t cpu_ns, elapsed_ns, allocated_bytes; /* UINT64_MAX: unknown */
    size_t first_frame, frame_count;              /* innermost first */
    bool frames_cut;
};

struct thread_dump {
    uint64_t pid;        /* 0: the text does not say */
    int64_t time_s;      /* THREAD_DUMP_NO_TIME */
    bool utc;            /* the time is of UTC, not of an unknown zone */
    struct span vm;      /* "OpenJDK 64-Bit Server VM (17.0.15+6 mixed mode, sharing)" */
    uint64_t jni_refs;   /* UINT64_MAX: unknown */
    bool whole;          /* its last line is there */
    size_t strange;      /* lines that begin like a thread or a frame and are none */
    VECTOR(struct thread_dump_thread) threads;
    VECTOR(struct thread_dump_frame) frames;
};

enum { THREAD_DUMP_MAX_FRAMES = 1024 }; /* of one thread, as the JVM's MaxJavaStackTraceDepth */

/* TEXT stays the caller's and must outlive RET_DUMP. Fails only without memory: what is no dump has
 * no threads. */
struct seep_error *thread_dump_parse(struct span text, struct thread_dump *ret_dump);
void thread_dump_deinit(struct thread_dump *dump);

/* "at java.base@17.0.15/java.lang.Thread.sleep(Native Method)", with or without the "at " and what
 * logging adds behind it ("~[netty.jar:4.1]"). */
bool thread_dump_parse_frame(struct span line, struct thread_dump_frame *ret_frame);

/* "2026-11-20 08:22:40", "2026-11-20T08:22:40.123Z" at the start of TEXT, which is stepped over. */
bool thread_dump_take_time(struct span *text, int64_t *ret_time_s, uint32_t *ret_ns, bool *ret_utc);
