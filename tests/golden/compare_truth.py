"""Compares what a sample says of itself with the report: TRUTH REPORT.json"""
import json
import sys

truth = dict(line.split(maxsplit=1) for line in open(sys.argv[1]).read().splitlines() if " " in line)
report = json.load(open(sys.argv[2]))
wrong = []


def expect(what, seen, wanted):
    if seen != wanted:
        wrong.append(f"{what} is {seen}, not {wanted}")


evidence = report["evidence"]
expect("unexplained_bytes", evidence["unexplained_bytes"], 0)
expect("lost_events", evidence["lost_events"], 0)
expect("complete", evidence["complete"], True)

verdicts = truth["verdict"].split(",")
expect("the report's verdict", report["verdict"] in verdicts, True)
found = [f for f in report["findings"]
         if f["region"] == truth["region"] and f["cause"] == truth["cause"]]
if len(found) != 1:
    seen = [(f["verdict"], f["region"], f["cause"], f["bytes"]) for f in report["findings"]]
    wrong.append(f"{len(found)} findings {truth['region']}/{truth['cause']} in {seen}")
else:
    finding = found[0]
    expect("verdict", finding["verdict"] in verdicts, True)
    for name in ("count", "unit_bytes"):
        if name in truth:
            expect(name, finding[name], int(truth[name]))
    if "bytes" in truth:
        # malloc's and the C library's own few pages may be of the same kind.
        bytes_wanted = int(truth["bytes"])
        if not bytes_wanted * 0.98 <= finding["bytes"] <= bytes_wanted * 1.02:
            wrong.append(f"bytes is {finding['bytes']}, not about {bytes_wanted}")
    for name in ("pid", "tid"):
        if name in truth:
            expect("culprit." + name, finding["culprit"][name], int(truth[name]))
    if "function" in truth:
        expect("culprit.function", finding["culprit"]["function"], truth["function"])
    known = sum(stack["bytes"] for stack in finding["stacks"])
    if known > finding["bytes"]:
        wrong.append(f"its stacks have {known} bytes, it {finding['bytes']}")
    if not finding["reason"]:
        wrong.append("no reason is given")
for other in report["findings"]:
    if other not in found and other["verdict"] == "leak":
        wrong.append(f"a wrong accusation: {other['title']}")
print(f"{sys.argv[1].rsplit('/', 1)[-1]}: " + ("; ".join(wrong) or "as it says"))
sys.exit(bool(wrong))
