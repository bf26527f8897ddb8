"""Runs other optimisers on the problems of problems.py and prints what search_bench prints.

rivals.py run METHODS PROBLEMS BUDGET SEEDS [FIRST_SEED [BATCH]]   seed by seed, so that a run that is stopped has done as
                                                                   many of every problem; BATCH: Optuna only
    --into FILE                                                    append to FILE, and skip the runs that it has: a
                                                                   table of days is made in pieces
rivals.py ask METHODS TRIALS                                       median time of a suggestion after that many trials; Optuna only

METHODS, comma-separated, each with its defaults:
  optuna-tpe        Optuna 5's TPE, which is multivariate; optuna-tpe-single is the one that is not
  optuna-gp, optuna-cmaes, optuna-random
  smac-rf, smac-gp  SMAC3's HyperparameterOptimizationFacade (random forest, log expected improvement) and its
                    BlackBoxFacade (Gaussian process), both told that the objective is deterministic
  hebo              HEBO
rivals_setup makes the environment that this runs in.
"""

import json
import logging
import random
import statistics
import sys
import tempfile
import time
import warnings
from pathlib import Path

from problems import PROBLEMS

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)


class Optuna:
    """One trial or more at a time: points() asks, tell() answers for all of them in that order."""

    def __init__(self, method, suggest, budget, seed):
        import optuna
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        samplers = optuna.samplers
        sampler = {"optuna-tpe": lambda: samplers.TPESampler(seed=seed),
                   "optuna-tpe-single": lambda: samplers.TPESampler(seed=seed, multivariate=False),
                   "optuna-gp": lambda: samplers.GPSampler(seed=seed),
                   "optuna-cmaes": lambda: samplers.CmaEsSampler(seed=seed),
                   "optuna-random": lambda: samplers.RandomSampler(seed=seed)}[method]()
        self.study, self.suggest = optuna.create_study(sampler=sampler), suggest

    def points(self, count):
        self.trials = [self.study.ask() for _ in range(count)]
        return [self.suggest(trial) for trial in self.trials]

    def tell(self, values):
        for trial, value in zip(self.trials, values):
            self.study.tell(trial, value)


class Recorder:
    """Stands for an Optuna trial: writes down what is asked for."""

    def __init__(self):
        self.parameters = {}

    def suggest_float(self, name, low, high, log=False):
        self.parameters[name] = ("float", low, high, log)
        return low

    def suggest_int(self, name, low, high):
        self.parameters[name] = ("int", low, high, False)
        return low

    def suggest_categorical(self, name, choices):
        self.parameters[name] = ("choice", choices, None, False)
        return choices[0]


class Player:
    """Stands for an Optuna trial with given values."""

    def __init__(self, values):
        self.values = values

    def suggest_float(self, name, low, high, log=False):
        return min(max(float(self.values[name]), low), high)

    def suggest_int(self, name, low, high):
        return int(self.values[name])

    def suggest_categorical(self, name, choices):
        return self.values[name]


def parameters_of(suggest):
    recorder = Recorder()
    suggest(recorder)
    return recorder.parameters


class Smac:
    def __init__(self, method, suggest, budget, seed):
        from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer
        from smac import BlackBoxFacade, HyperparameterOptimizationFacade, Scenario
        space = ConfigurationSpace(seed=seed)
        for name, (kind, low, high, log) in parameters_of(suggest).items():
            space.add({"float": lambda: Float(name, (low, high), log=log), "int": lambda: Integer(name, (low, high)),
                       "choice": lambda: Categorical(name, low)}[kind]())
        self.folder, self.suggest = tempfile.TemporaryDirectory(), suggest
        scenario = Scenario(space, deterministic=True, n_trials=budget, seed=seed, output_directory=Path(self.folder.name))
        facade = HyperparameterOptimizationFacade if method == "smac-rf" else BlackBoxFacade
        self.smac = facade(scenario, lambda config, seed=0: 0.0, overwrite=True, logging_level=logging.ERROR)

    def points(self, count):
        self.info = self.smac.ask()
        return [self.suggest(Player(dict(self.info.config)))]

    def tell(self, values):
        from smac.runhistory.dataclasses import TrialValue
        self.smac.tell(self.info, TrialValue(cost=values[0]))


class Hebo:
    def __init__(self, method, suggest, budget, seed):
        import numpy as np
        import torch
        from hebo.design_space.design_space import DesignSpace
        from hebo.optimizers.hebo import HEBO
        np.random.seed(seed)
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        rows = []
        for name, (kind, low, high, log) in parameters_of(suggest).items():
            if kind == "choice":
                rows.append({"name": name, "type": "cat", "categories": low})
            else:
                rows.append({"name": name, "type": "int" if kind == "int" else "pow" if log else "num", "lb": low, "ub": high})
        self.hebo, self.suggest, self.array = HEBO(DesignSpace().parse(rows), scramble_seed=seed), suggest, np.array

    def points(self, count):
        self.record = self.hebo.suggest(n_suggestions=1)
        return [self.suggest(Player(self.record.iloc[0].to_dict()))]

    def tell(self, values):
        self.hebo.observe(self.record, self.array([values]))


def make(method, suggest, budget, seed):
    kind = Hebo if method == "hebo" else Smac if method.startswith("smac") else Optuna
    return kind(method, suggest, budget, seed)


def run(method, name, budget, seed, batch):
    suggest, regret, noise = PROBLEMS[name]
    random.seed(seed)
    rival, start = make(method, suggest, budget, seed), time.perf_counter()
    shown, curve, best_seen, best = random.Random(seed), [], float("inf"), float("inf")
    while len(curve) < budget:
        truths = [regret(point) for point in rival.points(min(batch, budget - len(curve)))]
        values = [truth + noise * shown.gauss(0, 1) for truth in truths]
        rival.tell(values)
        for truth, value in zip(truths, values):
            if value < best_seen:
                best_seen, best = value, truth
            curve.append(best)
    seconds = round(time.perf_counter() - start, 2)
    return {"problem": name, "method": method, "seed": seed, "seconds": seconds, "curve": curve}


def ask_time(method, count):
    import optuna
    suggest, regret, _ = PROBLEMS["lora"]
    rival = Optuna(method, suggest, count, 1)
    sampler, rival.study.sampler = rival.study.sampler, optuna.samplers.RandomSampler(seed=2)
    for _ in range(count):
        rival.tell([regret(rival.points(1)[0])])
    rival.study.sampler = sampler
    times = []
    for _ in range(7):
        start = time.perf_counter()
        rival.points(1)
        times.append(1e3 * (time.perf_counter() - start))
        rival.study.tell(rival.trials[0], state=optuna.trial.TrialState.FAIL)
    print(f"{method:<12} {count:>6} trials  median {statistics.median(times):8.2f} ms  shortest {min(times):8.2f} ms")


def known_runs(path):
    if not path or not Path(path).exists():
        return set()
    with open(path) as lines:
        return {(row["problem"], row["method"], row["seed"]) for row in map(json.loads, lines)}


arguments, into = sys.argv[1:], None
if "--into" in arguments:
    place = arguments.index("--into")
    into = arguments[place + 1]
    del arguments[place:place + 2]
command, methods = arguments[0], arguments[1].split(",")
if command == "ask":
    for m in methods:
        ask_time(m, int(arguments[2]))
else:
    wanted = list(PROBLEMS) if arguments[2] == "all" else arguments[2].split(",")
    budget, seeds = int(arguments[3]), int(arguments[4])
    first, batch = (int(a) for a in (arguments[5:] + ["0", "1"][len(arguments) - 5:])[:2])
    done = known_runs(into)
    for s in range(first, first + seeds):
        for p in wanted:
            for m in methods:
                if (p, m, s) in done:
                    continue
                line = json.dumps(run(m, p, budget, s, batch))
                if into:
                    with open(into, "a") as sink:
                        sink.write(line + "\n")
                else:
                    print(line, flush=True)
