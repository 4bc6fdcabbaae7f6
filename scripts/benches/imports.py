"""Evidence of other tools."""
import os
import subprocess
import sys
import time

from harness import SEEP, fresh, medians, part, run, say, seconds, times


def strace_log(path, lines):
    """What `strace -f -ttt -T` writes of 50 threads that map and unmap, calls cut by one another."""
    live = {}
    at, ns = 0x7f0000000000, 1614645000 * 10**6
    with path.open("w", buffering=1 << 22) as log:
        for i in range(lines // 2):
            tid, size = 25893 + i * 7 % 50, 4096 * (1 + i * 13 % 61)
            ns += 3
            stamp = f"{ns // 10**6}.{ns % 10**6:06d}"
            if tid in live and i % 40:
                start, length = live.pop(tid)
                log.write(f"{tid} {stamp} munmap({start:#x}, {length}) = 0 <0.000009>\n")
            at += size
            live[tid] = (at - size, size)
            if i % 5:
                log.write(f"{tid} {stamp} mmap(NULL, {size}, PROT_READ|PROT_WRITE, "
                          f"MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = {at - size:#x} <0.000012>\n")
            else:
                log.write(f"{tid} {stamp} mmap(NULL, {size}, PROT_READ|PROT_WRITE, "
                          f"MAP_PRIVATE|MAP_ANONYMOUS, -1, 0 <unfinished ...>\n"
                          f"{tid} {ns // 10**6}.{(ns + 1) % 10**6:06d} <... mmap resumed>) = {at - size:#x} <0.000001>\n")


def imports():
    log = fresh("trace.txt")
    say("writing a strace log of 1 GB")
    strace_log(log, 11_000_000)
    resident = []

    def seep():
        case = fresh("import")
        start = time.monotonic()
        for command in ([SEEP, "import", "-o", case, log], [SEEP, "analyze", case]):
            done = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            _, status, usage = os.wait4(done.pid, 0)
            if status:
                sys.exit(f"bench: {command[1]} fails")
            resident.append(usage.ru_maxrss)
        return time.monotonic() - start

    def grep():
        """Into a pipe: it does not count when nobody can see."""
        start = time.monotonic()
        run(["grep", "-c", "mmap", log])
        return time.monotonic() - start

    m = medians({"seep": seep, "grep": grep})
    part("Importing a strace log",
         f"{log.stat().st_size / 1e9:.2f} GB of lines of 50 threads, interleaved, every line a memory call; "
         "read, put in order, and judged. Seconds.",
         ["", "`seep import`, `seep analyze`", "`grep -c mmap`", "seep takes, times", "MiB resident"],
         [["seconds", f"{m['seep']:.1f}", f"{m['grep']:.2f}", times(m["seep"], m["grep"]),
           f"{max(resident) / 1024:.0f}"]])
    log.unlink()


PARTS = {"import": imports}
NEEDED = ["grep"]
