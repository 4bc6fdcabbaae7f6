"""Checks the call paths of a case: WHAT CASE <EXPECTATIONS

The expectations are Python:

    expect(CONDITION, WHAT)
    case                       see stacks_case.py
    report()                   the report on the case
    path(3)                    the path of mark 3, of which there must be one
    names(3)                   the functions of its frames: inlined ones in, unknown ones "?"
    outer(3, "third")          the same, from the frame of that function on
    end(3)                     how it ends; None: complete
    never_wrong(3, TRUTH)      its frames from the first of TRUTH on are those of TRUTH, as far as they
                               go; where they do not go to the end, that is said by the path's end, and
                               where some are left out, by a gap. Several names of one function are
                               "mmap|__mmap". Returns how many of TRUTH are there.
"""
import json
import os
import subprocess
import sys

from stacks_case import Case, growing

what = sys.argv[1]
case = Case(os.environ["SEEP"], sys.argv[2])
wrong = []


def expect(condition, fault):
    if not condition:
        wrong.append(fault)


def path(n):
    calls = case.marked(n)
    expect(len(calls) == 1, f"{len(calls)} calls of mark {n}")
    found = case.path_of(calls[0]) if calls else None
    expect(found is not None, f"mark {n} has no path")
    return found or {"frames": [], "end": "no path"}


def name_of(frame):
    return "gap" if frame["kind"] == "gap" else frame["function"] or "?"


def names(n):
    return [name_of(frame) for frame in path(n)["frames"]]


def report():
    return json.loads(subprocess.run([os.environ["SEEP"], "analyze", sys.argv[2], "--json"],
                                     check=True, stdout=subprocess.PIPE).stdout)


def outer(n, function):
    found = names(n)
    at = [at for at, name in enumerate(found) if name in function.split("|")]
    expect(at, f"mark {n}: no {function} in {' < '.join(found)}")
    return found[at[0]:] if at else []


def end(n):
    return path(n)["end"]


def never_wrong(n, truth):
    truth = [names.split("|") for names in truth]
    found, at, gap = outer(n, "|".join(truth[0])), 0, False
    shown = f"mark {n}: {' < '.join(found)}, end {end(n)}"
    for name in found:
        if name == "gap":
            gap = True
            continue
        while gap and at < len(truth) and name not in truth[at]:
            at += 1
        gap = False
        if at == len(truth):
            break  # beyond what TRUTH tells of
        if name not in truth[at]:
            expect(False, f"{shown}: {name} instead of {truth[at][0]}")
            return at
        at += 1
    expect(at == len(truth) or end(n) is not None, f"{shown}: its end is not marked")
    return at


exec(sys.stdin.read())
frames = sum(len(case.path_of(call)["frames"]) for call in case.calls if case.path_of(call))
print(f"{what}: {len(case.calls)} calls, {len(case.stacks)} paths, {frames} frames")
for fault in wrong[:10]:
    print(f"{what}: WRONG: {fault}")
sys.exit(bool(wrong))
