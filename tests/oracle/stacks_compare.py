"""Compares the call paths of a case with gdb's backtraces at the same calls:

    stacks_compare.py [options] CASE GDB.json...

    --marks             only calls of a size that mark.h gives; else every call of the first process
    --at-least N        as many calls at the least
    --end END[,END]     every path ends so; what is there must still be gdb's. Else each is complete
    --end N=END[,END]   the same of mark N alone
    --complete          even where gdb has no name for the outermost frames
    --unnamed FILE      a file that is gone: its functions may have no names, their addresses count
    --rust              names of Rust are compared without generic arguments and whose impl it is
    --other-addresses   the two runs had their files at different addresses: compared within pages only

The names of every frame must be the same, inlined functions included, and so must be the addresses.
What differs by nature is in NATURAL, each with its reason, and nowhere else. Files and lines must be the
same but for LINES_MAY_DIFFER: optimised code belongs to several lines, of which gdb prefers those where
a statement begins.
"""
import argparse
import functools
import json
import os
import re
import subprocess
import sys

from stacks_case import Case, brief, growing, mark_of

LINES_MAY_DIFFER = 0.08
# Functions with a symbol that is not made from their name.
RUST_SYMBOLS = {"std::panicking::panic_handler": "__rustc::rust_begin_unwind",
                "rust_begin_unwind": "__rustc::rust_begin_unwind"}
SIGNAL_FRAMES = ("__restore_rt", "__restore", "__kernel_rt_sigreturn", "__kernel_sigreturn")
# Where functions of makecontext return to: code without unwind information, and gdb guesses.
CONTEXT_ENDS = ("__start_context", "makecontext", "__makecontext")
ENTRIES = ("_start", "clone3", "__clone3", "clone", "__clone")


# --- what differs by nature ---

def hidden_alias(name):
    return re.sub(r"^__GI_", "", name)


def symbol_version(name):
    return re.sub(r"@@?[A-Z].*$", "", name)


def signal_frame(name):
    return "<signal handler called>" if name in SIGNAL_FRAMES else name


def clone(name):
    return re.sub(r"\.\d+$", "", name)


def without_pairs(name, opening, closing):
    """NAME without all that is between OPENING and CLOSING, but for operators."""
    name = re.sub(r"operator(\(\)|<=>|<<=?|>>=?|<=?|>=?|->\*?)",
                  lambda match: "operator " + "".join(f"\\{ord(c):x};" for c in match[1]), name)
    depth, kept = 0, []
    for c in name:
        if c == opening:
            depth += 1
        elif c == closing and depth:
            depth -= 1
        elif not depth:
            kept.append(c)
    return re.sub(r"operator ((\\[0-9a-f]+;)+)", lambda match: "operator" + "".join(
        chr(int(code, 16)) for code in re.findall(r"\\([0-9a-f]+);", match[1])), "".join(kept))


def anonymous(name):
    return name.replace("(anonymous namespace)", "{anonymous}")


def parameters(name):
    if "(" not in name:
        return name
    name = re.sub(r"\)( const| volatile| &&?| noexcept)*$", ")", name)
    return without_pairs(name, "(", ")")


def lambdas(name):
    return re.sub(r"<lambda(\(.*?\))?>|\{lambda(\(.*?\))?#\d+\}", "{lambda}", name)


def result(name):
    """Without what stands before the name proper: the last word outside of all brackets."""
    if not re.match(r"[\w:<>*&]", name) or "operator" in name or " " not in name:
        return name
    depth, start = 0, 0
    for at, c in enumerate(name):
        depth += (c in "<{(") - (c in ">})")
        if c == " " and depth == 0:
            start = at + 1
    return name[start:]


def rust(name):
    """NAME without generic arguments; <a::T as b::U>::f and a::{impl#1}::f are {impl}::f."""
    name = re.sub(r"::h[0-9a-f]{16}$|\[[0-9a-f]{16}\]", "", name.replace("->", ""))
    name = name.replace("{{vtable.shim}}", "")
    name = re.sub(r"\{?\{closure(#\d+)?\}\}?", "{closure}", name)
    if name.startswith("<"):
        depth, end = 1, 1
        while depth and end < len(name):
            depth += (name[end] == "<") - (name[end] == ">")
            end += 1
        of = without_pairs(name[1:end - 1], "<", ">")
        name = ("{impl}" if " as " in of else of) + name[end:]
    name = re.sub(r"^.*::\{impl#\d+\}::", "{impl}::", without_pairs(name, "<", ">"))
    name = name.replace("::::", "::").removesuffix("::")
    return RUST_SYMBOLS.get(name, name)


def blanks(name):
    return re.sub(r"\s*([,<>&*])\s*", r"\1", name)


NATURAL = [
    (hidden_alias, "glibc's functions have a hidden alias, DW_AT_linkage_name, beside DW_AT_name"),
    (symbol_version, "symbol tables give the version with the name"),
    (clone, "gdb cuts the number from f.part.0 and its like"),
    (signal_frame, "gdb has its own word for the frame that the kernel makes for a signal"),
    (anonymous, "the one parenthesis that is no parameter list"),
    (lambdas, "gdb has its own word for a lambda's type"),
    (parameters, "where there is a symbol table only, gdb's names are with parameters"),
    (result, "and those of templates with the type of their result"),
    (blanks, "between the arguments of templates"),
]


def plain(name):
    if name is None:
        return None
    if options.rust:
        name = rust(name)
    for change, _ in NATURAL:
        name = change(name)
    return name


@functools.lru_cache(None)
def symbols(path, build_id):
    """By address, the set of the names that the file PATH and its debug file have for it."""
    names = {}
    debug = f"/usr/lib/debug/.build-id/{build_id[:2]}/{build_id[2:]}.debug" if build_id else ""
    for file in filter(os.path.exists, filter(None, (path, debug))):
        text = subprocess.run(["readelf", "-sW", file], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True).stdout
        for line in text.splitlines():
            field = line.split()
            if len(field) >= 8 and field[3] in ("FUNC", "IFUNC", "NOTYPE") and field[6] != "UND":
                names.setdefault(int(field[1], 16), set()).add(plain(field[7]))
    return names


def is_alias(module, a, b):
    """Whether A and B are two names of one address in MODULE, of (PATH, BUILD-ID)."""
    return any(a in names and b in names for names in symbols(*module).values())


# --- paths ---

def of_gdb(frames, mask=-1):
    """gdb's frames that are there, and of how many at the end it knows little."""
    kept = []
    for frame in frames:
        if frame["kind"] == "tail-call":
            continue  # no longer on the stack: gdb infers it from the call sites
        name = frame["function"]
        if frame["kind"] == "signal":
            name = SIGNAL_FRAMES[0]
        kept.append((plain(name), frame["inlined"], frame["pc"] & mask, frame["object"]))
        if name in ENTRIES:
            break  # the outermost one; what gdb shows beyond ld.so's _start is not there
        if name in CONTEXT_ENDS or frame["begins"] in CONTEXT_ENDS:
            return kept, 1
    unnamed = 0
    while unnamed < len(kept) and kept[-1 - unnamed][0] is None:
        unnamed += 1
    return kept, unnamed


def of_seep(path, mask=-1):
    return [(plain(frame["function"]), frame["inlined"],
             int(frame["address"], 16) & mask if frame["address"] else None,
             (frame["module"], frame["build_id"]))
            for frame in path["frames"]]


def same_name(a, b, module):
    """Whether gdb's name A and seep's B of a function in MODULE are the same."""
    if a == b:
        return True
    if a in ("operator()", "_FUN") and b and b.endswith("::" + a):
        return True  # gdb gives a lambda's functions no scope
    if a and b and a.startswith("{impl}::") and b.endswith(a[len("{impl}"):]):
        return True  # gdb does not say of which type in Rust it is a method
    return a and b and is_alias(module, a, b)


def difference(gdb, path, end):
    """What is wrong with PATH; None when nothing is. END: how it must end."""
    mask = 4095 if options.other_addresses else -1
    wanted, blind = of_gdb(gdb["frames"], mask)
    if options.complete:
        blind = 0
    got = of_seep(path, mask)
    gone = {frame[2] for frame in got if frame[0] is None} & {
        frame[2] for frame in wanted if frame[3] in options.unnamed}
    # Inlined functions have nothing but their names.
    wanted = [(None if frame[2] in gone else frame[0], *frame[1:]) for frame in wanted
              if not (frame[1] and frame[2] in gone)]
    interrupted = {at + 1 for at, frame in enumerate(wanted) if frame[0] == plain(SIGNAL_FRAMES[0])}
    for at, (want, have) in enumerate(zip(wanted, got)):
        if blind and at > len(wanted) - blind:
            break
        if not same_name(want[0], have[0], have[3]):
            return f"frame {at} is {have[0]}, not {want[0]}"
        if want[1] != have[1]:
            return f"frame {at}, {want[0]}, is {'not ' if want[1] else ''}inlined"
        # A timer interrupts a loop anywhere, and inlined functions are at their caller's address.
        if not want[1] and at not in interrupted and want[2] != have[2]:
            return f"frame {at}, {want[0]}, is at {have[2]:#x}, not {want[2]:#x}"
    if len(got) > len(wanted):
        return f"{len(got) - len(wanted)} frames too many"
    ended = path["end"] or "complete"
    # Where gdb has no name for the last frames, it may have no idea either.
    if ended not in end.split(",") and not (blind and end == "complete"):
        return f"its end is {ended}, not {end}"
    if "complete" in (ended, end) and len(got) < len(wanted) - blind:
        return f"{len(wanted) - len(got)} frames are missing"
    return None


def source_lines(gdb, path):
    """Of how many frames gdb tells file and line, and of how many seep tells others."""
    told = others = 0
    frames = [frame for frame in gdb["frames"] if frame["kind"] != "tail-call"]
    for want, have in zip(frames, path["frames"]):
        if want["file"] and have["function"]:
            told += 1
            others += ((os.path.basename(want["file"]), want["line"])
                       != (os.path.basename(have["file"] or ""), have["line"]))
    return told, others


# --- calls ---

def in_process(calls):
    """Calls of the first process, each with what it is found by: its name, its size, its number."""
    pid = calls[0][3] if calls else None
    seen = {}
    for call in growing(call for call in calls if call[3] == pid):
        name, args = call[:2]
        size = args[{"mremap": 2, "memfd_create": 1}.get(name, 1)] if name != "brk" else 0
        seen[name, size] = seen.get((name, size), 0) + 1
        yield (name, size, seen[name, size]), call


def by_mark(calls):
    for call in calls:
        n = mark_of(call[0], call[1])
        if n is not None:
            yield ("mark", n), call


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--marks", action="store_true")
    parser.add_argument("--complete", action="store_true")
    parser.add_argument("--at-least", type=int, default=1)
    parser.add_argument("--end", action="append", default=[])
    parser.add_argument("--unnamed", action="append", default=[])
    parser.add_argument("--other-addresses", action="store_true")
    parser.add_argument("--what", default="paths")
    parser.add_argument("case")
    parser.add_argument("gdb", nargs="+")
    parser.add_argument("--rust", action="store_true")
    return parser.parse_args()


def main():
    ends = dict(([None] + end.split("="))[-2:] for end in options.end)

    case = Case(os.environ["SEEP"], options.case)
    of_calls = by_mark if options.marks else in_process
    seen = dict(of_calls([(call["event"], call["args"], call["result"], call["pid"], call)
                          for call in case.calls]))
    wanted = {}
    for path in options.gdb:
        with open(path) as lines:
            calls = [json.loads(line) for line in lines]
        for key, call in of_calls([(call["call"], call["args"], call["result"], call["pid"], call)
                                   for call in calls]):
            wanted.setdefault(key, call)

    wrong, frames, told, others = [], 0, 0, 0
    for key, call in wanted.items():
        gdb = call[4]
        path = case.path_of(seen[key][4]) if key in seen else None
        end = ends.get(str(mark_of(call[0], call[1])), ends.get(None, "complete"))
        if key not in seen:
            fault = "seep has not seen it"
        elif not path:
            fault = "it has no call path"
        else:
            fault = difference(gdb, path, end)
            frames += len(path["frames"])
            if not options.unnamed:
                told, others = map(sum, zip((told, others), source_lines(gdb, path)))
        if fault:
            wrong.append((key, fault, of_gdb(gdb["frames"])[0], of_seep(path) if path else []))
    for key, fault, gdb_frames, seep_frames in wrong[:4]:
        print(f"{options.what}: {' '.join(map(str, key))}: {fault}\n"
              f"    gdb   {brief(frame[:2] for frame in gdb_frames)}\n"
              f"    seep  {brief(frame[:2] for frame in seep_frames)}")
    if len(wanted) < options.at_least:
        print(f"{options.what}: gdb has seen {len(wanted)} calls, not {options.at_least}")
        wrong.append(None)
    print(f"{options.what}: {len(wanted)} calls, {frames} frames, {len(wrong)} differ;"
          f" {told} lines, {others} differ")
    sys.exit(bool(wrong) or others > told * LINES_MAY_DIFFER)


options = parse()
main()
