"""Records a grid of real LoRA learning curves with lorasweep itself, as lines of JSON that `search_bench replay` reads.

record_curves.py BIN MODEL DATA.jsonl OUT.jsonl [key=value...]

BIN holds lorasweep and lorasweep-worker. MODEL and DATA of docs/search.md are stories260K and what `math_tutor_data --exam
1000 --out DATA.jsonl` writes: enough rows that no trial sees one twice. The grid is learning rate x rank x dropout x weight decay, each point with two
seeds: 168 full curves with the losses of every validation sequence. Eight trials train at a time: how many would else be
measured by each worker, and the losses' last digits depend on it. Further arguments are keys of the sweep file.

What is trained is kept in OUT.jsonl.state: after Ctrl-C or a kill the same command goes on, and OUT.jsonl has the curves
that are whole by then, at least 16 of a seed.
"""

import array
import json
import os
import sqlite3
import subprocess
import sys

binaries, model, data, out = sys.argv[1:5]
settings = sys.argv[5:]
SWEEP = """
model: {model}
data: {{train: {data}, validation: 96, max_rows: 1000, max_length: 128, chat_template: chatml}}
training: {{max_steps: 60, batch_size: 8, warmup: 0.05, schedule: linear, eval_every: 4, save_every: 0}}
metric: {{name: validation/loss, goal: minimize}}
method: grid
parameters:
  learning_rate: {{values: [0.0003, 0.001, 0.003, 0.006, 0.012, 0.025, 0.05]}}
  lora_rank: {{values: [2, 8, 32]}}
  lora_dropout: {{values: [0, 0.1], distribution: categorical}}
  weight_decay: {{values: [0, 0.1], distribution: categorical}}
limits: {{trials: 0, pack: 8}}
seed: {seed}
"""
COMPLETED, INFEASIBLE = 4, 6  # of v1.Trial.State


def numbers(kind, blob):
    values = array.array(kind, blob or b"")
    if sys.byteorder == "big":
        values.byteswap()
    return list(values)


def train(seed, folder):
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "curves.yaml")
    with open(path, "w") as file:
        file.write(SWEEP.format(model=os.path.abspath(model), data=os.path.abspath(data), seed=seed))
    command = [os.path.join(binaries, "lorasweep"), "run", path, "--workers", "1", "--state", os.path.join(folder, "state")]
    for setting in settings:
        command += ["--set", setting]
    subprocess.run(command, check=True, stdout=sys.stderr)


def whole_curves(seed, folder):
    path = os.path.join(folder, "state", "lorasweep.db")
    if not os.path.exists(path):
        return []
    rows = []
    database = sqlite3.connect(path)
    for trial, number, state in database.execute("SELECT id, number, state FROM trials ORDER BY number"):
        curve = [{"step": step, "sequences": seen, "value": value,
                  "losses": [round(x, 4) for x in numbers("f", losses)], "tokens": numbers("i", tokens)}
                 for step, seen, value, losses, tokens in database.execute(
                     "SELECT step, sequences, value, sequence_losses, sequence_tokens FROM observations "
                     "WHERE trial_id = ? AND metric = 'validation/loss' ORDER BY step", (trial,))]
        rows.append({"seed": seed, "trial": number, "state": state, "curve": curve})
    ended = [row for row in rows if row["state"] in (COMPLETED, INFEASIBLE)]
    return ended if len(ended) >= 16 else []


folders = {seed: f"{out}.state/seed-{seed}" for seed in (1, 2)}
try:
    for seed, folder in folders.items():
        train(seed, folder)
finally:
    with open(out, "w") as sink:
        for seed, folder in folders.items():
            for row in whole_curves(seed, folder):
                sink.write(json.dumps(row, separators=(",", ":")) + "\n")
