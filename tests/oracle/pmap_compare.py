"""pmap_compare.py FORM CASE SMAPS PID: what was imported of pmap FORM says what the kernel said."""
import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
import snapshots

form, case, smaps_path, pid = sys.argv[1:]
faults = []


def check(what, seen, want):
    if seen != want:
        faults.append(f"{what}: {seen!r}, not {want!r}")


def kib(region, field):
    return int(region["fields"][field].split()[0])


# What pmap makes of a name: the last part of a path, "[ anon ]" for what it does not look at.
def name_of(region):
    name = region["name"]
    if form == "-X" or form == "-XX":
        if name.startswith("/"):
            return shortened(name)
        return name
    if name.startswith("[stack]"):
        return name
    if name.startswith("/SYSV"):
        return f"/SYSV (shmid 0x{region['inode']:x})"
    if name.startswith("/"):
        return shortened(name)
    return ""


def shortened(name):
    last = name.rsplit("/", 1)[1]
    if last == "zero (deleted)":
        return "/dev/zero (deleted)"
    return "/" + last if last.startswith(("memfd:", "SYSV")) else "/.../" + last


OTHERS = {"Pss", "Pss_Dirty", "Shared_Clean", "Shared_Dirty", "Private_Clean", "Private_Dirty",
          "Referenced"}

with open(smaps_path, encoding="utf-8", errors="surrogateescape") as file:
    kernel = snapshots.regions(file.read())
looks = [r for r in snapshots.records(case + "/snapshots") if r["pid"] == int(pid)]
check("looks", len(looks), 1)
sections = looks[0]["sections"]
check("partial", sections.get("partial"), None)
seen = snapshots.regions(sections.get("smaps") or sections["maps"])
check("regions", len(seen), len(kernel))
compared = set()
for ours, theirs in zip(seen, kernel):
    where = f"{theirs['start']:x}"
    check(where + " end", (ours["start"], ours["end"]), (theirs["start"], theirs["end"]))
    check(where + " perms", ours["perms"], theirs["perms"])
    check(where + " name", ours["name"], name_of(theirs))
    if form in ("-d", "-X", "-XX"):
        check(where + " offset", ours["offset"], theirs["offset"])
        check(where + " device", [int(part, 16) for part in ours["device"].split(":")],
              [int(part, 16) for part in theirs["device"].split(":")])
    if form in ("-X", "-XX"):
        check(where + " inode", ours["inode"], theirs["inode"])
    for field, value in ours["fields"].items():
        compared.add(field)
        # Other processes that map the same file come and go meanwhile.
        if theirs["inode"] and field in OTHERS:
            continue
        if field == "Dirty":
            check(where + " Dirty", int(value.split()[0]),
                  kib(theirs, "Shared_Dirty") + kib(theirs, "Private_Dirty"))
        elif field in ("VmFlags", "THPeligible", "ProtectionKey"):
            check(where + " " + field, value, theirs["fields"][field])
        else:
            check(where + " " + field, int(value.split()[0]), kib(theirs, field))
want = {"": set(), "-d": set(), "-x": {"Size", "Rss", "Dirty"},
        "-XX": set(kernel[0]["fields"])}.get(form)
if want is not None:
    check("fields", compared, want)
else:
    check("fields of -X", {"Size", "Rss", "Pss", "Referenced", "Anonymous"} <= compared, True)
if faults:
    print("\n".join(faults[:20]))
    sys.exit(f"{len(faults)} differences")
print(f"pmap {form}: {len(seen)} regions, {len(compared)} fields")
