"""Hartmann's functions with a fidelity z, as trials of 27 steps: what is seen at step s has z = s / 27, and only the last
step is the truth. mf_hartmann3 and mf_hartmann6 are biased as in Kandasamy et al. (Multi-fidelity Bayesian optimisation
with continuous approximations, ICML 2017): each weight is less by 0.1 (1 - z). The _noisy ones add normal noise of
deviation 0.5 (1 - z).

METHODS: one of our samplers or of Optuna's, a plus sign, and how trials are pruned:
  gp+none, tpe+asha, auto+hyperband         ours: asha with rungs at 1, 3 and 9 steps, hyperband over all three
  optuna-tpe+asha, optuna-gp+hyperband      SuccessiveHalvingPruner and HyperbandPruner with the same rungs
A curve has the true value of the incumbent, which is the best of those that came farthest, by whole trainings spent.
"""

import math
import random
import time

from optimisers import OURS, Optuna, Ours
from problems import A3, A6, ALPHA, P3, P6, box

STEPS, RUNGS = 27, [1, 3, 9]
GROUPS = {"all": ["mf_hartmann3", "mf_hartmann6", "mf_hartmann3_noisy", "mf_hartmann6_noisy"]}


def hartmann(x, z):
    a, p = (A3, P3) if len(x) == 3 else (A6, P6)
    total = sum((ALPHA[i] - 0.1 * (1 - z)) * math.exp(-sum(a[i][j] * (v - p[i][j]) ** 2 for j, v in enumerate(x)))
                for i in range(4))
    return (3.8627797869493365 if len(x) == 3 else 3.322368011415515) - total


class OptunaPruned(Optuna):
    def __init__(self, method, suggest, budget, seed, rule):
        from optuna import pruners
        pruner = {"none": pruners.NopPruner,
                  "asha": lambda: pruners.SuccessiveHalvingPruner(min_resource=RUNGS[0], reduction_factor=3),
                  "hyperband": lambda: pruners.HyperbandPruner(RUNGS[0], STEPS, reduction_factor=3)}[rule]()
        super().__init__(method, suggest, budget, seed, pruner)

    def report(self, step, value):
        from optuna.trial import TrialState
        self.trials[0].report(value, step)
        if step == STEPS:
            self.study.tell(self.trials[0], value)
        elif self.trials[0].should_prune():
            self.study.tell(self.trials[0], state=TrialState.PRUNED)
            return "stop"
        return "continue"


def make(method, suggest, budget, seed):
    sampler, rule = method.split("+")
    if sampler not in OURS:
        return OptunaPruned(sampler, suggest, budget, seed, rule)
    pruners = {"none": None, "asha": {"type": "asha", "rungs": RUNGS},
               "hyperband": {"type": "asha", "rungs": RUNGS, "brackets": 3}}
    return Ours(sampler, suggest, budget, seed, STEPS, pruners[rule])


def run(method, name, budget, seed):
    """budget: of whole trainings; what is left is not begun."""
    suggest = box(*[(0, 1)] * (6 if "6" in name else 3))
    noise = 0.5 if name.endswith("noisy") else 0
    optimiser, shown, start = make(method, suggest, budget, seed), random.Random(seed), time.perf_counter()
    spent, trials, incumbent, curve = 0, 0, (0, 0.0, float("inf")), []  # the incumbent's step, negated sight, truth
    while spent < budget * STEPS:
        point = optimiser.points(1)[0]
        trials += 1
        for step in range(1, STEPS + 1):
            seen = hartmann(point, step / STEPS) + noise * (1 - step / STEPS) * shown.gauss(0, 1)
            spent += 1
            incumbent = max(incumbent, (step, -seen, hartmann(point, 1)))
            if spent % STEPS == 0 and spent <= budget * STEPS:
                curve.append(incumbent[2])
            if optimiser.report(step, seen) == "stop":
                break
    if isinstance(optimiser, Ours):
        optimiser.close()
    seconds = round(time.perf_counter() - start, 2)
    return {"problem": name, "method": method, "seed": seed, "seconds": seconds, "trials": trials, "curve": curve}
