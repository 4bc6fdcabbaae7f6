"""The trace, the ledger and their analysis."""
import re
import shutil
import statistics

import harness
from harness import BUILD, CHURN, MIB, SEEP, fresh, part, run, say, seconds, times, events_of


def trace_size():
    programs = {"churn, 4 threads": [CHURN, 4, 10000, 0, 50]}
    if shutil.which("javac"):
        source = fresh("A.java")
        source.write_text("class A { int f(int x) { return x + 1; } }\n")
        programs["javac"] = ["javac", "-d", harness.work, source]
    rows = []
    for name, command in programs.items():
        case, text = fresh("size"), fresh("strace.txt")
        run([SEEP, "run", "--quiet", "--max-slowdown", "100", "-o", case, "--"] + command)
        run(["strace", "-f", "-ttt", "-T", "-e", "trace=%memory", "-o", text] + command)
        events = events_of(case)
        calls = sum("resumed>" in line or re.search(r"\) += ", line) is not None
                    for line in text.read_text().splitlines())
        seep = (case / "events").stat().st_size / events
        strace = text.stat().st_size / calls
        rows.append([name, f"{events:,}", f"{seep:.1f}", f"{strace:.0f}", times(strace, seep)])
    part("Size of the trace",
         "All of `events`, names and lives of threads too, against the text of "
         "`strace -f -ttt -T -e trace=%memory` for the same program. Bytes an event.",
         ["bytes an event", "events", "seep", "strace", "strace's text is longer, times"], rows)


def ledger():
    rates, sizes = [], []
    for _ in range(harness.options.rounds):
        text = run([BUILD / "bench_ledger"])
        rates.append(float(re.search(r"^churn .*?([\d.]+) million events/s", text, re.M)[1]))
        sizes.append(max(float(size) for size in re.findall(r"([\d.]+) bytes (?:each|a mapping)", text)))
    part("The ledger",
         "`bench_ledger`: mmap, munmap, mremap, mprotect and madvise at random addresses by 16 "
         "threads from 64 call paths in 8 sizes, 100,000 mappings being live.",
         ["", "measured", "goal"],
         [["million events/s", f"{statistics.median(rates):.2f}", "2"],
          ["bytes a live mapping", f"{statistics.median(sizes):.0f}", "200"]])


def analysis():
    case = fresh("analysis")
    say("recording a million events")
    run([SEEP, "run", "--quiet", "--max-slowdown", "100", "-o", case, "--", CHURN, 2, 255000, 0, 50])
    events = events_of(case)
    taken = statistics.median(seconds([SEEP, "analyze", str(case), "--json"])
                              for _ in range(harness.options.rounds))
    size = (case / "events").stat().st_size
    part("Analysis",
         f"`seep analyze CASE --json` of a recording of {events:,} events ({size / MIB:.1f} MiB) "
         "by two threads that keep one block in fifty.",
         ["", "seconds", "million events/s"],
         [["whole analysis", f"{taken:.2f}", f"{events / taken / 1e6:.2f}"]])


PARTS = {"size": trace_size, "ledger": ledger, "analysis": analysis}
NEEDED = ["strace"]
