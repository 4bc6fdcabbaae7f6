/*
 * A parent and a child that map: the child of a fork, of a vfork that executes this program again,
 * or of a thread's fork.
 *
 *     children fork|vfork|thread
 */
#include "mark.h"

#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

volatile int mark_count;

static NOINLINE void plain(int n)
{
    mark(n);
    mark_count++;
}

static NOINLINE void in_child(int n)
{
    plain(n);
    mark_count++;
}

static NOINLINE void by_fork(void)
{
    pid_t child = fork();

    if (child == 0) {
        in_child(1);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    plain(2);
    mark_count++;
}

/* The child of a vfork runs on its parent's stack. */
static NOINLINE void by_vfork(char **argv)
{
    pid_t child = vfork();

    if (child == 0) {
        plain(3);
        execl(argv[0], argv[0], "executed", NULL);
        _exit(127);
    }
    waitpid(child, NULL, 0);
    plain(4);
    mark_count++;
}

static void *thread(void *argument)
{
    by_fork();
    mark_count++;
    return argument;
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "";
    pthread_t other;

    plain(0);
    if (strcmp(how, "fork") == 0)
        by_fork();
    else if (strcmp(how, "vfork") == 0)
        by_vfork(argv);
    else if (strcmp(how, "executed") == 0)
        in_child(5);
    else if (pthread_create(&other, NULL, thread, NULL) == 0)
        pthread_join(other, NULL);
    plain(6);
    return 0;
}
