/* A thread that is not the leader executes a program: it takes over the leader's id. */
#include "exercise.h"

#include <pthread.h>

static const char *path;

static void *run_thread(void *argument)
{
    syscall(SYS_munmap, MARK_ADDRESS, 400);
    execl(path, path, "second", NULL);
    _exit(127);
    return argument;
}

int main(int argc, char **argv)
{
    pthread_t thread;

    if (argc > 1 && strcmp(argv[1], "second") == 0) {
        exercise_map(7 * PAGE);
        exercise_end();
        return 4;
    }
    exercise_begin(argc, argv);
    path = argv[0];
    exercise_map(3 * PAGE);
    pthread_create(&thread, NULL, run_thread, NULL);
    pause();
    return 1;
}
