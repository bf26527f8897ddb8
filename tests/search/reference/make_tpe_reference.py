"""Records what Optuna's TPESampler thinks of given candidates after given histories, as tpe.json.

Run with a Python that has optuna 5.0:  python make_tpe_reference.py > tpe.json

Each case holds a space, the history as rows [state, step, value, parameter values...], which trials Optuna counts as
good, candidates drawn by Optuna, log l(x) and log g(x) of each and the index of the one that it would propose.
"""

import json
import math
import random
import types
import warnings

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers._tpe import parzen_estimator
from optuna.samplers._tpe import sampler as tpe
from optuna.trial import TrialState, create_trial

warnings.simplefilter("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)

# numpy's default argsort is not stable and depends on the machine, and which of two equal observations gets which
# width depends on it. A stable one is what every machine can agree on.
stable = types.SimpleNamespace(**{name: getattr(np, name) for name in dir(np) if not name.startswith("__")})
stable.argsort = lambda a: np.argsort(a, kind="stable")
parzen_estimator.np = stable

FLOAT = {"name": "x", "kind": "float", "low": -2.0, "high": 3.0}
LOG = {"name": "learning_rate", "kind": "log_float", "low": 1e-5, "high": 1e-2}
STEP = {"name": "dropout", "kind": "step_float", "low": 0.0, "high": 0.5, "step": 0.05}
INT = {"name": "warmup", "kind": "int", "low": 2, "high": 23, "step": 3}
LOG_INT = {"name": "width", "kind": "log_int", "low": 1, "high": 128}
CHOICE = {"name": "schedule", "kind": "categorical", "choices": ["linear", "cosine", "constant"]}
ORDERED = {"name": "rank", "kind": "ordered", "values": [4, 8, 16, 32, 64]}
# In use with one of the schedules only.
CYCLES = {"name": "cycles", "kind": "int", "low": 2, "high": 23, "step": 3, "when": "schedule == cosine"}
FLOOR = {"name": "floor", "kind": "float", "low": 0.0, "high": 1.0, "when": "schedule == cosine"}

SPACES = {
    "float": [FLOAT],
    "log float": [LOG],
    "float with a step": [STEP],
    "int": [INT],
    "log int": [LOG_INT],
    "categorical": [CHOICE],
    "ordered": [ORDERED],
    "mixed": [LOG, STEP, INT, LOG_INT, CHOICE, ORDERED],
    "conditional": [LOG, CHOICE, CYCLES, FLOOR],
}


def in_use(parameter, params):
    return "when" not in parameter or params["schedule"] == "cosine"


def distribution(parameter):
    kind = parameter["kind"]
    if kind == "float":
        return FloatDistribution(parameter["low"], parameter["high"])
    if kind == "log_float":
        return FloatDistribution(parameter["low"], parameter["high"], log=True)
    if kind == "step_float":
        return FloatDistribution(parameter["low"], parameter["high"], step=parameter["step"])
    if kind == "int":
        return IntDistribution(parameter["low"], parameter["high"], step=parameter["step"])
    if kind == "log_int":
        return IntDistribution(parameter["low"], parameter["high"], log=True)
    if kind == "categorical":
        return CategoricalDistribution(parameter["choices"])
    return IntDistribution(0, len(parameter["values"]) - 1)  # ordered values are modelled by their position


def draw(parameter, rng):
    """A value as Optuna sees it, short enough to be written down."""
    kind = parameter["kind"]
    if kind == "float":
        return round(rng.uniform(parameter["low"], parameter["high"]), 4)
    if kind == "log_float":
        exact = math.exp(rng.uniform(math.log(parameter["low"]), math.log(parameter["high"])))
        return float(f"{exact:.3g}")
    if kind == "step_float":
        return round(parameter["step"] * rng.randrange(11), 2)
    if kind == "int":
        return rng.randrange(parameter["low"], parameter["high"] + 1, parameter["step"])
    if kind == "log_int":
        return round(math.exp(rng.uniform(0, math.log(parameter["high"]))))
    if kind == "categorical":
        return rng.choice(parameter["choices"])
    return rng.randrange(len(parameter["values"]))


def written(parameter, value):
    """The value as the C++ test reads it."""
    if parameter["kind"] == "ordered":
        return parameter["values"][int(value)]
    if parameter["kind"] in ("int", "log_int"):
        return int(value)
    if parameter["kind"] == "step_float":
        return round(float(value), 10)
    return value


def history(space, count, mixed_states, rng):
    """Trials for Optuna and rows for the test."""
    trials, rows = [], []
    for number in range(count):
        params = {p["name"]: draw(p, rng) for p in space}
        params = {p["name"]: params[p["name"]] for p in space if in_use(p, params)}
        dists = {p["name"]: distribution(p) for p in space if p["name"] in params}
        value = round(rng.gauss(0, 1), 2)
        kind, step = "COMPLETED", 120
        if mixed_states:
            kind = rng.choices(["COMPLETED", "PRUNED", "INFEASIBLE", "RUNNING"], [3, 4, 1, 1])[0]
            # With fewer completed trials than good ones, the order of the pruned ones shows.
            if kind == "COMPLETED" and rng.random() < 0.8 and number > 3:
                kind = "PRUNED"
            step = 120 if kind == "COMPLETED" else 20 * rng.randint(1, 3)
        common = {"params": params, "distributions": dists, "intermediate_values": {step: value}}
        if kind == "COMPLETED":
            trial = create_trial(state=TrialState.COMPLETE, value=value, **common)
        elif kind == "PRUNED":
            trial = create_trial(state=TrialState.PRUNED, **common)
        elif kind == "INFEASIBLE":
            trial = create_trial(state=TrialState.COMPLETE, value=value, constraints={"memory": 1.0}, **common)
        else:
            trial = create_trial(state=TrialState.RUNNING, **common)
        trials.append(trial)
        rows.append([kind, step, value] + [written(p, params[p["name"]]) if p["name"] in params else None for p in space])
    return trials, rows


def case(name, space, count, mixed_states, seed, candidates):
    rng = random.Random(seed)
    space = sorted(space, key=lambda p: p["name"])
    trials, rows = history(space, count, mixed_states, rng)
    sampler = tpe.TPESampler(seed=seed)
    study = optuna.create_study(sampler=sampler)
    study.add_trials(trials)
    known = study._get_trials(deepcopy=False, states=[TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING])
    finished = sum(t.state != TrialState.RUNNING for t in known)
    below, above = tpe._split_trials(study, known, tpe.default_gamma(finished))
    drawn, densities = [{} for _ in range(candidates)], []
    # As with group=True: parameters that are in use together have an estimator of their own.
    for when in sorted({p.get("when", "") for p in space}):
        group = {p["name"]: distribution(p) for p in space if p.get("when", "") == when}
        good = sampler._build_parzen_estimator(study, group, below, True)
        rest = sampler._build_parzen_estimator(study, group, above, False)
        samples = good.sample(sampler._rng.rng, candidates)
        densities.append((when, good.log_pdf(samples), rest.log_pdf(samples)))
        for i in range(candidates):
            drawn[i].update({name: group[name].to_external_repr(samples[name][i].item()) for name in group})
    log_good, log_rest = np.zeros(candidates), np.zeros(candidates)
    points = []
    for i in range(candidates):
        for when, by_good, by_rest in densities:
            if in_use({"when": when} if when else {}, drawn[i]):
                log_good[i] += by_good[i]
                log_rest[i] += by_rest[i]
        points.append([written(p, drawn[i][p["name"]]) if in_use(p, drawn[i]) else None for p in space])
    return {
        "name": f"{name}, {count} trials{', all states' if mixed_states else ''}",
        "space": space,
        "trials": rows,
        "good": [t.number for t in below],
        "candidates": points,
        "log_good": log_good.tolist(),
        "log_rest": log_rest.tolist(),
        "best": int(np.argmax(log_good - log_rest)),
    }


def main():
    cases = []
    for s, (name, space) in enumerate(SPACES.items()):
        for count in (10, 30, 60):
            cases.append(case(name, space, count, count == 30, 100 * s + count, 24 if name == "mixed" else 8))
    cases.append(case("mixed", SPACES["mixed"], 60, True, 7, 24))
    cases.append(case("float", SPACES["float"], 300, False, 8, 24))
    print('{"optuna": "%s", "cases": [' % optuna.__version__)
    print(",\n".join(json.dumps(c, separators=(",", ":")) for c in cases))
    print("]}")


main()
