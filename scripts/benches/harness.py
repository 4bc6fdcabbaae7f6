"""What all parts of scripts/bench share: running things in turns, and the sections they fill."""
import json
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build/release"
SEEP = str(BUILD / "seep")
CHURN = str(BUILD / "samples/churn")
DEEP = str(BUILD / "samples/deep")
MIB = 1 << 20

options = None  # of the command line
work = None     # the folder for what is written on the way
sections = []   # of the result, in order


def say(text):
    print("bench: " + text, file=sys.stderr, flush=True)


def run(command, **more):
    """The output of COMMAND, which must succeed."""
    more.setdefault("stdin", subprocess.DEVNULL)
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, **more)
    if done.returncode != 0:
        sys.exit(f"bench: {' '.join(map(str, command))}: status {done.returncode}: "
                 + done.stderr.decode(errors="replace")[-500:])
    return done.stdout.decode(errors="replace")


def seconds(command, **more):
    """The time that COMMAND takes, its output thrown away."""
    more.setdefault("stdin", subprocess.DEVNULL)
    start = time.monotonic()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, **more)
    return time.monotonic() - start


def fresh(name):
    """The path NAME, with nothing there."""
    path = work / name
    shutil.rmtree(path, ignore_errors=True)
    path.unlink(missing_ok=True)
    return path


def turns(ways):
    """The results of each of WAYS (name: function), which take turns."""
    results = {name: [] for name in ways}
    for _ in range(options.rounds):
        for name, way in ways.items():
            results[name].append(way())
    return results


def medians(ways):
    return {name: statistics.median(values) for name, values in turns(ways).items()}


def part(title, about, header, rows, note=""):
    """A section: ROWS of text below HEADER."""
    lines = [f"## {title}", "", about, "", "| " + " | ".join(header) + " |",
             "|" + "|".join("---" if i == 0 else "--:" for i in range(len(header))) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    if note:
        lines += ["", note]
    sections.append("\n".join(lines))


def times(a, b):
    return f"{a / b:.1f}" if b else "-"


def churn_ns(text):
    """Calls of one thread and nanoseconds, as churn tells them."""
    found = re.search(r"calls (\d+) ns (\d+)", text)
    return int(found[1]), int(found[2])


def events_of(case):
    return json.loads(run([SEEP, "analyze", case, "--json"]))["evidence"]["events"]
