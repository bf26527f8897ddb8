"""Records Optuna's hypervolumes, subsets of greatest volume, splits of multi-objective histories and importances, as
pareto.json.

Run with a Python that has optuna 5.0:  python make_pareto_reference.py > pareto.json
"""

import json
import random
import warnings

import numpy as np
import optuna
from optuna._hypervolume import compute_hypervolume
from optuna._hypervolume.hssp import _solve_hssp
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.samplers._tpe import sampler as tpe
from optuna.trial import TrialState, create_trial

warnings.simplefilter("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)


def volumes():
    rng = random.Random(1)
    cases = []
    for objectives, count in ((1, 3), (2, 1), (2, 60), (3, 2), (3, 25), (4, 12)):
        points = [[round(rng.uniform(-1, 2), 3) for _ in range(objectives)] for _ in range(count)]
        if count > 10:
            points.append(points[0])
        reference = tpe._get_reference_point(np.array(points))
        # Subsets are taken of points that do not dominate each other.
        front = [p for p in points if not any(q != p and all(a <= b for a, b in zip(q, p)) for q in points)]
        subset = _solve_hssp(np.array(front), np.arange(len(front)), (len(front) + 1) // 2, reference)
        cases.append({"points": points, "reference": reference.tolist(),
                      "volume": compute_hypervolume(np.array(points), reference),
                      "front": front, "subset": sorted(subset.tolist())})
    return cases


def split(objectives, count, seed):
    rng = random.Random(seed)
    study = optuna.create_study(directions=["minimize"] * objectives)
    rows, trials = [], []
    for _ in range(count):
        values = [round(rng.gauss(0, 1), 2) for _ in range(objectives)]
        broken = round(rng.uniform(0.1, 2), 3) if rng.random() < 0.4 else 0.0
        trials.append(create_trial(state=TrialState.COMPLETE, values=values, params={"x": 0.5},
                                   distributions={"x": FloatDistribution(0, 1)}, constraints={"c": broken}))
        rows.append(values + [broken])
    study.add_trials(trials)
    good, _ = tpe._split_trials(study, study.trials, tpe.default_gamma_multiobjective(count))
    return {"objectives": objectives, "trials": rows, "good": [t.number for t in good]}


def importance(count, seed):
    rng = random.Random(seed)
    space = {"learning_rate": FloatDistribution(1e-5, 1e-2, log=True), "dropout": FloatDistribution(0, 0.5, step=0.05),
             "rank": IntDistribution(0, 4), "schedule": CategoricalDistribution(["linear", "cosine", "constant"]),
             "width": IntDistribution(1, 128, log=True), "x": FloatDistribution(-2, 3)}
    study = optuna.create_study()
    rows, trials = [], []
    for _ in range(count):
        params = {"learning_rate": float(f"{10 ** rng.uniform(-5, -2):.3g}"), "dropout": round(0.05 * rng.randrange(11), 2),
                  "rank": rng.randrange(5), "schedule": rng.choice(["linear", "cosine", "constant"]),
                  "width": round(2 ** rng.uniform(0, 7)), "x": round(rng.uniform(-2, 3), 3)}
        value = (np.log10(params["learning_rate"]) + 3.5) ** 2 + 0.1 * params["rank"] + 0.3 * rng.random()
        value = round(float(value) + (0.4 if params["schedule"] == "constant" else 0), 6)
        trials.append(create_trial(state=TrialState.COMPLETE, value=value, params=params, distributions=space))
        rows.append([value, params["dropout"], params["learning_rate"], params["rank"], params["schedule"],
                     params["width"], params["x"]])
    study.add_trials(trials)
    shares = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator())
    return {"trials": rows, "shares": shares}


def main():
    cases = {"optuna": optuna.__version__, "volumes": volumes(),
             "splits": [split(2, 40, 1), split(2, 150, 2), split(3, 60, 3), split(4, 40, 4)],
             "importances": [importance(40, 1), importance(200, 2)]}
    print(json.dumps(cases, separators=(",", ":")).replace('},{', '},\n{'))


main()
