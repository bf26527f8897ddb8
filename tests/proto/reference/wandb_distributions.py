"""Records what W&B's own sweeps package (PyPI: sweeps 0.2.0) makes of each distribution.

    python tests/proto/reference/wandb_distributions.py > tests/proto/reference/wandb_distributions.json
"""

import json

from sweeps.params import HyperParameter

QUANTILES = [0.023, 0.107, 0.253, 0.391, 0.47, 0.613, 0.757, 0.913, 0.983]
CONFIGS = [
    {"min": 0.1, "max": 0.7},
    {"distribution": "uniform", "min": -2, "max": 3},
    {"min": 3, "max": 12},
    {"distribution": "int_uniform", "min": 1, "max": 64},
    {"distribution": "log_uniform", "min": -9.5, "max": -5.5},
    {"distribution": "log_uniform_values", "min": 5.0e-5, "max": 3.0e-3},
    {"distribution": "inv_log_uniform", "min": 2, "max": 7},
    {"distribution": "inv_log_uniform_values", "min": 1.0e-4, "max": 1.0e-1},
    {"distribution": "q_log_uniform", "min": 3, "max": 6, "q": 8},
    {"distribution": "q_log_uniform_values", "min": 0.01, "max": 2, "q": 0.005},
    {"distribution": "normal", "mu": 0.3, "sigma": 2},
    {"distribution": "normal"},
    {"distribution": "q_normal", "mu": 10, "sigma": 8, "q": 2},
    {"distribution": "log_normal", "mu": -7, "sigma": 0.7},
    {"distribution": "q_log_normal", "mu": 2, "sigma": 0.5},
    {"distribution": "beta", "a": 2, "b": 5},
    {"distribution": "beta"},
    {"distribution": "q_beta", "a": 2, "b": 3, "q": 0.1},
    {"values": ["linear", "cosine", "constant"]},
    {"value": 7},
]


def record(config):
    parameter = HyperParameter("x", config)
    values = [parameter.ppf(q) for q in QUANTILES]
    return {"parameter": config, "values": [v.item() if hasattr(v, "item") else v for v in values]}


print(json.dumps({"quantiles": QUANTILES, "cases": [record(c) for c in CONFIGS]}, indent=1))
