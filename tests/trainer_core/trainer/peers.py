"""The references that the trainer is compared with: transformers, PEFT, torch and bitsandbytes, on the CPU in fp32.

    peers.py REQUESTS     reads lines "WHAT REQUEST.json" from a pipe and prints "done N" after the Nth:

    logits REQUEST.json   {model, adapters: [folder or "", ...], ids: [...], output}
        writes "logits.N" [T, vocabulary] with adapter N merged, and checks that no adapter tensor is missing
    architectures REQUEST.json   {folder}
        see architectures.py
    model REQUEST.json    {name, padding, folder}
        writes the base model of one of those, with that token for padding
    train REQUEST.json    {model, quantization (none, nf4, int8), cases: [{name, adapter (a folder), lora (PEFT's LoraConfig, in
                                    place of the adapter, or null), output, optimizer,
                                    learning_rate, warmup, schedule, schedule_settings, max_steps, weight_decay, momentum,
                                    loraplus_lr_ratio, loraplus_lr_embedding, label_smoothing, max_grad_norm}, ...],
                                    steps: [[micro-batch: [{ids, learned}, ...], ...], ...]}
        trains each case; writes output/losses.json {losses, norms} and the adapter with save_pretrained
"""
import json
import math
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
import bitsandbytes
from bitsandbytes.functional import int8_vectorwise_dequant, int8_vectorwise_quant
from peft import LoraConfig, PeftModel, get_peft_model
from peft.optimizers import create_loraplus_optimizer
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import Adafactor, AutoModelForCausalLM, BitsAndBytesConfig, get_scheduler
from transformers.trainer_pt_utils import LabelSmoother, get_parameter_names

import architectures

BETAS = {"betas": (0.9, 0.999)}
OPTIMIZERS = {
    "adamw": (torch.optim.AdamW, {**BETAS, "eps": 1e-8}),
    "sgd": (torch.optim.SGD, {}),
    "lion": (bitsandbytes.optim.Lion, BETAS),
    "lion_8bit": (bitsandbytes.optim.Lion8bit, BETAS),
    "adamw_8bit": (bitsandbytes.optim.AdamW8bit, {**BETAS, "eps": 1e-8}),
    "adafactor": (Adafactor, {"scale_parameter": False, "relative_step": False}),
}


def load_base(path, quantization="none"):
    """nf4: bitsandbytes' own Linear4bit with double quantisation. int8: LLM.int8()'s weights, without its int8 inputs."""
    small = sum(os.path.getsize(os.path.join(path, name)) for name in os.listdir(path)) < 1 << 26
    if small:
        torch.set_num_threads(1)  # on models this small, others only wait
    # sdpa does not know Gemma 2's soft cap.
    settings = {"dtype": torch.float32, "attn_implementation": "eager" if small else "sdpa"}
    if quantization == "nf4":
        settings["quantization_config"] = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4",
                                                             bnb_4bit_use_double_quant=True,
                                                             bnb_4bit_compute_dtype=torch.float32)
    model = AutoModelForCausalLM.from_pretrained(path, **settings)
    if quantization == "int8":
        for name, module in model.named_modules():
            if isinstance(module, torch.nn.Linear) and name != "lm_head":
                codes, stats, _ = int8_vectorwise_quant(module.weight.data.half())
                module.weight.data = int8_vectorwise_dequant(codes, stats)
    return model


def check_keys(model, adapter):
    """Every tensor of the file must have found its place, and every place its tensor."""
    with safe_open(os.path.join(adapter, "adapter_model.safetensors"), "pt") as file:
        stored = {name: file.get_tensor(name) for name in file.keys()}
    places = dict(model.named_parameters(remove_duplicate=False))
    parts = {n: n.replace(".default", "").replace("magnitude_vector.weight", "magnitude_vector")
             .replace(".modules_to_save", "") for n in places}
    wanted = {parts[n] for n in places if "lora_" in n or ".modules_to_save." in n}
    assert wanted <= set(stored), wanted - set(stored)
    by_part = {part: places[n] for n, part in parts.items()}
    for name, tensor in stored.items():
        assert torch.equal(tensor, by_part[name].detach()), name


def untie(model):
    """As PEFT advises before an adapter of one of them is merged: else it ends up in both."""
    model.get_output_embeddings().weight = torch.nn.Parameter(model.get_input_embeddings().weight.detach().clone())
    model.config.tie_word_embeddings = False


def logits(request):
    result = {}
    for number, adapter in enumerate(request["adapters"]):
        model = load_base(request["model"])
        if adapter:
            with open(os.path.join(adapter, "adapter_config.json")) as file:
                config = json.load(file)
            ends = ("lm_head", "embed_tokens", "wte")
            if model.config.tie_word_embeddings and any(name.endswith(ends) for name in config["target_modules"]):
                untie(model)
            model = PeftModel.from_pretrained(model, adapter)
            check_keys(model, adapter)
            model = model.merge_and_unload()
        model.eval()
        with torch.no_grad():
            result[f"logits.{number}"] = model(torch.tensor([request["ids"]])).logits[0].float().contiguous()
    save_file(result, request["output"])


def make_optimizer(case, model):
    kind, arguments = OPTIMIZERS[case["optimizer"]]
    if case["optimizer"] == "sgd":
        arguments = {"momentum": case["momentum"]}
    if case["loraplus_lr_ratio"] != 1:
        return create_loraplus_optimizer(model, kind, lr=case["learning_rate"],
                                         loraplus_lr_ratio=case["loraplus_lr_ratio"],
                                         loraplus_lr_embedding=case["loraplus_lr_embedding"],
                                         loraplus_weight_decay=case["weight_decay"], **arguments)
    # As transformers' Trainer makes its groups, and keeps the moments of embeddings from 8 bits.
    decaying = set(get_parameter_names(
        model, [torch.nn.LayerNorm], ["bias", "layernorm", "rmsnorm", r"(?:^|\.)norm(?:$|\.)", r"_norm(?:$|\.)"]))
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    groups = [{"params": [p for name, p in trained.items() if name in decaying],
               "weight_decay": case["weight_decay"]},
              {"params": [p for name, p in trained.items() if name not in decaying], "weight_decay": 0.0}]
    if "8bit" in case["optimizer"]:
        for module in model.modules():
            if isinstance(module, torch.nn.Embedding):
                bitsandbytes.optim.GlobalOptimManager.get_instance().register_module_override(
                    module, "weight", {"optim_bits": 32})
    return kind([group for group in groups if group["params"]], lr=case["learning_rate"], **arguments)


def tensors(batch):
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
    return ids, mask, labels


def train_case(model_path, quantization, case, steps):
    torch.manual_seed(1)
    base = load_base(model_path, quantization)
    if case["lora"]:
        model = get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", **case["lora"]))
    else:
        model = PeftModel.from_pretrained(base, case["adapter"], is_trainable=True)
        check_keys(model, case["adapter"])
    model.train()
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = make_optimizer(case, model)
    scheduler = get_scheduler(case["schedule"], optimizer,
                              num_warmup_steps=math.ceil(case["max_steps"] * case["warmup"]),
                              num_training_steps=case["max_steps"],
                              scheduler_specific_kwargs=case["schedule_settings"])
    smooth = LabelSmoother(epsilon=case["label_smoothing"])
    losses, norms = [], []
    for step in steps:
        targets = sum(sum(row["learned"][1:]) for batch in step for row in batch)
        total = 0.0
        for batch in step:
            ids, mask, labels = tensors(batch)
            scores = model(input_ids=ids, attention_mask=mask).logits.float()
            loss = smooth({"logits": scores}, labels, shift_labels=True, num_items_in_batch=targets)
            loss.backward()
            total += loss.item()
        norms.append(torch.nn.utils.clip_grad_norm_(parameters, case["max_grad_norm"]).item())
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
        losses.append(total)
    os.makedirs(case["output"], exist_ok=True)
    with open(os.path.join(case["output"], "losses.json"), "w") as file:
        json.dump({"losses": losses, "norms": norms}, file)
    model.save_pretrained(case["output"])


def train(request):
    for case in request["cases"]:
        train_case(request["model"], request["quantization"], case, request["steps"])


WHAT = {"logits": logits, "train": train, "model": lambda request: architectures.write_model(**request),
        "architectures": lambda request: architectures.write_cases(**request)}

if __name__ == "__main__":
    with open(sys.argv[1]) as requests:
        for number, line in enumerate(iter(requests.readline, ""), 1):
            what, path = line.rstrip("\n").split(" ", 1)
            threads = torch.get_num_threads()
            with open(path) as request_file:
                WHAT[what](json.load(request_file))
            torch.set_num_threads(threads)
            print("done", number, flush=True)
