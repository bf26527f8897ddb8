"""The ask-and-tell loop: trials of sweeps with `trainer: external`, evaluated by a Python program."""

import threading
import time
import uuid

import grpc

from lorasweep.spec import from_value
from lorasweep.v1 import sweep_pb2, worker_service_pb2, worker_service_pb2_grpc

_TIMEOUT = 30.0  # seconds
_LONGEST_WAIT = 20.0


class LeaseLost(Exception):
    """The trial is no longer this worker's: it was cancelled, or another worker has it. Drop it."""


class Trial:
    """One trial to evaluate. `parameters` is a dictionary, `seed` a number that differs between trials and is the same
    when a trial is tried again, `number` the trial's place in its sweep and `name` its full name.
    """

    def __init__(self, worker, lease):
        self._worker = worker
        self._lease = lease
        self._last_step = 0
        self.name = lease.trial
        self.number = lease.trial_number
        self.seed = lease.seed
        self.parameters = {key: from_value(value) for key, value in lease.parameters.items()}

    def report(self, values, step):
        """Says how good the trial is after `step` of its steps (1, 2, …): a number, or a dictionary from metrics to
        numbers. False: nothing more is to be gained; call tell() without values.
        """
        self._last_step = max(self._last_step, step)
        return self._worker._report(self._lease, self._observations(values, step))

    def tell(self, values=None, step=None):
        """Ends the trial, with a last word on how good it is unless report() said it."""
        step = self._last_step + 1 if step is None else step
        observations = [] if values is None else self._observations(values, step)
        self._worker._complete(self._lease, observations)

    def fail(self, reason, infeasible=False):
        """Ends the attempt without a result. Infeasible: the parameters are to blame, and trying again is no use."""
        self._worker._fail(self._lease, str(reason), infeasible)

    def _observations(self, values, step):
        if not hasattr(values, "items"):
            values = {self._lease.spec.metric.name: values}
        # Early stopping counts in sequences: steps at the sweep's batch size.
        sequences = step * self._lease.spec.training.batch_size
        return [
            sweep_pb2.Observation(metric=metric, step=step, sequences=sequences, value=value)
            for metric, value in values.items()
        ]


class Worker:
    """Asks for trials and tells how they end; keeps the leases of those it holds alive in a thread of its own.

        with client.worker("laptop") as worker:
            while trial := worker.ask(wait=60):
                trial.tell(evaluate(**trial.parameters))
    """

    def __init__(self, channel, name):
        self._stub = worker_service_pb2_grpc.WorkerServiceStub(channel)
        self.name = f"workers/{name}"
        worker = sweep_pb2.Worker(name=self.name, slots=1000, labels={"trainer": "external"})
        request = worker_service_pb2.RegisterWorkerRequest(worker=worker, incarnation=uuid.uuid4().hex)
        registered = self._stub.RegisterWorker(request, timeout=_TIMEOUT)
        self._period = registered.lease_duration.ToTimedelta().total_seconds() / 3
        self._tokens = set()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.start()

    def close(self):
        """Hands back what was asked for and not told."""
        self._closed.set()
        self._thread.join()
        with self._lock:
            tokens, self._tokens = self._tokens, set()
        for token in tokens:
            self._end(token, worker_service_pb2.FailTrialRequest.HANDED_BACK, "the worker was closed")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def ask(self, wait=0.0):
        """A trial to evaluate; None when there is none within `wait` seconds."""
        end = time.monotonic() + wait
        while True:
            left = max(0.0, end - time.monotonic())
            request = worker_service_pb2.LeaseTrialsRequest(
                worker=self.name, max_trials=1, request_id=uuid.uuid4().hex
            )
            request.wait.FromMilliseconds(int(1000 * min(left, _LONGEST_WAIT)))
            leases = self._stub.LeaseTrials(request, timeout=_TIMEOUT + _LONGEST_WAIT).leases
            if leases:
                with self._lock:
                    self._tokens.add(leases[0].token)
                return Trial(self, leases[0])
            if time.monotonic() >= end:
                return None

    def _report(self, lease, observations):
        report = worker_service_pb2.LeaseReport(token=lease.token, observations=observations)
        request = worker_service_pb2.ReportRequest(worker=self.name, reports=[report])
        verdict = self._stub.Report(request, timeout=_TIMEOUT).verdicts[0]
        if verdict.action == worker_service_pb2.Verdict.ABANDON:
            self._forget(lease.token)
            raise LeaseLost(f"{lease.trial}: {verdict.reason}")
        return verdict.action == worker_service_pb2.Verdict.CONTINUE

    def _complete(self, lease, observations):
        request = worker_service_pb2.CompleteTrialRequest(
            worker=self.name, token=lease.token, observations=observations
        )
        self._finish(self._stub.CompleteTrial, request, lease)

    def _fail(self, lease, reason, infeasible):
        kinds = worker_service_pb2.FailTrialRequest
        kind = kinds.INFEASIBLE if infeasible else kinds.ERROR
        request = kinds(worker=self.name, token=lease.token, kind=kind, reason=reason)
        self._finish(self._stub.FailTrial, request, lease)

    def _finish(self, method, request, lease):
        try:
            method(request, timeout=_TIMEOUT)
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.FAILED_PRECONDITION:
                raise
            self._forget(lease.token)
            raise LeaseLost(f"{lease.trial}: {error.details()}") from None
        self._forget(lease.token)

    def _end(self, token, kind, reason):
        request = worker_service_pb2.FailTrialRequest(worker=self.name, token=token, kind=kind, reason=reason)
        try:
            self._stub.FailTrial(request, timeout=_TIMEOUT)
        except grpc.RpcError:
            pass  # its lease runs out by itself

    def _forget(self, token):
        with self._lock:
            self._tokens.discard(token)

    def _beat(self):
        while not self._closed.wait(self._period):
            with self._lock:
                reports = [worker_service_pb2.LeaseReport(token=token) for token in self._tokens]
            if not reports:
                continue
            try:
                request = worker_service_pb2.ReportRequest(worker=self.name, reports=reports)
                self._stub.Report(request, timeout=_TIMEOUT)
            except grpc.RpcError:
                pass  # the next one may reach the server again
