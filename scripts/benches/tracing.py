"""What watching costs the target."""
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

import harness
from harness import BUILD, CHURN, DEEP, SEEP, churn_ns, fresh, medians, part, run, say, times


def tracers_of(pid):
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        status = (task / "status").read_text()
        found.append(int(re.search(r"^TracerPid:\s*(\d+)", status, re.M)[1]))
    return found


def wait_attached(pid, tracer):
    for _ in range(3000):
        if all(tracers_of(pid)):
            time.sleep(0.3)  # until it has had its first look
            return
        if tracer.poll() is not None:
            break
        time.sleep(0.01)
    sys.exit(f"bench: {tracer.args[0]} does not attach")


def attached_ns(arguments, tracer_command):
    """Nanoseconds a call of churn ARGUMENTS while TRACER_COMMAND, given its pid, is attached."""
    target = subprocess.Popen([CHURN] + [str(a) for a in arguments], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE)
    target.stdout.readline()
    tracer = None
    if tracer_command:
        tracer = subprocess.Popen(tracer_command(target.pid), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_attached(target.pid, tracer)
    target.stdin.write(b"x")
    target.stdin.flush()
    calls, ns = churn_ns(target.stdout.readline().decode())
    target.stdin.close()
    target.wait()
    if tracer:
        tracer.wait()
    return ns / calls


def trace_of(case):
    return lambda pid: [SEEP, "trace", "--quiet", "--max-slowdown", "100", "-o", str(fresh(case)),
                        "-p", str(pid)]


def strace_of(pid):
    return ["strace", "-f", "-q", "-e", "trace=%memory", "-o", str(fresh("strace.txt")), "-p", str(pid)]


def told_stop_ns(case, stops):
    """What a stop costs the target as seep accounts it."""
    watch = json.loads((harness.work / case / "case.json").read_text())["watch"]
    return watch["target_stopped_ns"] / stops


def attached():
    cheap = 100
    rows = []
    told, real = [], []
    for threads, pairs in ((1, 200), (os.cpu_count(), 100)):
        arguments = [threads, pairs, cheap]
        results = {"alone": [], "seep": [], "strace": []}
        for _ in range(harness.options.rounds):
            results["alone"].append(attached_ns(arguments, None))
            results["seep"].append(attached_ns(arguments, trace_of("attached")))
            if threads == 1:
                told.append(told_stop_ns("attached", 2 * pairs * (2 + cheap)))
                real.append((results["seep"][-1] - results["alone"][-1]) / 2)
            results["strace"].append(attached_ns(arguments, strace_of))
        alone, seep, strace = (statistics.median(results[name])
                               for name in ("alone", "seep", "strace"))
        rows.append([f"{threads} thread" + "s" * (threads > 1), f"{alone / 1000:.2f}",
                     f"+{(seep - alone) / 1000:.1f}", f"+{(strace - alone) / 1000:.1f}",
                     times(strace - alone, seep - alone)])
    part("Attached to a busy process",
         f"A program whose threads each do {cheap} cheap system calls (getppid) for every mmap and "
         "munmap. Attaching stops every call, wanted or not, on its way in and out. Microseconds a "
         "call, as the thread that makes it sees them.",
         ["us a call", "alone", "`seep trace -p`", "`strace -f -p -e trace=%memory`",
          "strace costs, times"], rows,
         f"`seep` says how long it made its target stand still. Of the first row's program it says "
         f"{statistics.median(told) / 1000:.1f} us a stop; by the target's own clock a stop took "
         f"{statistics.median(real) / 1000:.1f} us. What a tracer cannot time, the two switches of "
         f"context, it estimates (`tracer/switches.c`); `bench_stops` measures them: "
         + run([BUILD / "bench_stops"]).strip() + ".")


def spawned():
    pairs = 10000

    def alone():
        calls, ns = churn_ns(run([CHURN, 1, pairs]))
        return ns / calls

    def seep():
        calls, ns = churn_ns(run([SEEP, "run", "--quiet", "--max-slowdown", "100", "-o", fresh("spawned"), "--",
                                  CHURN, 1, pairs]))
        return ns / calls

    def strace():
        calls, ns = churn_ns(run(["strace", "-f", "--seccomp-bpf", "-e", "trace=%memory", "-o",
                                  fresh("strace.txt"), CHURN, 1, pairs]))
        return ns / calls

    m = medians({"alone": alone, "seep": seep, "strace": strace})
    part("A program started under the tracer",
         "Only mmap and munmap; a seccomp filter lets all other calls pass at full speed. "
         "Microseconds a call.",
         ["us a call", "alone", "`seep run`", "`strace -f --seccomp-bpf -e trace=%memory`",
          "strace costs, times"],
         [["mmap, munmap", f"{m['alone'] / 1000:.2f}", f"+{(m['seep'] - m['alone']) / 1000:.1f}",
           f"+{(m['strace'] - m['alone']) / 1000:.1f}",
           times(m["strace"] - m["alone"], m["seep"] - m["alone"])]])


def stacks():
    paths = 1000

    def added(command, pairs):
        """Nanoseconds a call of deep, with the largest resident size of what ran it, in KiB."""
        watched = subprocess.Popen([str(word) for word in command(pairs)], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        calls, ns = churn_ns(watched.stdout.read().decode())
        _, _, usage = os.wait4(watched.pid, 0)
        resident.append(usage.ru_maxrss)
        return ns / calls

    def seep(*more):
        return lambda pairs, *how: [SEEP, "run", "--quiet", "--max-slowdown", "100", "-o",
                                    fresh("stacks"), *more, "--", DEEP, pairs, paths, *how]

    def strace(pairs):
        return ["strace", "-f", "--seccomp-bpf", "-k", "-e", "trace=%memory", "-o",
                fresh("strace.txt"), DEEP, pairs, paths, "keep"]

    resident = []
    m = medians({"alone": lambda: added(lambda pairs: [DEEP, pairs, paths, "keep"], 10000),
                 "seep": lambda: added(lambda pairs: seep()(pairs, "keep"), 10000),
                 "without": lambda: added(lambda pairs: seep("--no-stacks")(pairs, "keep"), 10000),
                 "strace": lambda: added(strace, 200)})
    cost = {name: (m[name] - m["alone"]) / 1000 for name in ("seep", "without", "strace")}
    say("recording a million events with stacks")
    resident.clear()
    added(seep(), 500000)
    watch = json.loads((harness.work / "stacks" / "case.json").read_text())["watch"]
    events = (harness.work / "stacks" / "events").stat().st_size / 1e6
    unwound = statistics.median(
        float(re.search(r"^unwind .*?([\d,]+) stacks/s", run([BUILD / "bench_unwind"]), re.M)[1]
              .replace(",", "")) for _ in range(harness.options.rounds))
    part("Call paths",
         f"A program that maps, in turn, at the end of {paths:,} different call paths of 20 frames. What "
         "tracing adds to an mmap, microseconds.",
         ["us an mmap", "`seep run`", "`seep run --no-stacks`", "`strace -f --seccomp-bpf -k`",
          "with stacks / without", "strace costs, times"],
         [["mmap", f"+{cost['seep']:.1f}", f"+{cost['without']:.1f}", f"+{cost['strace']:.0f}",
           times(cost["seep"], cost["without"]), times(cost["strace"], cost["seep"])]],
         f"Stacks of 20 frames unwound a second, on one core (`bench_unwind`): {unwound:,.0f}. "
         f"Resident at most after a million events of {paths:,} different stacks: "
         f"{resident[0] / 1024:.0f} MiB; {watch['lost_stacks']:,} of {watch['stacks'] + watch['lost_stacks']:,} "
         f"stacks lost; {events:.1f} bytes an event, stacks included.")


def redis():
    socket = harness.work / "redis.sock"
    server = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", str(socket), "--save",
                               "", "--appendonly", "no", "--dir", str(harness.work)],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while subprocess.run(["redis-cli", "-s", str(socket), "ping"], stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL).returncode != 0:
        time.sleep(0.05)

    def requests(requests_in_all, tracer_command):
        tracer = None
        if tracer_command:
            tracer = subprocess.Popen(tracer_command(server.pid), stdin=subprocess.DEVNULL,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            wait_attached(server.pid, tracer)
        text = run(["redis-benchmark", "-s", socket, "-t", "set", "-r", 100000, "-d", 100, "-c", 20,
                    "-n", requests_in_all, "--csv"])
        if tracer:
            tracer.terminate()
            tracer.wait()
        return float(re.search(r'^"SET","([\d.]+)"', text, re.M)[1])

    m = medians({"alone": lambda: requests(100000, None),
                 "seep": lambda: requests(30000, trace_of("redis")),
                 "strace": lambda: requests(10000, strace_of)})
    server.terminate()
    server.wait()
    part("redis-server under load",
         "`redis-benchmark -t set -c 20` through a unix socket; requests a second.",
         ["SET requests/s", "alone", "`seep trace -p`", "`strace -f -p -e trace=%memory`",
          "faster than strace, times"],
         [["redis-server", f"{m['alone']:,.0f}", f"{m['seep']:,.0f}", f"{m['strace']:,.0f}",
           times(m["seep"], m["strace"])]],
         "An attached server pays for each of its system calls. Where that is too dear, start it "
         "with `seep run`: only its memory calls stop then.")


PARTS = {"attached": attached, "spawned": spawned, "stacks": stacks, "redis": redis}
NEEDED = ["strace", "redis-server", "redis-benchmark", "redis-cli"]
