/* Signal handlers that map, of signals that come in every way. */
#include "mark.h"

#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

volatile int mark_count;
static volatile sig_atomic_t number, come;
static sigjmp_buf before;

void fault_at_start(void *null);

static NOINLINE void plain(int n)
{
    mark(n);
    mark_count++;
}

static void on_signal(int signal)
{
    plain(number);
    mark_count += signal;
    come = 1;
}

static void on_signal_with_info(int signal, siginfo_t *info, void *context)
{
    plain(number);
    mark_count += signal + info->si_signo + (context != NULL);
    come = 1;
}

static void on_first(int signal)
{
    number++;
    raise(SIGUSR2);
    mark_count += signal;
}

static void on_fault(int signal)
{
    plain(number);
    mark_count += signal;
    siglongjmp(before, 1);
}

static void handle(int signal, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

    if (sigaction(signal, &action, NULL) != 0)
        abort();
}

static void handle_info(int signal, int flags)
{
    struct sigaction action = {.sa_sigaction = on_signal_with_info, .sa_flags = flags | SA_SIGINFO};

    if (sigaction(signal, &action, NULL) != 0)
        abort();
}

/* From now on SIGALRM comes in a while. */
static void ask(int n)
{
    struct itimerval soon = {.it_value = {.tv_usec = 20000}};

    number = n;
    come = 0;
    setitimer(ITIMER_REAL, &soon, NULL);
}

static NOINLINE void spin(int n)
{
    ask(n);
    while (!come)
        mark_count++;
}

static NOINLINE void wait_in_call(int n)
{
    ask(n);
    pause();
    mark_count++;
}

static NOINLINE void fault_in_middle(int n, volatile int *null)
{
    number = n;
    mark_count++;
    *null = n;
    mark_count++;
}

static void on_other_stack(int n)
{
    static char memory[65536];
    stack_t stack = {.ss_sp = memory, .ss_size = sizeof(memory)};

    sigaltstack(&stack, NULL);
    handle_info(SIGUSR1, SA_ONSTACK);
    number = n;
    raise(SIGUSR1);
    mark_count++;
}

int main(void)
{
    handle(SIGUSR2, on_signal, 0);
    handle_info(SIGUSR1, 0);
    number = mark_unknown(0);
    raise(SIGUSR1);
    number = mark_unknown(1);
    kill(getpid(), SIGUSR2);

    handle(SIGALRM, on_signal, 0);
    spin(mark_unknown(2));
    handle_info(SIGALRM, SA_RESTART);
    spin(mark_unknown(3));
    wait_in_call(mark_unknown(4));

    handle(SIGUSR1, on_first, 0);
    number = mark_unknown(5);
    raise(SIGUSR1);

    handle(SIGSEGV, on_fault, SA_NODEFER);
    if (sigsetjmp(before, 1) == 0)
        fault_in_middle(mark_unknown(7), NULL);
    number = mark_unknown(8);
    if (sigsetjmp(before, 1) == 0)
        fault_at_start(NULL);
    on_other_stack(mark_unknown(9));
    return 0;
}
