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
 *        Mounted virtual thread "orders" #31             24+: what the carrier above runs
 *         at ...
 *        Locked ownable synchronizers: ...
 *     JNI global refs: 4, weak refs: 0                   the end
 *
 * and Thread.dump_to_file -format=text of JDK 21 and later, which knows virtual threads but no nid:
 *
 *     17667 / 2026-11-20T08:22:40.123456Z / 25.0.3+9-LTS / #31 "name" virtual / java.base/java...
 *
 * A log holds many, with other things between them: thread_dump_split cuts it line by line,
 * thread_dump_parse reads one. Names, methods and files are spans into the text, which stays the
 * caller's. Does not know of which process a dump is when the text does not say so.
 */
#pragma once

#include "base/civil_time.h"
#include "base/span.h"
#include "base/vector.h"

enum thread_dump_line {
    THREAD_DUMP_OTHER,  /* not of a dump; one that was under way has ended before it */
    THREAD_DUMP_BEGINS, /* a dump begins with this line, maybe; one under way has ended before it */
    THREAD_DUMP_GOES_ON,
};

enum thread_dump_place {
    THREAD_DUMP_OUTSIDE,
    THREAD_DUMP_MAYBE,   /* behind lines that stand before a dump, and elsewhere: a pid, a time */
    THREAD_DUMP_THREADS, /* within its threads */
    THREAD_DUMP_TAIL,    /* behind its last line: deadlocks, the heap */
    THREAD_DUMP_TO_FILE, /* within one of Thread.dump_to_file */
};

/* Zero before the first line. */
struct thread_dump_splitter {
    enum thread_dump_place place;
    unsigned strange; /* lines in a row that have no place in a dump */
};

/* What LINE is. Lines of a pid or a time begin what may turn out to be no dump:
 * thread_dump_is_one tells. */
enum thread_dump_line thread_dump_split(struct thread_dump_splitter *splitter, struct span line);

/* The lines since the last THREAD_DUMP_BEGINS are a dump, not only what may stand before one. */
static inline bool thread_dump_is_one(const struct thread_dump_splitter *splitter)
{
    return splitter->place >= THREAD_DUMP_THREADS;
}

struct thread_dump_frame {
    struct span method; /* "io.netty.buffer.PoolArena.allocate" */
    struct span module; /* "java.base"; empty: none */
    struct span file;   /* "PoolArena.java", "Native Method", "Unknown Source"; may be empty */
    uint32_t line;      /* 0: none */
};

enum { THREAD_DUMP_UNKNOWN = -1 };

struct thread_dump_thread {
    struct span name;   /* in full */
    uint64_t id;        /* Java's own number; 0: none, a thread of the VM itself */
    uint64_t nid;       /* the tid in the JVM's pid namespace, of a mounted virtual thread its
                           carrier's; 0: unknown */
    struct span status; /* "waiting on condition"; may be empty */
    struct span state;  /* "TIMED_WAITING (sleeping)"; may be empty */
    int64_t cpu_ns, elapsed_ns, allocated_bytes; /* THREAD_DUMP_UNKNOWN */
    size_t first_frame, frame_count;             /* innermost first */
    bool daemon, is_virtual;
};

struct thread_dump {
    uint64_t pid; /* 0: the text does not say */
    bool has_time;
    struct civil_time time;
    struct span vm;   /* "OpenJDK 64-Bit Server VM (17.0.15+6 mixed mode, sharing)"; may be empty */
    bool whole;       /* its last line is there */
    uint64_t strange; /* lines that are like a thread's first or a frame, and cannot be read */
    VECTOR(struct thread_dump_thread) threads;
    VECTOR(struct thread_dump_frame) frames;
};

/* TEXT must outlive RET_DUMP. Fails only without memory: what is no dump has no threads. */
struct seep_error *thread_dump_parse(struct span text, struct thread_dump *ret_dump);
void thread_dump_deinit(struct thread_dump *dump);

/* What the thread NID ran: the virtual thread that it carried, else itself; NULL: it is not there. */
const struct thread_dump_thread *thread_dump_find(const struct thread_dump *dump, uint64_t nid);

/* The first lines of a dump alone, for those who only need its pid and time. */
void thread_dump_parse_head(struct span text, struct thread_dump *ret_dump);

/* Steps over one frame, "at java.lang.Thread.sleep(java.base@17.0.15/Native Method)" or as in
 * exceptions "at java.base/java.lang.Thread.sleep(Thread.java:1)"; the blanks before it and the "at "
 * may lack. */
bool thread_dump_take_frame(struct span *text, struct thread_dump_frame *ret_frame);
