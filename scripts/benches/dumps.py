"""Memory that is saved or looked at, and the strings in it."""
import os
import re
import subprocess
import sys

import harness
from harness import BUILD, MIB, SEEP, fresh, medians, part, run, seconds, times


BIG = """
import os, sys
unit = 1 << 20
text = []
number = 0
while sum(map(len, text)) < 256 * unit:
    text.append(b"".join(b"Message-ID: <%d.%d@mail.example.net>\\r\\nDate: Tue, 20 Sep 2026 08:%02d:%02d "
                         b"+0000\\r\\nSubject: order %d of %d\\r\\n\\r\\n"
                         % (n * 7919 % 1000003, n, n // 60 % 60, n % 60, n, n * 31 % 9973)
                         for n in range(number, number + 50000)))
    number += 50000
noise = os.urandom(128 * unit)
zeros = bytearray(128 * unit)
for at in range(0, len(zeros), 4096):
    zeros[at] = 0
print("ready", flush=True)
sys.stdin.read()
"""


class Big:
    """A process with half a GiB: text, noise and zeros."""

    def __enter__(self):
        self.process = subprocess.Popen([sys.executable, "-c", BIG], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        self.process.stdout.readline()
        self.pid = str(self.process.pid)
        return self

    def __exit__(self, *unused):
        self.process.stdin.close()
        self.process.wait()


def on_disk(path):
    if path.is_file():
        return path.stat().st_blocks * 512
    return sum(p.stat().st_blocks * 512 for p in path.rglob("*") if p.is_file())


def dump():
    with Big() as big:
        sizes = {}

        def seep():
            case = fresh("dump")
            taken = seconds([SEEP, "dump", "--quiet", "--all", "-o", str(case), "-p", big.pid])
            sizes["seep"] = on_disk(case / "mem")
            return taken

        def gcore():
            core = fresh(f"core.{big.pid}")
            taken = seconds(["gcore", "-o", str(harness.work / "core"), big.pid])
            sizes["gcore"] = on_disk(core)
            core.unlink()
            return taken

        m = medians({"seep": seep, "gcore": gcore})
        part("Saving memory",
             "A process with 512 MiB: 256 MiB of text, 128 MiB of noise, 128 MiB of zeros. gcore "
             "stops its target for all of that time; seep does not.",
             ["", "`seep dump --all`", "`gcore`", "gcore takes, times"],
             [["seconds", f"{m['seep']:.2f}", f"{m['gcore']:.2f}", times(m["gcore"], m["seep"])],
              ["MiB on disk", f"{sizes['seep'] / MIB:.0f}", f"{sizes['gcore'] / MIB:.0f}",
               times(sizes["gcore"], sizes["seep"])]])
        snap(big)
    strings()


def snap(big):
    m = medians({"seep": lambda: seconds([SEEP, "snap", "-p", big.pid]),
                 "pmap": lambda: seconds(["pmap", "-X", big.pid])})
    part("A look at the regions", "Of the same process; milliseconds.",
         ["", "`seep snap -p`", "`pmap -X`", "pmap takes, times"],
         [["milliseconds", f"{m['seep'] * 1000:.1f}", f"{m['pmap'] * 1000:.1f}",
           times(m["pmap"], m["seep"])]])


def strings():
    """Of what dump() has saved."""
    case = harness.work / "dump"
    saved = f"{case}/mem/*/*.gz"
    raw = fresh("raw")
    subprocess.run(f"zcat {saved} >{raw}", shell=True, check=True)
    size = raw.stat().st_size

    def library():
        text = run([BUILD / "bench_content", raw])
        return float(re.search(r"^strings-ascii +([\d.]+) MB/s", text, re.M)[1])

    def gnu():
        return size / 1e6 / seconds(["strings", "-a", "-n", "10", str(raw)])

    def show():
        return size / 1e6 / seconds([SEEP, "show", str(case), "strings", "-n", "10", "--encoding",
                                     "ascii", "--format", "plain"])

    def pipe():
        return size / 1e6 / seconds(["sh", "-c", f"zcat {saved} | strings -a -n 10"])

    m = medians({"library": library, "gnu": gnu, "show": show, "pipe": pipe})
    part("Strings",
         f"ASCII strings of 10 characters and more in what was saved of that process "
         f"({size / MIB:.0f} MiB); MB of memory a second. `bench_content` measures the scanner alone.",
         ["MB/s", "seep", "GNU strings", "faster, times"],
         [["a raw file: `bench_content`, `strings -a -n 10`", f"{m['library']:,.0f}",
           f"{m['gnu']:,.0f}", times(m["library"], m["gnu"])],
          ["saved memory: `seep show CASE strings`, `zcat \\| strings -a -n 10`",
           f"{m['show']:,.0f}", f"{m['pipe']:,.0f}", times(m["show"], m["pipe"])]])


PARTS = {"dump": dump}
NEEDED = ["gcore", "pmap", "strings", "zcat"]
