# What strace -f -ttt -T -o FILE wrote, without what differs between two runs: the halves of calls
# joined, times and durations left out, ids of SysV segments numbered, threads told apart by what
# they did and not by their tids. One thread a line, its calls separated by \001: to be sorted.
#
# -v between=1: only what lies between the two marks of exercise.h.

function tidy(line,    id) {
    sub(/ <[0-9]+\.[0-9]+>$/, "", line)
    sub(/\) +=/, ") =", line)
    sub(/superseded by execve in pid [0-9]+/, "superseded by execve in pid TID", line)
    # What pointers point to is not recorded.
    if (line ~ /^shmctl\(/)
        sub(/\{shm_perm=.*\}\)/, "BUFFER)", line) || sub(/, 0x[0-9a-f]+\)/, ", BUFFER)", line)
    if (line ~ /^process_madvise\(/)
        sub(/\[\{iov_base=.*\}\]|0x[0-9a-f]+/, "RANGES", line)
    # strace 6.1 does not know the name.
    if (line ~ /^(syscall_0x1c5|map_shadow_stack)\(/)
        sub(/\(.*\)/, "()", line) && sub(/^syscall_0x1c5/, "map_shadow_stack", line)
    if (line ~ /^shmget\(.*= [0-9]+$/) {
        id = line
        sub(/.*= /, "", id)
        segments[id] = "SEGMENT"
        sub(/[0-9]+$/, "SEGMENT", line)
    }
    if (match(line, /^shm(at|ctl)\([0-9]+/)) {
        id = substr(line, 1, RLENGTH)
        sub(/.*\(/, "", id)
        if (id in segments)
            sub(/\([0-9]+/, "(SEGMENT", line)
    }
    return line
}

{
    tid = $1
    line = $0
    sub(/^[0-9]+ +[0-9]+\.[0-9]+ /, "", line)
    if (line ~ /^--- /)
        next
    if (line ~ / <unfinished \.\.\.>$/) {
        sub(/ <unfinished \.\.\.>$/, "", line)
        half[tid] = line
        next
    }
    if (line ~ /^<\.\.\. [a-z0-9_]+ resumed>/) {
        sub(/^<\.\.\. [a-z0-9_]+ resumed>/, "", line)
        line = half[tid] line
    }
    if (between && line ~ /^munmap\(0x5ee9, 1\)/) {
        said[tid] = ""
        next
    }
    if (between && line ~ /^munmap\(0x5ee9, 2\)/)
        over[tid] = 1
    if (!(tid in over))
        said[tid] = said[tid] tidy(line) "\001"
}

END {
    for (tid in said)
        print said[tid]
}
