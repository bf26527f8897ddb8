"""Draws how the median regret falls with the trials, problem by problem, from the lines of run.py.

plot.py OUT.svg FILE... [--methods a,b,c]

Regrets are on a logarithmic scale, cut off at 1e-6 of the largest.
"""

import json
import math
import statistics
import sys
from collections import defaultdict

arguments = sys.argv[1:]
methods = []
if "--methods" in arguments:
    place = arguments.index("--methods")
    methods = arguments[place + 1].split(",")
    del arguments[place:place + 2]
out, files = arguments[0], arguments[1:]

curves = defaultdict(lambda: defaultdict(list))
for path in files:
    for line in open(path):
        run = json.loads(line)
        curves[run["problem"]][run["method"]].append(run["curve"])
methods = methods or sorted({method for by_method in curves.values() for method in by_method})

COLORS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#000000"]
WIDTH, HEIGHT, GAP, TOP, COLUMNS = 230, 150, 46, 44, 3
rows = math.ceil(len(curves) / COLUMNS)
total = (COLUMNS * (WIDTH + GAP) + GAP, TOP + rows * (HEIGHT + GAP))
svg = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total[0]} {total[1]}" font-family="sans-serif" font-size="11">',
       f'<rect width="{total[0]}" height="{total[1]}" fill="#fff"/>']
x = GAP
for k, method in enumerate(methods):
    svg.append(f'<path d="M{x:.0f} 18h16" stroke="{COLORS[k % len(COLORS)]}" stroke-width="2"/>'
               f'<text x="{x + 20:.0f}" y="22">{method}</text>')
    x += 38 + 6 * len(method)

for place, (problem, by_method) in enumerate(curves.items()):
    left, top = GAP + place % COLUMNS * (WIDTH + GAP), TOP + place // COLUMNS * (HEIGHT + GAP)
    shown = {m: [statistics.median(values) for values in zip(*by_method[m])] for m in methods if m in by_method}
    highest = max(max(curve) for curve in shown.values())
    lowest = max(min(min(curve) for curve in shown.values()), 1e-6 * highest)
    high, low = math.log10(highest), math.log10(lowest) - 0.05
    length = max(len(curve) for curve in shown.values())

    def point(trial, value):
        y = (high - math.log10(max(value, lowest))) / (high - low)
        return f"{left + WIDTH * trial / (length - 1):.1f} {top + HEIGHT * y:.1f}"

    svg.append(f'<rect x="{left}" y="{top}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#bbb"/>'
               f'<text x="{left + WIDTH - 4}" y="{top + 14}" text-anchor="end">{problem}</text>'
               f'<text x="{left}" y="{top + HEIGHT + 13}">1</text>'
               f'<text x="{left + WIDTH}" y="{top + HEIGHT + 13}" text-anchor="end">{length} trials</text>')
    for power in range(math.ceil(low), math.floor(high) + 1):
        y = top + HEIGHT * (high - power) / (high - low)
        svg.append(f'<path d="M{left} {y:.1f}h{WIDTH}" stroke="#eee"/>'
                   f'<text x="{left - 4}" y="{y + 4:.1f}" text-anchor="end">1e{power}</text>')
    for k, method in enumerate(methods):
        if method in shown:
            path = "L".join(point(trial, value) for trial, value in enumerate(shown[method]))
            svg.append(f'<path d="M{path}" fill="none" stroke="{COLORS[k % len(COLORS)]}" stroke-width="1.6"/>')
svg.append("</svg>")
with open(out, "w") as sink:
    sink.write("\n".join(svg) + "\n")
