"""Runs Optuna's samplers on the problems of problems.py and prints what search_bench prints.

optuna_peer.py run METHODS PROBLEMS BUDGET SEEDS [BATCH]   methods: optuna-tpe, optuna-gp, optuna-random
optuna_peer.py ask METHODS TRIALS
"""

import json
import random
import statistics
import sys
import time

import optuna
import torch

from problems import PROBLEMS

optuna.logging.set_verbosity(optuna.logging.ERROR)
torch.set_num_threads(1)
SAMPLERS = {"optuna-tpe": optuna.samplers.TPESampler, "optuna-gp": optuna.samplers.GPSampler,
            "optuna-random": optuna.samplers.RandomSampler}


def run(method, name, budget, seed, batch):
    suggest, regret, noise = PROBLEMS[name]
    study = optuna.create_study(sampler=SAMPLERS[method](seed=seed))
    shown, curve, best_seen, best = random.Random(seed), [], float("inf"), float("inf")
    while len(curve) < budget:
        asked = [study.ask() for _ in range(min(batch, budget - len(curve)))]
        points = [suggest(trial) for trial in asked]
        for trial, point in zip(asked, points):
            true = regret(point)
            value = true + noise * shown.gauss(0, 1)
            study.tell(trial, value)
            if value < best_seen:
                best_seen, best = value, true
            curve.append(best)
    print(json.dumps({"problem": name, "method": method, "seed": seed, "curve": curve}), flush=True)


def ask_time(method, count):
    suggest, regret, _ = PROBLEMS["lora"]
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=2))
    study.optimize(lambda trial: regret(suggest(trial)), n_trials=count)
    study.sampler = SAMPLERS[method](seed=1)
    times = []
    for _ in range(7):
        start = time.perf_counter()
        trial = study.ask()
        suggest(trial)
        times.append(1e3 * (time.perf_counter() - start))
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
    print(f"{method:<10} {count:>6} trials  median {statistics.median(times):8.2f} ms  shortest {min(times):8.2f} ms")


command, methods = sys.argv[1], sys.argv[2].split(",")
if command == "ask":
    for m in methods:
        ask_time(m, int(sys.argv[3]))
else:
    wanted = list(PROBLEMS) if sys.argv[3] == "all" else sys.argv[3].split(",")
    for p in wanted:
        for m in methods:
            for s in range(int(sys.argv[5])):
                run(m, p, int(sys.argv[4]), s, int(sys.argv[6]) if len(sys.argv) > 6 else 1)
