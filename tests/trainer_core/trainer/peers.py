"""The references that the trainer is compared with: transformers and PEFT, on the CPU in fp32.

    peers.py logits REQUEST.json   {model, adapter (or ""), ids: [...], output}
        writes "logits" [T, vocabulary], with the adapter merged, and checks that no adapter tensor is missing
    peers.py train REQUEST.json    {model, adapter, output, learning_rate, warmup, schedule, max_steps, weight_decay,
                                    max_grad_norm, steps: [[micro-batch: [{ids, learned}, ...], ...], ...]}
        trains from `adapter`; writes output/losses.json {losses, norms} and the adapter with save_pretrained
"""
import json
import math
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from peft import PeftModel
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, get_scheduler


def load_base(path):
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="sdpa")


def check_keys(model, adapter):
    """Every tensor of the file must have found its place."""
    with safe_open(os.path.join(adapter, "adapter_model.safetensors"), "pt") as file:
        stored = {name: file.get_tensor(name) for name in file.keys()}
    loaded = {n.replace(".default", ""): p for n, p in model.named_parameters() if "lora_" in n}
    assert set(stored) == set(loaded), set(stored) ^ set(loaded)
    for name, tensor in stored.items():
        assert torch.equal(tensor, loaded[name].detach()), name


def logits(request):
    model = load_base(request["model"])
    if request["adapter"]:
        model = PeftModel.from_pretrained(model, request["adapter"])
        check_keys(model, request["adapter"])
        model = model.merge_and_unload()
    model.eval()
    with torch.no_grad():
        result = model(torch.tensor([request["ids"]])).logits[0].float().contiguous()
    save_file({"logits": result}, request["output"])


def train(request):
    model = PeftModel.from_pretrained(load_base(request["model"]), request["adapter"], is_trainable=True)
    check_keys(model, request["adapter"])
    model.train()
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=request["learning_rate"], betas=(0.9, 0.999), eps=1e-8,
                                  weight_decay=request["weight_decay"])
    scheduler = get_scheduler(request["schedule"], optimizer,
                              num_warmup_steps=math.ceil(request["max_steps"] * request["warmup"]),
                              num_training_steps=request["max_steps"])
    losses, norms = [], []
    for step in request["steps"]:
        targets = sum(sum(row["learned"][1:]) for batch in step for row in batch)
        total = 0.0
        for batch in step:
            width = max(len(row["ids"]) for row in batch)
            ids = torch.zeros(len(batch), width, dtype=torch.long)
            mask = torch.zeros(len(batch), width, dtype=torch.long)
            labels = torch.full((len(batch), width), -100)
            for i, row in enumerate(batch):
                n = len(row["ids"])
                ids[i, :n] = torch.tensor(row["ids"])
                mask[i, :n] = 1
                learned = torch.tensor(row["learned"], dtype=torch.bool)
                labels[i, :n] = torch.where(learned, ids[i, :n], -100)
            scores = model(input_ids=ids, attention_mask=mask).logits[:, :-1].float()
            loss = torch.nn.functional.cross_entropy(scores.flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100,
                                                     reduction="sum") / targets
            loss.backward()
            total += loss.item()
        norms.append(torch.nn.utils.clip_grad_norm_(parameters, request["max_grad_norm"]).item())
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
        losses.append(total)
    os.makedirs(request["output"], exist_ok=True)
    with open(os.path.join(request["output"], "losses.json"), "w") as file:
        json.dump({"losses": losses, "norms": norms}, file)
    model.save_pretrained(request["output"])


if __name__ == "__main__":
    with open(sys.argv[2]) as request_file:
        {"logits": logits, "train": train}[sys.argv[1]](json.load(request_file))
