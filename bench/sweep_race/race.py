"""How much sooner a sweep finds a good adapter than Optuna with TRL does, on the same rows, space and steps.

    python race.py MODEL_FOLDER [key=value ...]     keys: rows, steps, batch, eval_every, trials, limit (seconds)

First a grid of 12 trials, run to their ends by lorasweep without pruning: its best validation loss, with 2 % on top, is
the goal. Then two programs race to it from a cold start, one after the other, each alone on the machine: a
lorasweep sweep (method auto, packs, paired pruning), and optuna_trl.py. Both see the same tokens with the same
labels: those of `lorasweep data show`. Losses are means over the supervised tokens; TRL's is the mean of its batches'.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = ROOT / "build/bin"
settings = dict(rows=200, steps=24, batch=4, eval_every=6, trials=16, limit=1200)
for argument in sys.argv[2:]:
    key, value = argument.split("=", 1)
    settings[key] = type(settings[key])(value)
model = pathlib.Path(sys.argv[1]).resolve()
folder = pathlib.Path(tempfile.mkdtemp(prefix="lorasweep_race_"))

SPACE = {
    "learning_rate": {"distribution": "log_uniform_values", "min": 5e-5, "max": 3e-3},
    "lora_rank": {"values": [4, 8, 16, 32]},
    "lora_alpha": {"expression": "2 * lora_rank"},
    "lora_dropout": {"values": [0, 0.05, 0.1]},
    "weight_decay": {"values": [0, 0.01, 0.1]},
}
GRID = {
    "learning_rate": {"values": [1e-4, 3e-4, 1e-3, 3e-3]},
    "lora_rank": {"values": [4, 16, 32]},
    "lora_alpha": {"expression": "2 * lora_rank"},
}


def lorasweep(*arguments):
    return subprocess.run([BIN / "lorasweep", *arguments], check=True, capture_output=True, text=True).stdout


def sweep_file(name, train, parameters, validation="validation.jsonl", **keys):
    """JSON is YAML."""
    path = folder / f"{name}.yaml"
    document = dict(
        name=name,
        model=str(model),
        data=dict(train=train, validation=validation, max_length=256, loss_on="assistant"),
        training=dict(
            max_steps=settings["steps"],
            batch_size=settings["batch"],
            warmup=0.1,
            schedule="cosine",
            eval_every=settings["eval_every"],
            save_every=0,
        ),
        parameters=parameters,
        seed=1,
        **keys,
    )
    path.write_text(json.dumps(document, indent=1))
    return path


def best_loss(address, sweep):
    board = json.loads(lorasweep("--server", address, "leaderboard", sweep, "--output", "json"))
    return min((float(row["value"]) for row in board["rows"]), default=float("inf"))


def run_sweep(path, seen):
    """Runs a sweep with a server and a worker of its own; seen(seconds since the start, best loss) until it is true."""
    begin = time.perf_counter()
    log = open(folder / f"{path.stem}.log", "w")
    state = folder / f"{path.stem}.state"
    server = subprocess.Popen(
        [BIN / "lorasweep-server", "--state", state, "--listen", "127.0.0.1:0", "--http-address", "none"],
        stderr=log,
        stdout=log,
    )
    worker = None
    try:
        address = None
        while address is None:
            time.sleep(0.02)
            for line in (folder / f"{path.stem}.log").read_text().splitlines():
                if "listening on " in line:
                    address = line.split("listening on ")[1].split()[0]
        worker = subprocess.Popen(
            [BIN / "lorasweep-worker", "--device", "cpu", "--server", address], stderr=log, stdout=log
        )
        lorasweep("--server", address, "submit", str(path))
        name = path.stem
        while True:
            time.sleep(0.5)
            sweeps = json.loads(lorasweep("--server", address, "list", "--output", "json"))
            ended = all(sweep["state"] == "COMPLETED" for sweep in sweeps)
            if seen(time.perf_counter() - begin, best_loss(address, name)) or ended:
                return
            if worker.poll() is not None or server.poll() is not None:
                sys.exit((folder / f"{path.stem}.log").read_text())
    finally:
        for program in (worker, server):
            if program is not None:
                program.terminate()
                program.wait()


def rows_of(path):
    """The rows of a file as the trainer sees them: ids and mask."""
    # Rows that are validated on do not train: the other file's are held out here.
    other = "train.jsonl" if path.stem == "validation" else "validation.jsonl"
    spec = sweep_file("show_" + path.stem, path.name, SPACE, validation=other)
    shown = json.loads(lorasweep("data", "show", str(spec), "--rows", "1000000", "--output", "json"))
    return shown["models"][0]["rows"]


subprocess.run([BIN / "math_tutor_data", "--out", folder / "all.jsonl"], check=True)
lines = (folder / "all.jsonl").read_text().splitlines()
(folder / "train.jsonl").write_text("\n".join(lines[: settings["rows"]]) + "\n")
(folder / "validation.jsonl").write_text("\n".join(lines[settings["rows"] : settings["rows"] + 20]) + "\n")

best = {}
run_sweep(
    sweep_file("grid", "train.jsonl", GRID, method="grid"), lambda seconds, loss: best.update(loss=loss, seconds=seconds)
)
goal = best["loss"] * 1.02
print(f"grid of 12 without pruning: best loss {best['loss']:.4f}, {best['seconds']:.0f} s; the goal is {goal:.4f}", flush=True)

ours = {}


def until_goal(seconds, loss):
    if loss <= goal and "seconds" not in ours:
        ours.update(seconds=seconds, loss=loss)
    return "seconds" in ours


sweep = sweep_file(
    "race", "train.jsonl", SPACE, method="auto", early_terminate={"type": "paired"}, limits=dict(trials=settings["trials"])
)
run_sweep(sweep, until_goal)
print(f"lorasweep: {ours.get('loss', float('nan')):.4f} after {ours.get('seconds', float('nan')):.0f} s", flush=True)

document = dict(
    model=str(model),
    train=rows_of(folder / "train.jsonl"),
    validation=rows_of(folder / "validation.jsonl"),
    steps=settings["steps"],
    batch=settings["batch"],
    eval_every=settings["eval_every"],
    limit_seconds=settings["limit"],
)
(folder / "peer.json").write_text(json.dumps(document))
peer = subprocess.Popen(
    [sys.executable, "-W", "ignore", ROOT / "bench/sweep_race/optuna_trl.py", folder / "peer.json"],
    stdout=subprocess.PIPE,
    stderr=open(folder / "peer.log", "w"),
    text=True,
    env={**os.environ, "HF_HUB_OFFLINE": "1"},
)
theirs = None
lowest = (float("inf"), 0)
for line in peer.stdout:
    if not line.startswith('{"seconds"'):
        continue  # what the Trainer prints
    at = json.loads(line)
    lowest = min(lowest, (at["loss"], at["seconds"]))
    print(f"Optuna + TRL: trial {at['trial']} step {at['step']}: {at['loss']:.4f} at {at['seconds']:.0f} s", flush=True)
    if at["loss"] <= goal:
        theirs = at["seconds"]
        peer.terminate()
        break
if theirs is None:
    print(f"Optuna + TRL: not within {settings['limit']} s; best {lowest[0]:.4f}")
    theirs = settings["limit"]
    relation = "more than "
else:
    print(f"Optuna + TRL: the goal after {theirs:.0f} s")
    relation = ""
if "seconds" in ours:
    print(f"lorasweep is {relation}{theirs / ours['seconds']:.1f} times as fast")
