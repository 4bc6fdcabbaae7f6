#include "target/tracee.h"

#include <elf.h>
#include <errno.h>
#include <linux/kcmp.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* glibc declares ptrace's request as an enum that lacks the newer requests. */
static enum tracee_result request(int what, pid_t tid, uintptr_t address, uintptr_t data)
{
    if (ptrace((enum __ptrace_request)what, tid, (void *)address, (void *)data) >= 0)
        return TRACEE_DONE;
    return errno == ESRCH ? TRACEE_GONE : TRACEE_REFUSED;
}

enum tracee_result tracee_seize(pid_t tid, unsigned options)
{
    uintptr_t flags =
        PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT;

    if (options & TRACEE_FOLLOW_FORKS)
        flags |= PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK;
    if (options & TRACEE_KILL_ON_EXIT)
        flags |= PTRACE_O_EXITKILL;
    if (options & TRACEE_SECCOMP_STOPS)
        flags |= PTRACE_O_TRACESECCOMP;
    return request(PTRACE_SEIZE, tid, 0, flags);
}

enum tracee_result tracee_interrupt(pid_t tid)
{
    return request(PTRACE_INTERRUPT, tid, 0, 0);
}

enum tracee_result tracee_resume(pid_t tid, enum tracee_resume how, int signal)
{
    static const int requests[] = {
        [TRACEE_CONTINUE] = PTRACE_CONT,
        [TRACEE_TO_SYSCALL] = PTRACE_SYSCALL,
        [TRACEE_LISTEN] = PTRACE_LISTEN,
    };

    return request(requests[how], tid, 0, (uintptr_t)signal);
}

enum tracee_result tracee_detach(pid_t tid, int signal)
{
    return request(PTRACE_DETACH, tid, 0, (uintptr_t)signal);
}

enum tracee_result tracee_message(pid_t tid, unsigned long *ret_message)
{
    return request(PTRACE_GETEVENTMSG, tid, 0, (uintptr_t)ret_message);
}

enum tracee_result tracee_syscall_info(pid_t tid, struct __ptrace_syscall_info *ret_info)
{
    return request(PTRACE_GET_SYSCALL_INFO, tid, sizeof(*ret_info), (uintptr_t)ret_info);
}

enum tracee_result tracee_registers(pid_t tid, void *registers, size_t size, size_t *ret_got)
{
    struct iovec where = {registers, size};
    enum tracee_result result = request(PTRACE_GETREGSET, tid, NT_PRSTATUS, (uintptr_t)&where);

    if (result == TRACEE_DONE)
        *ret_got = where.iov_len;
    return result;
}

void tracee_consume(pid_t tid)
{
    waitpid(tid, NULL, __WALL | WNOHANG);
}

pid_t tracee_wait(pid_t tid, bool block, int *ret_status)
{
    siginfo_t info = {0};
    /* Other threads may have children of their own. */
    int flags = WEXITED | WSTOPPED | __WALL | __WNOTHREAD | WNOWAIT | (block ? 0 : WNOHANG);

    if (waitid(tid < 0 ? P_ALL : P_PID, tid < 0 ? 0 : (id_t)tid, &info, flags) < 0)
        return -1;
    if (info.si_pid == 0)
        return 0;
    if (info.si_code == CLD_EXITED || info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED)
        return waitpid(info.si_pid, ret_status, __WALL | WNOHANG);
    /* After an exec by another thread than the leader the kernel refuses every request until the new
     * pid has been waited for. */
    if (info.si_status == (PTRACE_EVENT_EXEC << 8 | SIGTRAP))
        tracee_consume(info.si_pid);
    *ret_status = info.si_status << 8 | 0x7f;
    return info.si_pid;
}

enum tracee_stop tracee_classify(int wait_status)
{
    if (!WIFSTOPPED(wait_status))
        return TRACEE_EXITED;

    int signal = WSTOPSIG(wait_status);

    switch (wait_status >> 16) {
    case PTRACE_EVENT_STOP:
        return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU
                   ? TRACEE_GROUP_STOP
                   : TRACEE_TRAPPED;
    case PTRACE_EVENT_CLONE:
        return TRACEE_NEW_THREAD;
    case PTRACE_EVENT_FORK:
        return TRACEE_NEW_FORK;
    case PTRACE_EVENT_VFORK:
        return TRACEE_NEW_VFORK;
    case PTRACE_EVENT_EXEC:
        return TRACEE_EXEC;
    case PTRACE_EVENT_EXIT:
        return TRACEE_EXITING;
    case PTRACE_EVENT_SECCOMP:
        return TRACEE_SECCOMP;
    default:
        return signal == (SIGTRAP | 0x80) ? TRACEE_SYSCALL : TRACEE_SIGNAL;
    }
}

bool tracee_shares_memory(pid_t a, pid_t b)
{
    return syscall(SYS_kcmp, a, b, KCMP_VM, 0, 0) == 0;
}
