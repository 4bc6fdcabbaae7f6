"""Checks a report: REPORT <EXPECTATIONS

Every field is there, nothing was lost, every byte of the books is explained. The expectations are
Python: expect(CONDITION, WHAT) of `report`, and found(VERDICTS, REGION, CAUSE), the findings that are
so; each argument a word, words between blanks, or None for any.
"""
import json
import sys

FIELDS = {
    "": "schema case_id host target evidence memory verdict findings vmas threads processes"
        " contents differences incidents java residents",
    "host": "name boot_id",
    "target": "pid exe command runtime",
    "evidence": "backend started ended duration_s time_basis events lost_events lost_stacks complete"
                " symbol_troubles snapshots dumps unexplained_bytes assumptions imports missing",
    "memory": "rss_first_bytes rss_last_bytes virtual_first_bytes virtual_last_bytes"
              " growth_bytes_per_s limit_bytes limit_source exhaustion_s thp",
    "findings": "rank verdict region cause title bytes resident_bytes count unit_bytes first last"
                " bytes_per_s confidence culprit vmas threads stacks content reason next placed",
    "culprit": "pid process tid thread module function",
    "content": "strings templates times",
    "times": "first last count",
    "strings": "text count bytes",
    "stacks": "count bytes end frames",
    "frames": "kind address function inlined module build_id offset file line",
    "vmas": "pid start end perms name region size_bytes rss_bytes growth_bytes explained_bytes"
            " preexisting_bytes",
    "threads": "pid tid name count bytes",
    "processes": "pid ppid exe rss_bytes pss_bytes anon_huge_pages_bytes command dirty_bytes"
                 " private_clean_bytes private_dirty_bytes shared_bytes virtual_bytes",
}
VERDICTS = "leak suspect not-leak inconclusive"

report = json.load(open(sys.argv[1]))
wrong = []


def expect(condition, what):
    if not condition:
        wrong.append(what)


def expect_fields(value, name):
    """Every object in VALUE, which is called NAME, has its fields and no others."""
    if isinstance(value, list):
        for item in value:
            expect_fields(item, name)
    elif isinstance(value, dict) and name in FIELDS:
        expect(set(value) == set(FIELDS[name].split()),
               f"{name or 'report'}: {sorted(set(value) ^ set(FIELDS[name].split()))}")
        for key, inner in value.items():
            expect_fields(inner, key)


def found(verdicts=None, region=None, cause=None):
    return [f for f in report["findings"]
            if (verdicts is None or f["verdict"] in verdicts.split())
            and (region is None or f["region"] in region.split())
            and (cause is None or f["cause"] in cause.split())]


expect_fields(report, "")
evidence = report["evidence"]
expect(report["schema"] == "seep-report/1", "schema")
expect(report["verdict"] in VERDICTS.split(), "verdict " + report["verdict"])
expect(evidence["backend"] == "ptrace", f"backend {evidence['backend']}")
expect(evidence["complete"] is True, "not complete")
expect(evidence["lost_events"] == 0, f"lost_events {evidence['lost_events']}")
expect(evidence["unexplained_bytes"] == 0, f"unexplained_bytes {evidence['unexplained_bytes']}")
expect(evidence["snapshots"] >= 2, f"snapshots {evidence['snapshots']}")
expect(evidence["started"] < evidence["ended"], "ended before it started")
for at, finding in enumerate(report["findings"]):
    expect(finding["rank"] == at + 1, f"finding {at + 1} has rank {finding['rank']}")
    expect(finding["verdict"] in VERDICTS.split(), "verdict " + finding["verdict"])
    expect(0 <= finding["confidence"] <= 1, f"confidence {finding['confidence']}")
    expect(finding["reason"], "a finding without a reason")
exec(sys.stdin.read())

print(f"{evidence['events']} events, {report['verdict']}"
      + "".join(f"\n    {f['verdict']}, {f['region']}, {f['cause']}: {f['reason']}"
                for f in report["findings"]))
for what in wrong:
    print("WRONG: " + what)
sys.exit(bool(wrong))
