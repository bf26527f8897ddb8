"""People's calls: submit sweeps, look at them, end them."""

import uuid

from lorasweep.channel import connect
from lorasweep.spec import from_value, to_spec, to_value
from lorasweep.v1 import sweep_pb2, sweep_service_pb2, sweep_service_pb2_grpc
from lorasweep.worker import Worker

_TIMEOUT = 30.0  # seconds


class Client:
    """A connection with a server; the arguments are those of lorasweep.channel.connect.

        client = lorasweep.Client("127.0.0.1:50151")
        sweep = client.submit({"trainer": "external", "metric": {"name": "accuracy", "goal": "maximize"}, ...})
        client.leaderboard(sweep)

    A server that refuses raises grpc.RpcError, whose details() say why.
    """

    def __init__(self, server=None, **access):
        self._channel = connect(server, **access)
        self._stub = sweep_service_pb2_grpc.SweepServiceStub(self._channel)

    def close(self):
        self._channel.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def submit(self, sweep):
        """Creates a sweep from a dictionary with the keys of the sweep file. Returns its name, "sweeps/…"."""
        request = sweep_service_pb2.CreateSweepRequest(spec=to_spec(sweep), request_id=uuid.uuid4().hex)
        return self._stub.CreateSweep(request, timeout=_TIMEOUT).name

    def sweep(self, name):
        """The sweep as the server has it now: a Sweep message."""
        return self._stub.GetSweep(sweep_service_pb2.GetSweepRequest(name=name), timeout=_TIMEOUT)

    def sweeps(self, tags=()):
        """All sweeps as Sweep messages, in the order of their creation; with `tags` those that have all of them."""
        request = sweep_service_pb2.ListSweepsRequest(page_size=1000, tags=tags)
        found = []
        while True:
            page = self._stub.ListSweeps(request, timeout=_TIMEOUT)
            found.extend(page.sweeps)
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token

    def update(self, name, note=None, add_tags=(), remove_tags=(), **limits):
        """Sets a sweep's note, its tags, or the limits `trials`, `parallel` and `priority`; what is not given stays.
        Returns the Sweep message.
        """
        request = sweep_service_pb2.UpdateSweepRequest(
            name=name, note=note, add_tags=add_tags, remove_tags=remove_tags, request_id=uuid.uuid4().hex
        )
        if limits:
            request.limits.CopyFrom(sweep_pb2.LimitsSpec(**limits))
        return self._stub.UpdateSweep(request, timeout=_TIMEOUT)

    def note_trial(self, name, number, note):
        """Sets the note of a trial. Returns the Trial message."""
        request = sweep_service_pb2.UpdateTrialRequest(
            name=f"{name}/trials/{number}", note=note, request_id=uuid.uuid4().hex
        )
        return self._stub.UpdateTrial(request, timeout=_TIMEOUT)

    def compare(self, *names):
        """Sweeps side by side: a CompareSweepsResponse message. Its `obstacles` say why their values do not compare."""
        return self._stub.CompareSweeps(sweep_service_pb2.CompareSweepsRequest(names=names), timeout=_TIMEOUT)

    def pause(self, name):
        return self._change(self._stub.PauseSweep, name)

    def resume(self, name):
        return self._change(self._stub.ResumeSweep, name)

    def stop(self, name):
        return self._change(self._stub.StopSweep, name)

    def cancel(self, name):
        return self._change(self._stub.CancelSweep, name)

    def enqueue(self, name, values=None, like=None, warm_start=False):
        """Has a point tried next: a dictionary with values of searched parameters. What it leaves open is as in the
        trial number `like`, else as the sweep's method would have it. With `warm_start` it goes on from the adapter of
        `like`. Returns the new Trial message.
        """
        request = sweep_service_pb2.EnqueueTrialRequest(
            parent=name, like=like, warm_start=warm_start, request_id=uuid.uuid4().hex
        )
        for key, value in (values or {}).items():
            request.parameters[key].CopyFrom(to_value(value))
        return self._stub.EnqueueTrial(request, timeout=_TIMEOUT)

    def stop_trial(self, name, number):
        return self._change_trial(self._stub.StopTrial, name, number)

    def retry_trial(self, name, number):
        return self._change_trial(self._stub.RetryTrial, name, number)

    def leaderboard(self, name, top=0):
        """The ranked trials as a pandas.DataFrame, best first: rank, trial, state, value with its standard error, gap
        to the best with its standard error, tied_with_best, and a column parameters.NAME for each parameter.
        """
        import pandas

        request = sweep_service_pb2.GetLeaderboardRequest(name=name, top=top)
        rows = []
        for row in self._stub.GetLeaderboard(request, timeout=_TIMEOUT).rows:
            line = {
                "rank": row.rank,
                "trial": row.trial.number,
                "state": sweep_pb2.Trial.State.Name(row.trial.state),
                "value": row.value,
                "value_stderr": row.value_stderr,
                "gap": row.gap,
                "gap_stderr": row.gap_stderr,
                "tied_with_best": row.tied_with_best,
            }
            line.update({f"parameters.{key}": from_value(value) for key, value in sorted(row.trial.parameters.items())})
            rows.append(line)
        return pandas.DataFrame(rows)

    def worker(self, name):
        """A Worker over this connection, to evaluate trials of external sweeps with."""
        return Worker(self._channel, name)

    def _change(self, method, name):
        request = sweep_service_pb2.ChangeSweepRequest(name=name, request_id=uuid.uuid4().hex)
        return method(request, timeout=_TIMEOUT)

    def _change_trial(self, method, name, number):
        request = sweep_service_pb2.ChangeTrialRequest(name=f"{name}/trials/{number}", request_id=uuid.uuid4().hex)
        return method(request, timeout=_TIMEOUT)
