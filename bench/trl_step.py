"""A peer of step_bench: the same made-up conversations through TRL's SFTTrainer with a PEFT adapter, as its users run it.

    python trl_step.py MODEL_FOLDER [key=value ...]     keys and output as step_bench

Rows are tokenised beforehand and padded by TRL's collator; tokens count without the padding. The first two steps are
not counted, nor is a step's logging, which is off.
"""
import random
import resource
import sys
import tempfile
import time

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoConfig, AutoTokenizer, TrainerCallback
from trl import SFTConfig, SFTTrainer

WARM_UP = 2

settings = dict(steps=8, batch=8, length=120, rank=16, dropout=0.05, sequences=32, threads=0, precision="bf16")
for argument in sys.argv[2:]:
    key, value = argument.split("=", 1)
    settings[key] = type(settings[key])(value)
if settings["threads"]:
    torch.set_num_threads(settings["threads"])

folder = sys.argv[1]
vocabulary = AutoConfig.from_pretrained(folder).vocab_size
generator = random.Random(1)


def row():
    """Ids and labels of half to one and a half times `length` tokens, second half supervised."""
    length = settings["length"]
    size = length // 2 + generator.randrange(length + 1)
    ids = [generator.randrange(vocabulary) for _ in range(size)]
    return dict(input_ids=ids, labels=[-100] * (size // 2) + ids[size // 2 :])


class Stopwatch(TrainerCallback):
    """When each step of training ended."""

    def __init__(self):
        self.times = []

    def on_step_end(self, args, state, control, **kwargs):
        self.times.append(time.perf_counter())


rows = [row() for _ in range((settings["steps"] + WARM_UP) * settings["batch"])]
held_out = [row() for _ in range(settings["sequences"])]
watch = Stopwatch()
bf16 = settings["precision"] != "fp32"
trainer = SFTTrainer(
    model=folder,
    args=SFTConfig(
        output_dir=tempfile.mkdtemp(),
        max_steps=settings["steps"] + WARM_UP,
        per_device_train_batch_size=settings["batch"],
        per_device_eval_batch_size=8,
        learning_rate=2e-4,
        bf16=bf16,
        use_cpu=True,
        gradient_checkpointing=False,
        train_sampling_strategy="sequential",
        dataset_kwargs={"skip_prepare_dataset": True},
        model_init_kwargs={"dtype": "bfloat16" if bf16 else "float32"},
        logging_strategy="no",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    ),
    train_dataset=Dataset.from_list(rows),
    eval_dataset=Dataset.from_list(held_out),
    processing_class=AutoTokenizer.from_pretrained(folder),
    peft_config=LoraConfig(
        r=settings["rank"], lora_alpha=32, lora_dropout=settings["dropout"], target_modules="all-linear"
    ),
    callbacks=[watch],
)
trainer.train()
seconds = watch.times[-1] - watch.times[WARM_UP - 1]
tokens = sum(len(row["input_ids"]) for row in rows[WARM_UP * settings["batch"] :])
print(f"training    {tokens / seconds:8.0f} tokens/s  ({seconds / settings['steps']:.3f} s a step)")

begin = time.perf_counter()
trainer.evaluate()
seconds = time.perf_counter() - begin
tokens = sum(len(row["input_ids"]) for row in held_out)
print(f"evaluation  {tokens / seconds:8.0f} tokens/s  ({seconds:.3f} s for {settings['sequences']} sequences)")
print(f"memory      {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024:8d} MB at most")
