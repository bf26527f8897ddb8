"""Opens what `lorasweep export` wrote with the tools that it is for. Arguments: the folder, the client, the server."""

import gzip
import http.server
import json
import math
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import threading
import unittest
from wsgiref.util import setup_testing_defaults
import urllib.request

import mlflow
import optuna
import optuna_dashboard
import pandas
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2

SERVER = sys.argv.pop()
CLIENT = sys.argv.pop()
OUT = pathlib.Path(sys.argv.pop())


class PandasTest(unittest.TestCase):
    def test_every_format_is_the_same_table(self):
        frames = [
            pandas.read_csv(OUT / "trials.csv"),
            pandas.read_json(OUT / "trials.json"),
            pandas.read_parquet(OUT / "trials.parquet"),
        ]
        for frame in frames:
            self.assertEqual(list(frame["trial"]), [0, 1, 2, 3, 4])
            self.assertEqual(set(frame["state"]), {"COMPLETED"})
            self.assertTrue((frame["params_lora_alpha"] == 2 * frame["params_lora_rank"]).all())
            self.assertTrue((frame["eval/exact_match"] == 0.5).all())
            self.assertTrue((frame["seconds"] >= 0).all())
            for column in ("value", "params_learning_rate", "params_weight_decay"):
                self.assertTrue((frame[column] - frames[2][column]).abs().max() < 1e-12)
        self.assertEqual(str(frames[2]["step"].dtype), "int64")
        self.assertEqual(str(frames[2]["value"].dtype), "float64")

    def test_observations_have_a_row_each(self):
        frames = [
            pandas.read_csv(OUT / "observations.csv"),
            pandas.read_json(OUT / "observations.json"),
            pandas.read_parquet(OUT / "observations.parquet"),
        ]
        for frame in frames:
            self.assertEqual(len(frame), len(frames[2]))
            losses = frame[frame["metric"] == "validation/loss"]
            self.assertEqual(list(losses[losses["trial"] == 3]["step"]), [0, 5, 10, 15, 20])
        last = frames[2][(frames[2]["metric"] == "validation/loss") & (frames[2]["step"] == 20)]
        values = pandas.read_parquet(OUT / "trials.parquet")["value"]
        self.assertEqual(list(last["value"]), list(values))


class TensorBoardTest(unittest.TestCase):
    def test_runs_have_curves_and_settings(self):
        trials = pandas.read_parquet(OUT / "trials.parquet").set_index("trial")
        for folder in ("runs", "live"):
            runs = sorted(path.name for path in (OUT / folder).iterdir())
            self.assertEqual(runs, [f"trial-{n}" for n in range(5)])
            for number in range(5):
                run = EventAccumulator(str(OUT / folder / f"trial-{number}"))
                run.Reload()
                curve = run.Scalars("validation/loss")
                self.assertEqual([point.step for point in curve], [0, 5, 10, 15, 20])
                self.assertAlmostEqual(curve[-1].value, trials["value"][number], places=5)
                self.assertEqual(run.Scalars("eval/exact_match")[0].value, 0.5)
                content = run.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
                start = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info
                self.assertAlmostEqual(
                    start.hparams["learning_rate"].number_value, trials["params_learning_rate"][number]
                )
                content = run.SummaryMetadata("_hparams_/session_end_info").plugin_data.content
                self.assertEqual(plugin_data_pb2.HParamsPluginData.FromString(content).session_end_info.status, 1)


def open_journal():
    return JournalStorage(JournalFileBackend(str(OUT / "optuna.log")))


class OptunaTest(unittest.TestCase):
    def test_a_study_is_read_shown_and_gone_on_with(self):
        trials = pandas.read_parquet(OUT / "trials.parquet").set_index("trial")
        study = optuna.load_study(study_name="doors", storage=open_journal())
        self.assertEqual([direction.name for direction in study.directions], ["MINIMIZE", "MAXIMIZE"])
        self.assertEqual(len(study.trials), 5)
        for trial in study.trials:
            self.assertEqual(trial.state.name, "COMPLETE")
            self.assertEqual(trial.values, [trials["value"][trial.number], 0.5])
            self.assertEqual(trial.params["lora_rank"], trials["params_lora_rank"][trial.number])
            self.assertEqual(trial.params["learning_rate"], trials["params_learning_rate"][trial.number])
            self.assertEqual(sorted(trial.intermediate_values), [0, 5, 10, 15, 20])
            self.assertEqual(trial.user_attrs["lora_alpha"], 2 * trial.params["lora_rank"])
            for name, distribution in trial.distributions.items():
                self.assertTrue(distribution._contains(distribution.to_internal_repr(trial.params[name])), name)
        self.assertTrue(study.trials[0].distributions["learning_rate"].log)

        answer = []
        app = optuna_dashboard.wsgi(open_journal())
        environment = {"PATH_INFO": "/api/studies/0"}
        setup_testing_defaults(environment)
        body = b"".join(app(environment, lambda status, *_: answer.append(status)))
        self.assertEqual(answer, ["200 OK"])
        self.assertEqual(len(json.loads(body)["trials"]), 5)

        def objective(trial):
            rate = trial.suggest_float("learning_rate", 1e-4, 1e-2, log=True)
            rank = trial.suggest_categorical("lora_rank", [4, 8, 16])
            trial.suggest_categorical("lora_dropout", [0, 0.1])
            trial.suggest_int("micro_batch_size", 1, 4)
            return (math.log(rate) + 6) ** 2 + rank / 16, 0.5

        study.sampler = optuna.samplers.TPESampler(seed=1)
        study.optimize(objective, n_trials=2)
        self.assertEqual(len(optuna.load_study(study_name="doors", storage=open_journal()).trials), 7)


class MlflowTest(unittest.TestCase):
    def setUp(self):
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.log = open(OUT / "mlflow.txt", "w")
        store = f"sqlite:///{OUT}/mlflow.db"
        words = ["-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
        self.server = subprocess.Popen(
            [sys.executable, *words, "--backend-store-uri", store, "--artifacts-destination", str(OUT / "mlflow")],
            stdout=self.log, stderr=self.log, start_new_session=True,
            # What runs jobs is a part of its own, and not wanted here.
            env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"},
        )
        for _ in range(600):
            try:
                if urllib.request.urlopen(f"{self.url}/health", timeout=5).status == 200:
                    return
            except OSError:
                time.sleep(0.1)
        self.fail((OUT / "mlflow.txt").read_text())

    def tearDown(self):
        os.killpg(self.server.pid, signal.SIGKILL)
        self.server.wait()
        self.log.close()

    def export(self):
        words = [CLIENT, "--server", SERVER, "export", "doors", "--format", "mlflow", "--out", self.url]
        subprocess.run([*words, "--experiment", "the doors' & more"], check=True)

    def test_a_tracking_server_has_a_run_for_each_trial(self):
        self.export()
        self.export()  # again: no run twice
        trials = pandas.read_parquet(OUT / "trials.parquet").set_index("trial")
        client = mlflow.MlflowClient(self.url)
        experiment = client.get_experiment_by_name("the doors' & more")
        runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
        self.assertEqual(sorted(runs), [f"trial-{n}" for n in range(5)])
        for number in range(5):
            run = runs[f"trial-{number}"]
            self.assertEqual(run.info.status, "FINISHED")
            self.assertEqual(run.data.tags["lorasweep.trial"], f"sweeps/doors/trials/{number}")
            self.assertEqual(float(run.data.params["learning_rate"]), trials["params_learning_rate"][number])
            self.assertEqual(run.data.metrics["validation/loss"], trials["value"][number])
            self.assertEqual(run.data.metrics["eval/exact_match"], 0.5)
            curve = client.get_metric_history(run.info.run_id, "validation/loss")
            self.assertEqual([point.step for point in curve], [0, 5, 10, 15, 20])


class WandbServer(http.server.BaseHTTPRequestHandler):
    """What `wandb sync` asks of W&B's server, answered from memory."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        answer = json.dumps(self.answer(json.loads(body))).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def do_PUT(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def answer(self, call):
        if "/file_stream" in self.path:
            with self.server.lock:
                self.server.streams.setdefault(self.path.split("/")[-2], []).append(call)
            return {}
        variables = call.get("variables", {})
        if "upsertBucket" in call["query"]:
            run = variables["name"]
            with self.server.lock:
                known = self.server.runs.setdefault(run, {})
                known.update({key: value for key, value in variables.items() if value is not None})
            project = {"id": "p", "name": known["project"], "entity": {"id": "e", "name": "us"}}
            bucket = {"id": run, "name": run, "displayName": known["displayName"], "config": "{}",
                      "project": project, "historyLineCount": 0}
            return {"data": {"upsertBucket": {"bucket": bucket, "inserted": True}}}
        if "createRunFiles" in call["query"]:
            url = f"http://127.0.0.1:{self.server.server_port}/upload"
            files = [{"name": name, "uploadUrl": url} for name in variables["files"]]
            made = {"runID": variables["run"], "uploadHeaders": [], "files": files}
            return {"data": {"createRunFiles": made}}
        return {"data": {}}


class WandbTest(unittest.TestCase):
    def setUp(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), WandbServer)
        self.server.lock, self.server.runs, self.server.streams = threading.Lock(), {}, {}
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def tearDown(self):
        self.server.shutdown()
        self.server.server_close()

    def lines(self, run, file):
        """What was streamed of a file of the run, by its place in it."""
        lines = {}
        for call in self.server.streams[run]:
            part = call.get("files", {}).get(file, {"offset": 0, "content": []})
            for at, line in enumerate(part["content"], part["offset"]):
                lines[at] = json.loads(line)
        return [lines[at] for at in sorted(lines)]

    def test_its_sync_command_takes_every_run_to_a_server(self):
        folders = sorted(str(path) for path in (OUT / "wandb").iterdir())
        self.assertEqual(len(folders), 5)
        done = subprocess.run(
            [sys.executable, "-m", "wandb", "sync", *folders], cwd=OUT, capture_output=True, text=True, timeout=200,
            env={**os.environ, "WANDB_BASE_URL": f"http://127.0.0.1:{self.server.server_port}",
                 "WANDB_API_KEY": 40 * "a", "WANDB_ERROR_REPORTING": "false"},
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        trials = pandas.read_parquet(OUT / "trials.parquet").set_index("trial")
        runs = {variables["displayName"]: run for run, variables in self.server.runs.items()}
        self.assertEqual(sorted(runs), [f"trial-{n}" for n in range(5)])
        for number in range(5):
            run = runs[f"trial-{number}"]
            variables = self.server.runs[run]
            self.assertEqual((variables["project"], variables["groupName"]), ("doors", "doors"))
            config = json.loads(variables["config"])
            self.assertEqual(config["learning_rate"]["value"], trials["params_learning_rate"][number])
            self.assertEqual(config["lora_rank"]["value"], trials["params_lora_rank"][number])
            self.assertEqual(config["lorasweep"]["value"]["state"], "COMPLETED")
            history = self.lines(run, "wandb-history.jsonl")
            curve = [(line["_step"], line["validation/loss"]) for line in history if "validation/loss" in line]
            self.assertEqual([step for step, _ in curve], [0, 5, 10, 15, 20])
            self.assertEqual(curve[-1][1], trials["value"][number])
            summary = self.lines(run, "wandb-summary.json")[-1]
            self.assertEqual(summary["eval/exact_match"], 0.5)
            self.assertEqual(summary["validation/loss"], trials["value"][number])
            self.assertEqual(self.server.streams[run][-1].get("exitcode"), 0)


if __name__ == "__main__":
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    unittest.main()
