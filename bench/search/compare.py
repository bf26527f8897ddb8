"""Tables from the lines of run.py: median regret by problem and method, and for each pair of methods
wins, ties and losses by one-sided Mann-Whitney tests at p < 0.05.

compare.py FILE... [--at TRIALS]   regret after so many trials (default: all)
"""

import json
import statistics
import sys
from collections import defaultdict

from scipy.stats import mannwhitneyu, rankdata

arguments = sys.argv[1:]
at = None
if "--at" in arguments:
    place = arguments.index("--at")
    at = int(arguments[place + 1])
    del arguments[place:place + 2]

regrets = defaultdict(dict)  # problem -> method -> regrets
for path in arguments:
    for line in open(path):
        run = json.loads(line)
        regrets[run["problem"]].setdefault(run["method"], []).append(run["curve"][(at or len(run["curve"])) - 1])
methods = sorted({m for by_method in regrets.values() for m in by_method})

print("| problem | " + " | ".join(methods) + " |\n|" + " --- |" * (len(methods) + 1))
ranks = defaultdict(list)
for problem, by_method in regrets.items():
    medians = {m: statistics.median(r) for m, r in by_method.items()}
    for m, rank in zip(medians, rankdata(list(medians.values()))):
        ranks[m].append(rank)
    print(f"| {problem} | " + " | ".join(f"{medians[m]:.3g}" if m in medians else "" for m in methods) + " |")
print("| runs | " + " | ".join(str(max(len(by.get(m, [])) for by in regrets.values())) for m in methods) + " |")
print("| mean rank | " + " | ".join(f"{statistics.mean(ranks[m]):.2f}" for m in methods) + " |")

print("\n| wins/ties/losses of row against column | " + " | ".join(methods) + " |\n|" + " --- |" * (len(methods) + 1))
for a in methods:
    cells = []
    for b in methods:
        count = [0, 0, 0]
        for by_method in regrets.values():
            if a == b or a not in by_method or b not in by_method:
                continue
            better = mannwhitneyu(by_method[a], by_method[b], alternative="less").pvalue < 0.05
            worse = mannwhitneyu(by_method[a], by_method[b], alternative="greater").pvalue < 0.05
            count[0 if better else 2 if worse else 1] += 1
        cells.append("" if a == b else "/".join(map(str, count)))
    print(f"| {a} | " + " | ".join(cells) + " |")
