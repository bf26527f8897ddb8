"""Runs optimisers on the problems of problems.py: ours through `search_bench play`, and others.

run.py run METHODS PROBLEMS BUDGET SEEDS [FIRST_SEED [BATCH]]   a JSON line a run, seed by seed, so that what is stopped
                                                                has done as many of every problem; BATCH: ours, Optuna
run.py multi-fidelity METHODS PROBLEMS BUDGET SEEDS             trials that report 27 steps and may be pruned: see
                                                                multi_fidelity.py; BUDGET counts whole trainings
run.py ask METHODS TRIALS                                       how long a suggestion takes after that many trials; not SMAC3, HEBO
    --into FILE     append to FILE, and skip the runs that it has: a table of days is made in pieces

METHODS, comma-separated, each with its defaults:
  auto, gp, tpe, cmaes, sobol, random   ours
  optuna-tpe        Optuna 5's TPE, which is multivariate; optuna-tpe-single is the one that is not
  optuna-gp, optuna-cmaes, optuna-random
  rustuna-tpe       the one of Rustuna, Optuna's rewrite in Rust
  smac-rf, smac-gp  SMAC3's HyperparameterOptimizationFacade (random forest, log expected improvement) and its
                    BlackBoxFacade (Gaussian process), both told that the objective is deterministic
  hebo              HEBO
PROBLEMS, comma-separated: names, or groups: closed (closed forms), bbob, tables, all.
rivals_setup makes the environment that this runs in.
"""

import json
import random
import statistics
import sys
import time
from pathlib import Path

import multi_fidelity
from optimisers import Ours, Recorder, make
from problems import GROUPS, names_of, problem


def run(method, name, budget, seed, batch):
    suggest, regret, show = problem(name, seed)
    random.seed(seed)
    optimiser, start = make(method, suggest, budget, seed), time.perf_counter()
    shown, curve, best_seen, best = random.Random(seed), [], float("inf"), float("inf")
    while len(curve) < budget:
        points = optimiser.points(min(batch, budget - len(curve)))
        values = [show(point, shown) for point in points]
        optimiser.tell(values)
        for point, value in zip(points, values):
            if value < best_seen:
                best_seen, best = value, regret(point)
            curve.append(best)
    seconds = round(time.perf_counter() - start, 2)
    if isinstance(optimiser, Ours):
        optimiser.close()
    return {"problem": name, "method": method, "seed": seed, "batch": batch, "seconds": seconds, "curve": curve}


def print_ask_time(method, count):
    """With six parameters as LoRA sweeps have them, after `count` random trials."""
    times = ask_times(method, count)
    print(f"{method:<12} {count:>6} trials  median {statistics.median(times):8.2f} ms  shortest {min(times):8.2f} ms", flush=True)


class Dice(Recorder):
    """Stands for an Optuna trial: draws what is asked for, and keeps it."""

    def __init__(self, rng):
        super().__init__()
        self.rng, self.drawn = rng, {}

    def suggest_float(self, name, low, high, log=False):
        value = low * (high / low) ** self.rng.random() if log else self.rng.uniform(low, high)
        self.drawn[name] = min(max(value, low), high)
        return self.drawn[name]

    def suggest_int(self, name, low, high):
        self.drawn[name] = self.rng.randint(low, high)
        return self.drawn[name]

    def suggest_categorical(self, name, choices):
        self.drawn[name] = self.rng.choice(choices)
        return self.drawn[name]


def timed(optimiser):
    """In milliseconds; what is proposed turns out bad, so that nothing new is learned meanwhile."""
    times = []
    for _ in range(15):
        start = time.perf_counter()
        optimiser.points(1)
        taken = [1e3 * (time.perf_counter() - start)]
        times += optimiser.milliseconds if isinstance(optimiser, Ours) else taken
        optimiser.tell([1.0])
    return times


def ask_times(method, count):
    suggest, regret, _ = problem("lora", 0)
    optimiser, rng = make(method, suggest, count + 1, 1), random.Random(2)
    told = []
    for _ in range(count):
        dice = Dice(rng)
        value = regret(suggest(dice))
        told.append((dice.drawn, value))
    optimiser.teach(told)
    return timed(optimiser)


def known_runs(path):
    if not path or not Path(path).exists():
        return set()
    with open(path) as lines:
        return {(row["problem"], row["method"], row["seed"], row.get("batch", 1)) for row in map(json.loads, lines)}


def put(row, into):
    line = json.dumps(row)
    if not into:
        print(line, flush=True)
        return
    with open(into, "a") as sink:
        sink.write(line + "\n")


arguments, into = sys.argv[1:], None
if "--into" in arguments:
    place = arguments.index("--into")
    into = arguments[place + 1]
    del arguments[place:place + 2]
if len(arguments) < 3 or arguments[0] not in ("run", "multi-fidelity", "ask") or (arguments[0] != "ask" and len(arguments) < 5):
    raise SystemExit(__doc__)
command, methods = arguments[0], arguments[1].split(",")
if command == "ask":
    for m in methods:
        print_ask_time(m, int(arguments[2]))
    sys.exit()
wanted, budget, seeds = arguments[2], int(arguments[3]), int(arguments[4])
first, batch = (int(a) for a in (arguments[5:] + ["0", "1"][len(arguments) - 5:])[:2])
done = known_runs(into)
groups = multi_fidelity.GROUPS if command == "multi-fidelity" else GROUPS
for s in range(first, first + seeds):
    for p in names_of(wanted, groups):
        for m in methods:
            if (p, m, s, batch) not in done:
                put(multi_fidelity.run(m, p, budget, s) if command == "multi-fidelity" else run(m, p, budget, s, batch), into)
