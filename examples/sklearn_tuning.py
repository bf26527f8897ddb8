"""Tunes a scikit-learn model through a lorasweep server: the server proposes and stops early, this program trains.

    pip install ./clients/python[pandas] scikit-learn
    lorasweep-server --state .lorasweep &
    python examples/sklearn_tuning.py [HOST:PORT]
"""

import sys

import lorasweep
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split

EPOCHS = 9

SWEEP = {
    "name": "digits",
    "trainer": "external",
    "method": "tpe",
    "metric": {"name": "accuracy", "goal": "maximize"},
    "training": {"max_steps": EPOCHS, "batch_size": 1},
    "parameters": {
        "alpha": {"min": 1e-6, "max": 1e-1, "distribution": "log_uniform_values"},
        "eta0": {"min": 1e-4, "max": 1.0, "distribution": "log_uniform_values"},
        "loss": {"values": ["hinge", "log_loss", "modified_huber"]},
    },
    "early_terminate": {"type": "asha", "min_steps": 1, "eta": 3},
    "limits": {"trials": 24},
}


def evaluate(trial, data):
    """Trains epoch by epoch, for as long as the server thinks that it pays."""
    train_x, test_x, train_y, test_y = data
    model = SGDClassifier(learning_rate="constant", random_state=trial.seed % 2**32, **trial.parameters)
    for epoch in range(1, EPOCHS + 1):
        model.partial_fit(train_x, train_y, classes=range(10))
        if not trial.report(model.score(test_x, test_y), step=epoch):
            break
    trial.tell()


def main(server):
    digits = load_digits()
    data = train_test_split(digits.data / 16, digits.target, test_size=0.3, random_state=0)
    with lorasweep.Client(server) as client:
        sweep = client.submit(SWEEP)
        with client.worker("sklearn") as worker:
            while trial := worker.ask():
                evaluate(trial, data)
        print(client.leaderboard(sweep, top=5).to_string(index=False))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
