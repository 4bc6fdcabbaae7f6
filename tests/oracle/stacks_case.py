"""The call paths of a case, as seep shows them; for stacks_compare.py and stacks_check.py.

    case = Case(SEEP, "DIR")
    case.calls            every memory call: event, args, result, pid, tid, thread, stack
    case.stacks[7]        call path 7: end, frames
    case.marked(3)        the calls of stacks/mark.h's mark 3
"""
import json
import subprocess

GROWING = ("mmap", "mmap2", "mremap", "brk", "mprotect", "pkey_mprotect", "shmat", "shmget",
           "memfd_create")
# How the words for the end of a path begin; None: it is complete.
ENDS = {"cut after ": "max-frames", "cut at the end of the bytes": "copy",
        "unwinding stopped: no unwind information": "no-unwind-info", "unwinding stopped": "broken"}
MARK_PAGE, MARK_FIRST, MARKS = 4096, 4096, 4096


def number(value):
    return int(value, 0) if isinstance(value, str) else value


def mark_of(call, args):
    """The number of the mark that a call bears; None: none."""
    at = {"mmap": 1, "mmap2": 1, "mremap": 2}.get(call)
    if at is None:
        return None
    pages, rest = divmod(args[at], MARK_PAGE)
    return pages - MARK_FIRST if rest == 0 and 0 <= pages - MARK_FIRST < MARKS else None


class Case:
    def __init__(self, seep, path):
        def show(*arguments):
            text = subprocess.run([seep, "show", path, *arguments], check=True,
                                  stdout=subprocess.PIPE).stdout
            return [json.loads(line) for line in text.splitlines()]

        self.events = show("events", "--json")
        self.stacks = {stack["stack"]: stack for stack in show("stacks", "--json")}
        for stack in self.stacks.values():
            stack["end"] = stack["end"] and next(
                (end for words, end in ENDS.items() if stack["end"].startswith(words)), stack["end"])
        self.calls = []
        for event in self.events:
            if event["event"] in GROWING and event["args"]:
                event["args"] = [number(value) for value in event["args"]]
                event["result"] = number(event["result"])
                self.calls.append(event)

    def path_of(self, call):
        """None: the call has none."""
        return self.stacks[call["stack"]] if call["stack"] else None

    def marked(self, n):
        return [call for call in self.calls if mark_of(call["event"], call["args"]) == n]

    def marks(self):
        """The number of each mark, and its call."""
        found = [(mark_of(call["event"], call["args"]), call) for call in self.calls]
        return [(n, call) for n, call in found if n is not None]


def growing(calls):
    """Of (NAME, ARGS, RESULT, ...) of one process, in order, those that made memory larger; failed ones
    and questions are left out."""
    end = None
    for call in calls:
        name, args, result = call[:3]
        if name == "brk":
            grew, end = end is not None and result > end, result
            if not grew:
                continue
        elif result is None or -4096 < result < 0:
            continue
        elif name == "mremap" and args[2] <= args[1]:
            continue
        elif "mprotect" in name and not args[2] & 2:  # PROT_WRITE
            continue
        yield call


def brief(frames):
    """FRAMES, of (FUNCTION, INLINED), on one line."""
    return " < ".join(("~" if inlined else "") + (function or "?") for function, inlined in frames)
