"""Every optimiser behind one face: points(count) proposes that many points, tell(values) answers for all of them in that
order. suggest(trial) of a problem asks an Optuna trial for a point; the others have the same space from it."""

import json
import logging
import os
import subprocess
import tempfile
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
ROOT = Path(__file__).resolve().parents[2]
OURS = ("auto", "gp", "tpe", "cmaes", "sobol", "random")


class Optuna:
    def __init__(self, method, suggest, budget, seed, pruner=None):
        import optuna
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        samplers = optuna.samplers
        sampler = {"optuna-tpe": lambda: samplers.TPESampler(seed=seed),
                   "optuna-tpe-single": lambda: samplers.TPESampler(seed=seed, multivariate=False),
                   "optuna-gp": lambda: samplers.GPSampler(seed=seed),
                   "optuna-cmaes": lambda: samplers.CmaEsSampler(seed=seed),
                   "optuna-random": lambda: samplers.RandomSampler(seed=seed)}[method]()
        self.study, self.suggest = optuna.create_study(sampler=sampler, pruner=pruner), suggest

    def points(self, count):
        self.trials = [self.study.ask() for _ in range(count)]
        return [self.suggest(trial) for trial in self.trials]

    def tell(self, values):
        for trial, value in zip(self.trials, values):
            self.study.tell(trial, value)

    def teach(self, known):
        """Points by parameter, with their values, that somebody else proposed."""
        import optuna
        distributions = distributions_of(self.suggest)
        for point, value in known:
            self.study.add_trial(optuna.trial.create_trial(params=point, distributions=distributions, value=value))


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


def distributions_of(suggest):
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
    return {name: CategoricalDistribution(low) if kind == "choice" else IntDistribution(low, high) if kind == "int"
            else FloatDistribution(low, high, log=log) for name, (kind, low, high, log) in parameters_of(suggest).items()}


class Ours:
    """lorasweep's samplers through `search_bench play` of build/bin, or of LORASWEEP_BIN_DIR."""

    def __init__(self, method, suggest, budget, seed, steps=0, pruner=None):
        program = Path(os.environ.get("LORASWEEP_BIN_DIR", ROOT / "build/bin")) / "search_bench"
        self.process = subprocess.Popen([program, "play"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.suggest, self.next = suggest, 0
        head = {"method": method, "seed": seed, "trials": budget, "space": parameters_of(suggest), "steps": steps}
        self.say({**head, "pruner": pruner} if pruner else head)

    def say(self, words):
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()

    def hear(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("search_bench play has ended; what is wrong is above")
        return json.loads(line)

    def points(self, count):
        self.say({"ask": count})
        answer = self.hear()
        self.milliseconds = answer["milliseconds"]
        self.first, self.next = self.next, self.next + count
        return [self.suggest(Player(point)) for point in answer["points"]]

    def tell(self, values):
        self.say({"tell": [[self.first + i, value] for i, value in enumerate(values)]})

    def teach(self, known):
        self.say({"told": [[point, value] for point, value in known]})
        self.next += len(known)

    def report(self, step, value):
        """Of the last point; "continue" or "stop"."""
        self.say({"report": [self.first, step, value]})
        return self.hear()["verdict"]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Rustuna:
    """Optuna's own rewrite in Rust."""

    def __init__(self, method, suggest, budget, seed):
        import rustuna
        self.study, self.suggest = rustuna.create_study(sampler=rustuna.samplers.TPESampler(seed=seed)), suggest

    def points(self, count):
        self.trials = [self.study.ask() for _ in range(count)]
        return [self.suggest(trial) for trial in self.trials]

    def tell(self, values):
        for trial, value in zip(self.trials, values):
            self.study.tell(trial.number, value)

    def teach(self, known):
        for point, value in known:
            self.study.enqueue_trial(point)
            self.points(1)
            self.tell([value])


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
    kinds = {"hebo": Hebo, "smac-rf": Smac, "smac-gp": Smac, "rustuna-tpe": Rustuna, **dict.fromkeys(OURS, Ours)}
    return kinds.get(method, Optuna)(method, suggest, budget, seed)
