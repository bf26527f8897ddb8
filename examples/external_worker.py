"""A worker for sweeps with `trainer: external`, on bare gRPC: three calls are enough, in any language.

    pip install ./clients/python        # for the generated lorasweep.v1; or run protoc on proto/ yourself
    python examples/external_worker.py 127.0.0.1:50151

Ends when there has been no trial for a while.
"""

import os
import sys
import uuid

import grpc

from lorasweep.v1 import sweep_pb2, worker_service_pb2 as messages, worker_service_pb2_grpc

STEPS = 10


def loss_after(step, parameters):
    """What is to be minimized: a bowl that is approached step by step."""
    x, y = parameters["x"].number, parameters["y"].number
    return (x - 0.3) ** 2 + (y + 0.1) ** 2 + 1.0 / step


def main(server):
    stub = worker_service_pb2_grpc.WorkerServiceStub(grpc.insecure_channel(server))
    worker = f"workers/python-{os.getpid()}"
    while True:
        ask = messages.LeaseTrialsRequest(worker=worker, max_trials=1, request_id=uuid.uuid4().hex)
        ask.wait.FromSeconds(2)
        leases = stub.LeaseTrials(ask, timeout=60).leases
        if not leases:
            return
        lease = leases[0]
        action = messages.Verdict.CONTINUE
        for step in range(1, STEPS + 1):
            # A lease that is not renewed by a report within its time (60 s) is given to another worker.
            observation = sweep_pb2.Observation(
                metric=lease.spec.metric.name,
                step=step,
                sequences=step * lease.spec.training.batch_size,
                value=loss_after(step, lease.parameters),
            )
            report = messages.LeaseReport(token=lease.token, observations=[observation])
            action = stub.Report(messages.ReportRequest(worker=worker, reports=[report]), timeout=60).verdicts[0].action
            if action != messages.Verdict.CONTINUE:
                break
        if action != messages.Verdict.ABANDON:
            stub.CompleteTrial(messages.CompleteTrialRequest(worker=worker, token=lease.token), timeout=60)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:50151")
