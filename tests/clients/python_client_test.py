"""The Python client against a real server, whose address is the only argument; leases last for a second."""

import sys
import time
import unittest

import grpc
import lorasweep
from lorasweep import spec
from lorasweep.v1 import sweep_pb2

SERVER = sys.argv.pop()


def external(name, trials=3, **more):
    return {
        "name": name,
        "trainer": "external",
        "method": "random",
        "metric": {"name": "score", "goal": "maximize"},
        "parameters": {"x": {"min": 0.0, "max": 1.0}},
        "limits": {"trials": trials, "retries": 0},
        **more,
    }


class SpecTest(unittest.TestCase):
    def test_every_form_of_a_value_finds_its_place(self):
        made = spec.to_spec(
            {
                "name": "all",
                "data": {"train": "a.jsonl", "validation": 0.1, "test": ["b.jsonl"], "weights": [1, 2.5]},
                "training": {"max_steps": 7, "target_modules": ["q_proj", "v_proj"], "rank_pattern": {"q_proj": 8}},
                "metric": {"objectives": {"size": "minimize"}, "target": 1},
                "parameters": {"rank": {"values": [4, "8", True]}, "fixed": 3, "rate": {"min": 1e-5, "max": 1}},
                "seed": 5,
            }
        )
        self.assertEqual(list(made.data.train), ["a.jsonl"])
        self.assertEqual(made.data.validation.share, 0.1)
        self.assertEqual(list(made.data.test.files.paths), ["b.jsonl"])
        self.assertEqual(list(made.data.weights), [1, 2.5])
        self.assertEqual(list(made.training.target_modules), ["q_proj", "v_proj"])
        self.assertEqual(list(made.training.rank_pattern), ["q_proj=8"])
        self.assertEqual(list(made.metric.objectives), ["size=minimize"])
        rank, fixed, rate = made.parameters
        self.assertEqual([spec.from_value(value) for value in rank.values], [4, "8", True])
        self.assertEqual((fixed.name, fixed.value.integer), ("fixed", 3))
        self.assertEqual((rate.min.number, rate.max.integer), (1e-5, 1))
        self.assertEqual(spec.to_spec({"data": {"validation": 64}}).data.validation.rows, 64)

    def test_what_is_wrong_is_named(self):
        for wrong, named in [
            ({"model_": "a"}, "model_ is not a key"),
            ({"metric": {"gaol": "minimize"}}, "metric.gaol is not a key"),
            ({"parameters": {"x": {"minimum": 1}}}, "parameters.x.minimum is not a key"),
            ({"parameters": {"x": {"value": None}}}, "None"),
            ({"seed": "three"}, "seed"),
            ({"metric": 3}, "metric must be a dictionary"),
        ]:
            with self.assertRaises(ValueError) as raised:
                spec.to_spec(wrong)
            self.assertIn(named, str(raised.exception))


class LoopTest(unittest.TestCase):
    def setUp(self):
        self.client = lorasweep.Client(SERVER)
        self.addCleanup(self.client.close)

    def test_ask_and_tell_to_the_leaderboard(self):
        sweep = self.client.submit(external("loop", trials=4))
        with self.client.worker("loop") as worker:
            seen = {}
            while trial := worker.ask():
                seen[trial.number] = trial.parameters["x"]
                trial.tell({"score": trial.parameters["x"], "cost": 1.0})
            self.assertIsNone(worker.ask(wait=0.1))
        self.assertEqual(sorted(seen), [0, 1, 2, 3])
        board = self.client.leaderboard(sweep)
        self.assertEqual(list(board["rank"]), [1, 2, 3, 4])
        self.assertEqual(board["value"][0], max(seen.values()))
        self.assertEqual(board["parameters.x"][0], seen[board["trial"][0]])
        self.assertEqual(set(board["state"]), {"COMPLETED"})
        self.assertEqual(len(self.client.leaderboard(sweep, top=2)), 2)
        self.assertEqual(self.client.sweep(sweep).state, sweep_pb2.Sweep.COMPLETED)

    def test_a_bad_trial_is_stopped_early(self):
        rule = {"type": "asha", "min_steps": 1, "eta": 2}
        sweep = self.client.submit(external("stops", trials=2, early_terminate=rule, training={"max_steps": 4}))
        with self.client.worker("stops") as worker:
            good = worker.ask()
            for step in range(1, 5):
                self.assertTrue(good.report(0.9, step))
            good.tell()
            bad = worker.ask()
            self.assertFalse(bad.report(0.1, 1))
            bad.tell()
        self.assertEqual(self.client.sweep(sweep).trial_counts.pruned, 1)

    def test_failures_and_infeasible_points_are_told_apart(self):
        sweep = self.client.submit(external("fails", trials=2))
        with self.client.worker("fails") as worker:
            worker.ask().fail("diverged", infeasible=True)
            worker.ask().fail(RuntimeError("no disk"))
        counts = self.client.sweep(sweep).trial_counts
        self.assertEqual((counts.infeasible, counts.failed), (1, 1))

    def test_a_slow_trial_keeps_its_lease_and_a_closed_worker_hands_back(self):
        sweep = self.client.submit(external("slow", trials=2))
        with self.client.worker("slow") as worker:
            trial = worker.ask()
            worker.ask()
            time.sleep(2.5)
            trial.tell(0.5)
        counts = self.client.sweep(sweep).trial_counts
        self.assertEqual((counts.completed, counts.queued, counts.failed), (1, 1, 0))
        self.client.cancel(sweep)

    def test_a_cancelled_sweep_takes_its_trials_away(self):
        sweep = self.client.submit(external("cancelled"))
        with self.client.worker("cancelled") as worker:
            trial = worker.ask()
            self.client.cancel(sweep)
            self.assertFalse(trial.report(0.5, 1))
            trial.tell()  # what a worker that was told to stop does
            stray = lorasweep.Trial(worker, type(trial._lease)(token=10**9, trial="sweeps/none/trials/0"))
            with self.assertRaises(lorasweep.LeaseLost):
                stray.report(0.5, 1)
            with self.assertRaises(lorasweep.LeaseLost):
                stray.tell()

    def test_what_a_person_wants_is_tried(self):
        sweep = self.client.submit(external("wishes", trials=1))
        tried = []
        with self.client.worker("wishes") as worker:
            first = worker.ask()
            self.client.stop_trial(sweep, 0)
            self.assertFalse(first.report(0.5, 1))
            first.tell()
            self.client.retry_trial(sweep, 0)
            self.assertEqual(self.client.enqueue(sweep, {"x": 0.25}).number, 1)
            self.client.enqueue(sweep, like=1)
            while trial := worker.ask():
                tried.append(trial.parameters["x"])
                trial.tell(0.5)
        self.assertEqual(tried, [first.parameters["x"], 0.25, 0.25])
        with self.assertRaises(grpc.RpcError) as raised:
            self.client.enqueue(sweep, {"x": 2})
        self.assertIn("parameter x: 2 is not a number in [0.0, 1.0]", raised.exception.details())

    def test_what_people_write_is_kept_and_sweeps_are_compared(self):
        one, two = (self.client.submit(external("written", trials=2)) for _ in range(2))
        self.client.update(one, note="the first", add_tags=["pair", "left"], priority=3)
        changed = self.client.update(one, remove_tags=["left"], trials=4)
        self.assertEqual((changed.note, list(changed.tags)), ("the first", ["pair"]))
        self.assertEqual((changed.spec.limits.priority, changed.planned_trials), (3, 4))
        self.client.update(two, add_tags=["pair"])
        self.assertEqual([each.name for each in self.client.sweeps(tags=["pair"])], [one, two])
        with self.client.worker("written") as worker:
            worker.ask().tell(0.5)  # of the one with the higher priority
        self.assertEqual(self.client.note_trial(one, 0, "seen").note, "seen")
        compared = self.client.compare(one, two)
        self.assertEqual([list(each.values) for each in compared.differences], [["4", "2"], ["3", "0"]])
        self.assertEqual(compared.sweeps[0].best.value, 0.5)
        self.assertFalse(compared.sweeps[1].HasField("best"))
        for name in one, two:
            self.client.cancel(name)

    def test_the_server_says_what_is_wrong(self):
        with self.assertRaises(grpc.RpcError) as raised:
            self.client.submit(external("wrong", method="magic"))
        self.assertIn("magic", raised.exception.details())


if __name__ == "__main__":
    unittest.main()
