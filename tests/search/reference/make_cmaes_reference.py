"""Prints how many evaluations the Python package cmaes needs to bring standard functions below 1e-9 in six dimensions.

Run with a Python that has cmaes:  python make_cmaes_reference.py
The figures are in cmaes_test.cc. Start, step size and functions are those of the test.
"""

import statistics

import numpy as np
from cmaes import CMA


def sphere(x):
    return ((x - 0.3) ** 2).sum()


def ellipsoid(x):
    along = (x - 0.4) + 0.5 * (np.roll(x, -1) - 0.4)
    return (1e6 ** (np.arange(len(x)) / (len(x) - 1)) * along**2).sum()


def rosenbrock(unit):
    x = 4 * unit - 2
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def evaluations(function, seed):
    search = CMA(mean=np.full(6, 0.5), sigma=0.25, bounds=np.array([[0, 1]] * 6), seed=seed)
    count, best = 0, np.inf
    while best > 1e-9 and count < 20000:
        solutions = [(x, function(x)) for x in (search.ask() for _ in range(search.population_size))]
        search.tell(solutions)
        count += len(solutions)
        best = min(best, *(value for _, value in solutions))
    return count


for function in sphere, ellipsoid, rosenbrock:
    print(function.__name__, statistics.median(evaluations(function, seed) for seed in range(1, 10)))
