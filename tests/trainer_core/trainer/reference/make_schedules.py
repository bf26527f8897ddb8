"""Records learning rates of transformers 5.23's schedules: make_schedules.py > schedules.json"""
import json

import torch
from transformers import get_scheduler

CASES = [
    ("linear", 40, 0, {}, {}),
    ("linear", 40, 7, {}, {}),
    ("cosine", 40, 6, {}, {}),
    ("cosine", 37, 0, {"num_cycles": 1.5}, {"num_cycles": 1.5}),
    ("cosine_with_restarts", 40, 4, {}, {}),
    ("cosine_with_restarts", 40, 4, {"num_cycles": 3}, {"num_cycles": 3}),
    ("cosine_with_min_lr", 40, 5, {"min_lr": 5e-5}, {"min_lr": 5e-5}),
    ("cosine_with_min_lr", 40, 5, {"min_lr_rate": 0.2, "num_cycles": 1}, {"min_lr_rate": 0.2, "num_cycles": 1}),
    ("constant", 20, 5, {}, {}),
    ("constant_with_warmup", 20, 5, {}, {}),
    ("polynomial", 40, 5, {}, {}),
    ("polynomial", 40, 5, {"power": 2.5, "lr_end": 1e-5}, {"power": 2.5, "lr_end": 1e-5}),
    ("inverse_sqrt", 60, 9, {}, {}),
    ("inverse_sqrt", 30, 0, {}, {}),
    ("inverse_sqrt", 60, 9, {"timescale": 20}, {"timescale": 20}),
    ("warmup_stable_decay", 50, 8, {"num_decay_steps": 5}, {"decay_steps": 0.1}),
    ("warmup_stable_decay", 50, 8, {"num_decay_steps": 20, "decay_type": "linear", "min_lr_ratio": 0.1},
     {"decay_steps": 20, "decay_type": "linear", "min_lr_rate": 0.1}),
    ("warmup_stable_decay", 50, 0, {"num_decay_steps": 20, "decay_type": "1-sqrt"},
     {"decay_steps": 20, "decay_type": "1-sqrt"}),
    ("warmup_stable_decay", 50, 10, {"num_decay_steps": 45}, {"decay_steps": 45}),
]


def rates(name, total, warmup, arguments):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=3e-4)
    scheduler = get_scheduler(name, optimizer, num_warmup_steps=warmup, num_training_steps=total,
                              scheduler_specific_kwargs=arguments)
    result = []
    for _ in range(total + 1):
        result.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return result


print(json.dumps([{"schedule": name, "max_steps": total, "warmup": warmup, "settings": settings,
                   "rates": rates(name, total, warmup, arguments)}
                  for name, total, warmup, arguments, settings in CASES]))
