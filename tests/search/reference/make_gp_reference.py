"""Records values of scikit-learn's Gaussian processes, scipy's Sobol sequence and log expected improvement as gp.json.

Run with a Python that has scikit-learn, scipy and mpmath:  python make_gp_reference.py > gp.json
"""

import json

import mpmath
import numpy as np
from scipy.stats import qmc
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel


def process(seed, count, lengths, signal, noise):
    rng = np.random.default_rng(seed)
    points = rng.random((count, len(lengths))).round(6)
    values = (np.sin(5 * points).sum(axis=1) + 0.1 * rng.standard_normal(count)).round(6)
    queries = rng.random((5, len(lengths))).round(6)
    kernel = ConstantKernel(signal) * Matern(length_scale=lengths, nu=2.5) + WhiteKernel(noise)
    model = GaussianProcessRegressor(kernel, alpha=0, optimizer=None).fit(points, values)
    likelihood, gradient = model.log_marginal_likelihood(kernel.theta, eval_gradient=True)
    mean, deviation = model.predict(queries, return_std=True)
    # theta: log of signal, lengths, noise. predict() counts the noise in.
    return {"points": points.tolist(), "values": values.tolist(), "lengths": lengths, "signal": signal, "noise": noise,
            "log_likelihood": likelihood, "by_signal": gradient[0], "by_length": gradient[1:-1].tolist(), "by_noise": gradient[-1],
            "queries": queries.tolist(), "means": mean.tolist(), "variances": (deviation**2 - noise).tolist()}


def log_improvement(z):
    z = mpmath.mpf(z)
    return float(mpmath.log(mpmath.npdf(z) + z * mpmath.ncdf(z)))


mpmath.mp.dps = 600  # z = -1000 loses 440 digits
print(json.dumps({
    "processes": [process(1, 12, [0.3], 1.0, 0.01), process(2, 30, [0.5, 0.2, 1.5], 2.5, 1e-4), process(3, 25, [0.1, 0.9, 3.0, 0.4], 0.7, 0.3)],
    "log_improvement": [[z, log_improvement(z)] for z in (-1000.0, -60.0, -15.5, -15.0, -14.5, -8.0, -3.0, -1.5, -1.0, -0.9, -0.1, 0.0, 0.5, 2.0, 9.0, 50.0)],
    "sobol": qmc.Sobol(64, scramble=False, bits=32).random(64)[[1, 2, 3, 5, 31, 63]].tolist(),
}, separators=(",", ":")).replace('],"', '],\n"'))
