/*
 * A program that would notice being harmed: threads that map and unmap, take every kind of signal,
 * and count what they did against what they should have done.
 *
 *     busy THREADS SECONDS     until then, or until a byte comes on standard input if SECONDS is 0
 *     -> "maps N urg N quit N rt N segv N: all as sent", exit status 7; anything else is harm
 *
 * Each signal sent is counted by its handler before the sender goes on: one lost hangs or fails, one
 * delivered twice fails.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { MAX_THREADS = 64, PAGE = 4096 };

static atomic_long urg, quit, rt, rt_sum, segv;
static atomic_long sent_urg, sent_quit, sent_rt, sent_sum, sent_segv, maps;
static atomic_bool over;
static __thread char *trap;

static void count(int signal, siginfo_t *info, void *context)
{
    (void)context;
    if (signal == SIGURG)
        urg++;
    else if (signal == SIGQUIT)
        quit++;
    else if (signal == SIGSEGV && info->si_addr == trap) {
        segv++;
        mprotect(trap, PAGE, PROT_READ | PROT_WRITE);
    } else if (signal == SIGSEGV)
        _exit(3);
    else {
        rt++;
        rt_sum += info->si_value.sival_int;
    }
}

static void send_to_self(int signal, int value)
{
    siginfo_t info = {.si_code = SI_QUEUE};

    info.si_pid = getpid();
    info.si_uid = getuid();
    info.si_value.sival_int = value;
    syscall(SYS_rt_tgsigqueueinfo, getpid(), (pid_t)syscall(SYS_gettid), signal, &info);
}

static void *work(void *unused)
{
    (void)unused;
    trap = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int turn = 1; !over; turn++) {
        size_t size = (size_t)(1 + turn % 16) * PAGE;
        char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (p == MAP_FAILED)
            exit(4);
        memset(p, turn, size);
        if (p[size - 1] != (char)turn || munmap(p, size) < 0)
            exit(5);
        maps++;
        sent_urg++;
        send_to_self(SIGURG, 0);
        sent_rt++;
        sent_sum += turn;
        send_to_self(SIGRTMIN + 1, turn);
        if (turn % 8 == 0) {
            sent_quit++;
            send_to_self(SIGQUIT, 0);
            sent_segv++;
            mprotect(trap, PAGE, PROT_NONE);
            *(volatile char *)trap = 1;
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    int threads = argc > 1 ? atoi(argv[1]) : 2;
    int seconds = argc > 2 ? atoi(argv[2]) : 1;
    int signals[] = {SIGURG, SIGQUIT, SIGSEGV, SIGRTMIN + 1};
    pthread_t ids[MAX_THREADS];
    struct timespec left = {.tv_sec = seconds};
    char byte;

    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        struct sigaction action = {.sa_sigaction = count, .sa_flags = SA_SIGINFO | SA_RESTART};

        sigaction(signals[i], &action, NULL);
    }
    if (threads > MAX_THREADS)
        threads = MAX_THREADS;
    for (int i = 0; i < threads; i++)
        pthread_create(&ids[i], NULL, work, NULL);
    puts("ready");
    fflush(stdout);
    if (seconds == 0 && read(STDIN_FILENO, &byte, 1) < 0)
        return 6;
    while (seconds && nanosleep(&left, &left) < 0)
        ;
    over = true;
    for (int i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
    printf("maps %ld urg %ld quit %ld rt %ld segv %ld: %s\n", maps, urg, quit, rt, segv,
           urg == sent_urg && quit == sent_quit && rt == sent_rt && rt_sum == sent_sum &&
                   segv == sent_segv
               ? "all as sent"
               : "NOT as sent");
    return 7;
}
