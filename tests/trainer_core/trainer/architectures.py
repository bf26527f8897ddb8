"""Writes a small random model of every architecture with transformers, adapters with PEFT, and what they compute.

write_cases(FOLDER) makes FOLDER/cases.json, a list of {name, ids, learned, prompt, greedy, adapted_greedy, penalized,
penalty}, and for each case FOLDER/name/{model, adapter, whole} and expected.safetensors: "logits" [T, vocabulary], and for
both adapters "adapter.logits", "adapter.gradient.NAME" and so on, NAME being that of a tensor in the adapter's file.
"whole" has LoRA on the embedding too and trains the head, all norms and all biases. All in fp32 on the CPU.
"""
import copy
import json
import os

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
import transformers as hf
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers.pytorch_utils import Conv1D

LENGTH = 70  # longer than every window and every "original" length below
PROMPT = 20
NEW = 40
PENALTY = 1.3
VOCABULARY = 96

SHAPE = dict(vocab_size=VOCABULARY, hidden_size=32, intermediate_size=48, num_hidden_layers=4, num_attention_heads=4,
             num_key_value_heads=2, max_position_embeddings=128, initializer_range=0.2, bos_token_id=None,
             eos_token_id=None, pad_token_id=None)
NO_IDS = dict(bos_token_id=None, eos_token_id=None, pad_token_id=None)


def llama(**changes):
    return hf.LlamaForCausalLM(hf.LlamaConfig(**{**SHAPE, **changes}))


def rope(kind, **rest):
    return {"rope_type": kind, "rope_theta": 10000.0, **rest}


LLAMA3 = rope("llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32)
GEMMA = dict(head_dim=16, query_pre_attn_scalar=24)
PHI = dict(rms_norm_eps=1e-5)

CASES = {
    "llama2": lambda: llama(num_key_value_heads=4),
    "llama3": lambda: llama(rope_parameters=LLAMA3, tie_word_embeddings=True),
    "llama_linear": lambda: llama(rope_parameters=rope("linear", factor=4.0)),
    "llama_dynamic": lambda: llama(rope_parameters=rope("dynamic", factor=2.0), max_position_embeddings=40),
    "llama_yarn": lambda: llama(rope_parameters=rope("yarn", factor=4.0, original_max_position_embeddings=32)),
    "llama_biases": lambda: llama(attention_bias=True, mlp_bias=True, head_dim=12),
    "mistral": lambda: hf.MistralForCausalLM(hf.MistralConfig(**SHAPE, sliding_window=16)),
    "mistral_nemo": lambda: hf.MistralForCausalLM(hf.MistralConfig(**SHAPE, head_dim=24, sliding_window=None)),
    "qwen2": lambda: hf.Qwen2ForCausalLM(hf.Qwen2Config(**SHAPE, tie_word_embeddings=True)),
    "qwen2_window": lambda: hf.Qwen2ForCausalLM(
        hf.Qwen2Config(**SHAPE, use_sliding_window=True, sliding_window=16, max_window_layers=2)),
    "qwen3": lambda: hf.Qwen3ForCausalLM(hf.Qwen3Config(**SHAPE, head_dim=16)),
    "gpt2": lambda: hf.GPT2LMHeadModel(
        hf.GPT2Config(vocab_size=VOCABULARY, n_positions=128, n_embd=32, n_layer=4, n_head=4, initializer_range=0.2,
                      resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, **NO_IDS)),
    "gemma": lambda: hf.GemmaForCausalLM(hf.GemmaConfig(**SHAPE, head_dim=16)),
    "gemma2": lambda: hf.Gemma2ForCausalLM(
        hf.Gemma2Config(**SHAPE, **GEMMA, sliding_window=16, attn_logit_softcapping=5.0, final_logit_softcapping=3.0)),
    "gemma3": lambda: hf.Gemma3ForCausalLM(
        hf.Gemma3TextConfig(**{**SHAPE, "num_hidden_layers": 7}, **GEMMA, sliding_window=16,
                            rope_parameters={"full_attention": rope("linear", factor=8.0),
                                             "sliding_attention": rope("default")})),
    "phi3": lambda: hf.Phi3ForCausalLM(hf.Phi3Config(**SHAPE, **PHI, sliding_window=16)),
    "phi3_longrope": lambda: hf.Phi3ForCausalLM(
        hf.Phi3Config(**SHAPE, **PHI, original_max_position_embeddings=40,
                      rope_parameters=rope("longrope", partial_rotary_factor=0.5, short_factor=[1.0, 1.5],
                                           long_factor=[2.0, 5.0]))),
}


def old_rope_spelling(folder):
    """As transformers 4 wrote it."""
    path = os.path.join(folder, "config.json")
    with open(path) as file:
        config = json.load(file)
    parameters = config.pop("rope_parameters")
    config["rope_theta"] = parameters.pop("rope_theta")
    config["rope_scaling"] = parameters
    with open(path, "w") as file:
        json.dump(config, file)


def old_gpt2_names(folder):
    """As the first GPT-2 on the hub has them."""
    path = os.path.join(folder, "model.safetensors")
    tensors = {name.removeprefix("transformer."): tensor for name, tensor in load_file(path).items()}
    save_file(tensors, path, {"format": "pt"})


def randomize(model, generator):
    """No weight is left where its default would hide a mistake: norms at 1 or 0, biases at 0."""
    for parameter in model.parameters():
        if parameter.dim() == 1:
            parameter.data += 0.2 * torch.randn(parameter.shape, generator=generator)


def greedy(model, ids, **options):
    prompt = ids[None, :PROMPT]
    out = model.generate(input_ids=prompt, attention_mask=torch.ones_like(prompt), do_sample=False,
                         max_new_tokens=NEW, **options)
    return out[0].tolist()


def write_case(folder, name, generator):
    torch.manual_seed(len(name) * 1000 + sum(map(ord, name)))
    model = CASES[name]().float().eval()
    model.set_attn_implementation("eager")
    randomize(model, generator)
    home = os.path.join(folder, name)
    base = os.path.join(home, "model")
    model.save_pretrained(base, max_shard_size="20KB" if name == "llama2" else "5GB")
    ids = torch.randint(0, VOCABULARY, (LENGTH,), generator=generator)
    case = {"name": name, "ids": ids.tolist(), "prompt": PROMPT, "penalty": PENALTY}
    with torch.no_grad():
        expected = {"logits": model(ids[None]).logits[0]}
    case["greedy"] = greedy(model, ids)
    case["penalized"] = greedy(model, ids, repetition_penalty=PENALTY)

    learned = (torch.arange(LENGTH) % 7 > 2).long()
    learned[0] = 0
    case["learned"] = learned.tolist()
    linear = [n for n, m in model.named_modules() if isinstance(m, (torch.nn.Linear, Conv1D)) and n != "lm_head"]
    embedding = next(n for n, m in model.named_modules() if m is model.get_input_embeddings())
    norms = ["ln_1", "ln_2", "ln_f"] if name == "gpt2" else ["norm"]
    for kind, settings in {"adapter": {"target_modules": "all-linear"},
                           "whole": {"target_modules": [*linear, embedding], "bias": "all",
                                     "modules_to_save": ["lm_head", *norms]}}.items():
        adapted = get_peft_model(copy.deepcopy(model), LoraConfig(r=3, lora_alpha=5, task_type="CAUSAL_LM",
                                                                 fan_in_fan_out=name == "gpt2", **settings))
        for parameter_name, parameter in adapted.named_parameters():
            if parameter.requires_grad:
                change = 0.15 * torch.randn(parameter.shape, generator=generator)
                parameter.data = change if "lora_" in parameter_name else parameter.data + change
        adapted.save_pretrained(os.path.join(home, kind))
        with torch.no_grad():
            expected[f"{kind}.logits"] = adapted(ids[None]).logits[0]
        # Without the last token, which predicts nothing: with dynamic RoPE even its presence matters. There transformers
        # remembers the longest text until it sees a short one.
        with torch.no_grad():
            adapted(ids[None, :2])
        losses = torch.nn.functional.cross_entropy(adapted(ids[None, :-1]).logits[0], ids[1:], reduction="none")
        (losses * learned[1:]).sum().div(learned.sum()).backward()
        for parameter_name, parameter in adapted.named_parameters():
            if parameter.grad is not None:
                stored = parameter_name.replace(".default", "").replace(".modules_to_save", "")
                expected[f"{kind}.gradient.{stored}"] = parameter.grad
        if kind == "adapter":
            case["adapted_greedy"] = greedy(adapted, ids)
    save_file({key: value.contiguous() for key, value in expected.items()}, os.path.join(home, "expected.safetensors"))
    if name == "llama3":
        old_rope_spelling(base)
    if name == "gpt2":
        old_gpt2_names(base)
    return case


def write_cases(folder):
    torch.set_num_threads(1)  # on models this small, others only wait
    seeded = torch.Generator().manual_seed(3407)
    cases = [write_case(folder, name, seeded) for name in CASES]
    with open(os.path.join(folder, "cases.json"), "w") as cases_file:
        json.dump(cases, cases_file)


def write_model(name, padding, folder):
    torch.manual_seed(17)
    model = CASES[name]().float()
    randomize(model, torch.Generator().manual_seed(3407))
    model.config.pad_token_id = padding
    model.save_pretrained(folder)
