"""The peer of race.py: Optuna's TPE over trials of TRL's SFTTrainer, one after the other, as their users do it.

    python optuna_trl.py SETTINGS.json

Prints {"seconds", "trial", "step", "loss"} for every evaluation, seconds from the start of the program. The base model
is kept in memory; each trial gets a fresh adapter on a copy of its weights. Optuna's median pruner stops trials at
their evaluations.
"""
import copy
import json
import sys
import tempfile
import time

BEGIN = time.perf_counter()

import optuna  # noqa: E402
from datasets import Dataset  # noqa: E402
from peft import LoraConfig, get_peft_model  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback  # noqa: E402
from trl import SFTConfig, SFTTrainer  # noqa: E402

optuna.logging.set_verbosity(optuna.logging.ERROR)
settings = json.load(open(sys.argv[1]))
base = AutoModelForCausalLM.from_pretrained(settings["model"], dtype="bfloat16")
tokenizer = AutoTokenizer.from_pretrained(settings["model"])


def labelled(rows):
    return Dataset.from_list(
        [
            dict(input_ids=r["ids"], labels=[i if m else -100 for i, m in zip(r["ids"], r["mask"])])
            for r in rows
        ]
    )


train, validation = labelled(settings["train"]), labelled(settings["validation"])


class Report(TrainerCallback):
    """Prints and reports each evaluation, stops the trial where the pruner says so."""

    def __init__(self, trial):
        self.trial = trial
        self.best = float("inf")

    def on_evaluate(self, args, state, control, metrics=None, **kwargs):
        loss = metrics["eval_loss"]
        self.best = min(self.best, loss)
        seconds = time.perf_counter() - BEGIN
        print(json.dumps(dict(seconds=seconds, trial=self.trial.number, step=state.global_step, loss=loss)), flush=True)
        self.trial.report(loss, state.global_step)
        if self.trial.should_prune():
            control.should_training_stop = True


def objective(trial):
    rank = trial.suggest_categorical("lora_rank", [4, 8, 16, 32])
    rate = trial.suggest_float("learning_rate", 5e-5, 3e-3, log=True)
    dropout = trial.suggest_categorical("lora_dropout", [0, 0.05, 0.1])
    decay = trial.suggest_categorical("weight_decay", [0, 0.01, 0.1])
    adapter = LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=dropout, target_modules="all-linear")
    report = Report(trial)
    SFTTrainer(
        model=get_peft_model(copy.deepcopy(base), adapter),
        args=SFTConfig(
            output_dir=tempfile.mkdtemp(),
            max_steps=settings["steps"],
            per_device_train_batch_size=settings["batch"],
            per_device_eval_batch_size=8,
            learning_rate=rate,
            weight_decay=decay,
            warmup_steps=round(0.1 * settings["steps"]),
            lr_scheduler_type="cosine",
            bf16=True,
            use_cpu=True,
            gradient_checkpointing=False,
            eval_strategy="steps",
            eval_steps=settings["eval_every"],
            dataset_kwargs={"skip_prepare_dataset": True},
            logging_strategy="no",
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        ),
        train_dataset=train,
        eval_dataset=validation,
        processing_class=tokenizer,
        callbacks=[report],
    ).train()
    return report.best


study = optuna.create_study(
    sampler=optuna.samplers.TPESampler(seed=1), pruner=optuna.pruners.MedianPruner(n_startup_trials=3)
)
study.optimize(objective, timeout=settings["limit_seconds"])
