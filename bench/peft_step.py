"""The peer of step_bench: the same made-up conversations through transformers + PEFT + torch AdamW, in a bare loop.

    python peft_step.py MODEL_FOLDER [key=value ...]     keys and output as step_bench

Rows of a batch are padded to the longest, as the usual collators do; tokens count without the padding.
"""
import random
import resource
import sys
import time

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

settings = dict(steps=8, batch=8, length=120, rank=16, dropout=0.05, sequences=32, threads=0, precision="bf16")
for argument in sys.argv[2:]:
    key, value = argument.split("=", 1)
    settings[key] = type(settings[key])(value)

if settings["threads"]:
    torch.set_num_threads(settings["threads"])
dtype = torch.float32 if settings["precision"] == "fp32" else torch.bfloat16
base = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=dtype)
model = get_peft_model(
    base,
    LoraConfig(r=settings["rank"], lora_alpha=32, lora_dropout=settings["dropout"], target_modules="all-linear"),
)
model.train()
optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=2e-4, weight_decay=0.0)
generator = random.Random(1)


def batch_of(rows):
    """Ids, mask and labels of `rows` sequences of half to one and a half times `length`, second halves supervised."""
    length = settings["length"]
    sizes = [length // 2 + generator.randrange(length + 1) for _ in range(rows)]
    width = max(sizes)
    ids = torch.randint(0, base.config.vocab_size, (rows, width))
    mask = torch.zeros(rows, width, dtype=torch.long)
    labels = torch.full((rows, width), -100)
    for row, size in enumerate(sizes):
        mask[row, :size] = 1
        labels[row, size // 2 : size] = ids[row, size // 2 : size]
    return dict(input_ids=ids, attention_mask=mask, labels=labels), sum(sizes)


def step():
    batch, tokens = batch_of(settings["batch"])
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype is torch.bfloat16):
        loss = model(**batch).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    return tokens


for _ in range(2):
    step()
begin = time.perf_counter()
tokens = sum(step() for _ in range(settings["steps"]))
seconds = time.perf_counter() - begin
print(f"training    {tokens / seconds:8.0f} tokens/s  ({seconds / settings['steps']:.3f} s a step)")

model.eval()
tokens = 0
begin = time.perf_counter()
with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=dtype is torch.bfloat16):
    for _ in range(settings["sequences"] // 8):
        batch, count = batch_of(8)
        model(**batch)
        tokens += count
seconds = time.perf_counter() - begin
print(f"evaluation  {tokens / seconds:8.0f} tokens/s  ({seconds:.3f} s for {settings['sequences']} sequences)")
print(f"memory      {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024:8d} MB at most")
