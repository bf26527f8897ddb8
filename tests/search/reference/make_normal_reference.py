"""Records values of scipy's special functions and distributions as normal.json.

Run with a Python that has scipy:  python make_normal_reference.py > normal.json
"""

import json

import numpy as np
from scipy import special, stats
from scipy.stats._continuous_distns import _log_gauss_mass


def rows(function, arguments):
    return [[float(a) for a in row] + [float(function(*row))] for row in arguments]


POINTS = [-1e10, -1e4, -400.0, -60.0, -38.5, -20.5, -20.0, -19.9, -8.0, -6.1, -3.0, -1.0, -1e-3, 0.0, 1e-3, 0.7, 2.0, 5.9, 6.1, 12.0]
INTERVALS = [(-3.0, 3.0), (-1.0, -0.5), (0.5, 1.0), (-40.0, -39.0), (39.0, 40.0), (-100.0, -99.5), (99.5, 100.0), (-1e-3, 2e-3),
             (-101.0, 0.5), (-0.5, 101.0), (6.0, 6.01), (-6.01, -6.0), (8.0, 30.0), (-21.0, -19.0), (-1e3, 1e3)]
PROBABILITIES = [1e-300, 1e-100, 1e-16, 1e-8, 0.001, 0.2, 0.5, 0.7, 0.999, 1 - 1e-8, 1 - 2.0**-53]


def log_mass(a, b):
    return _log_gauss_mass(np.array([a]), np.array([b]))[0].real


print(json.dumps({
    "log_cdf": rows(special.log_ndtr, [(x,) for x in POINTS]),
    "quantile": rows(special.ndtri, [(p,) for p in PROBABILITIES]),
    "log_mass": rows(log_mass, INTERVALS),
    "truncated_quantile": rows(stats.truncnorm.ppf, [(p, a, b) for a, b in INTERVALS for p in (0.001, 0.3, 0.5, 0.95)]),
    "beta_cdf": rows(lambda a, b, x: special.betainc(a, b, x),
                     [(a, b, x) for a, b in ((2.0, 5.0), (0.5, 0.5), (1.0, 1.0), (30.0, 0.2), (200.0, 300.0)) for x in (1e-6, 0.1, 0.4, 0.9, 0.9999)]),
    "beta_quantile": rows(lambda a, b, p: special.betaincinv(a, b, p),
                          [(a, b, p) for a, b in ((2.0, 5.0), (0.5, 0.5), (1.0, 1.0), (200.0, 300.0)) for p in (1e-6, 0.1, 0.5, 0.9, 0.9999)]),
}, separators=(",", ":")).replace('],"', '],\n"'))
