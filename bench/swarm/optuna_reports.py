"""Optuna's reports per second over SQLite, one observation each, in this process and through its gRPC storage proxy.

    optuna_reports.py FOLDER SECONDS
"""

import os
import socket
import subprocess
import sys
import time
import warnings

import optuna

warnings.simplefilter("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)

PROXY = """
import sys, optuna
optuna.storages.run_grpc_proxy_server(optuna.storages.RDBStorage(sys.argv[1]), host="127.0.0.1", port=int(sys.argv[2]))
"""


def rate(storage, seconds):
    """As the swarm's workers: 200 reports a trial, then the next one."""
    study = optuna.create_study(storage=storage, sampler=optuna.samplers.RandomSampler())
    reports, waits = 0, []
    begin = time.perf_counter()
    while time.perf_counter() - begin < seconds:
        trial = study.ask()
        trial.suggest_float("learning_rate", 1e-5, 1e-2, log=True)
        for step in range(200):
            before = time.perf_counter()
            trial.report(1 / (1 + step), step)
            waits.append(time.perf_counter() - before)
            reports += 1
            if before - begin >= seconds:
                break
        study.tell(trial, 1.0)
    waits.sort()
    return reports / (time.perf_counter() - begin), waits[len(waits) // 2] * 1e3, waits[int(len(waits) * 0.99)] * 1e3


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main():
    folder, seconds = sys.argv[1], float(sys.argv[2])
    os.makedirs(folder, exist_ok=True)
    url = "sqlite:///" + os.path.join(folder, "in_process.db")
    print("Optuna, SQLite, in process     %8.1f reports/s   p50 %6.2f ms   p99 %6.2f ms" % rate(url, seconds), flush=True)

    url, port = "sqlite:///" + os.path.join(folder, "proxy.db"), free_port()
    proxy = subprocess.Popen([sys.executable, "-W", "ignore", "-c", PROXY, url, str(port)])
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        storage = optuna.storages.GrpcStorageProxy(host="127.0.0.1", port=port)
        print("Optuna, SQLite, its gRPC proxy %8.1f reports/s   p50 %6.2f ms   p99 %6.2f ms" % rate(storage, seconds))
    finally:
        proxy.kill()


main()
