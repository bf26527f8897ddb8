"""Prints the reference values that confidence_test.cc holds.

Run with a Python that has scipy:  python make_confidence_reference.py
"""
from math import sqrt

from scipy.stats import binomtest, sem, t

for k, n in [(3, 20), (0, 40), (40, 40)]:
    print("wilson", k, n, binomtest(k, n).proportion_ci(method="wilson"))
for b, c in [(2, 12), (0, 20)]:
    print("mcnemar", b, c, binomtest(min(b, c), b + c).pvalue)
values = [1, 2, 4, 5]
print("mean", t.interval(0.95, 3, loc=sum(values) / 4, scale=sem(values)))


def newcombe(a, b, c, d):
    """Method 10 of Newcombe (1998), for the second proportion less the first."""
    n = a + b + c + d
    p1, p2 = (a + b) / n, (a + c) / n
    l1, u1 = binomtest(a + b, n).proportion_ci(method="wilson")
    l2, u2 = binomtest(a + c, n).proportion_ci(method="wilson")
    excess = a * d - b * c
    if excess > n / 2:
        excess -= n / 2
    elif excess > 0:
        excess = 0
    margins = (a + b) * (c + d) * (a + c) * (b + d)
    phi = excess / sqrt(margins) if margins else 0
    low = sqrt((p2 - l2) ** 2 - 2 * phi * (p2 - l2) * (u1 - p1) + (u1 - p1) ** 2)
    high = sqrt((u2 - p2) ** 2 - 2 * phi * (u2 - p2) * (p1 - l1) + (p1 - l1) ** 2)
    return p2 - p1 - low, p2 - p1 + high


print("newcombe", newcombe(10, 2, 12, 6))
