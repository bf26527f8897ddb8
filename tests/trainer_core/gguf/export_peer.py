"""export_peer.py FOLDER SHARED SMOLLM2 LLAMA_CPP: the references of export_peer_test.cc.

Small random models of every family with adapters, what PEFT merges them to, and the GGUF files that llama.cpp's converter
makes of the models.
"""
import json
import os
import pathlib
import shutil
import sys
import types


def write_json(path, value):
    path.write_text(json.dumps(value, indent=1))


def tokenizer_files(kind, shared, smollm2, folder):
    if kind == "smollm2":
        for name in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(smollm2 / name, folder / name)
    elif kind == "gpt2":
        shutil.copy(shared / "tokenizers/gpt2/tokenizer.json", folder / "tokenizer.json")
        write_json(folder / "tokenizer_config.json",
                   {"tokenizer_class": "GPT2Tokenizer", "bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"})
    else:
        shutil.copy(shared / "tokenizers/mistral_v1/tokenizer.json", folder / "tokenizer.json")
        write_json(folder / "tokenizer_config.json",
                   {"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
                    "add_bos_token": True, "add_eos_token": False})
    for name in ("tokenizer.json", "tokenizer_config.json"):
        os.chmod(folder / name, 0o644)


def models():
    import torch
    import transformers as t
    small = dict(hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                 max_position_embeddings=512)
    llama3 = {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
              "original_max_position_embeddings": 64}
    gemma = {**small, "head_dim": 16, "vocab_size": 32000}
    yield "llama", "smollm2", torch.bfloat16, t.LlamaConfig(**small, vocab_size=49152, tie_word_embeddings=True)
    yield "llama3", "smollm2", torch.float16, t.LlamaConfig(**small, vocab_size=49160, rope_parameters=llama3)
    yield "mistral", "mistral", torch.float32, t.MistralConfig(**small, vocab_size=32000, head_dim=16)
    yield "qwen2", "smollm2", torch.bfloat16, t.Qwen2Config(**small, vocab_size=49152, tie_word_embeddings=True)
    yield "qwen3", "smollm2", torch.float32, t.Qwen3Config(**small, vocab_size=49152, head_dim=16)
    yield "gpt2", "gpt2", torch.float32, t.GPT2Config(n_embd=64, n_layer=2, n_head=4, n_positions=256, n_ctx=256, vocab_size=50257)
    yield "gemma2", "mistral", torch.float32, t.Gemma2Config(**gemma, sliding_window=64)
    yield "gemma3", "mistral", torch.float32, t.Gemma3TextConfig(**gemma, sliding_window=64, layer_types=None)
    yield "phi3", "mistral", torch.float32, t.Phi3Config(**small, vocab_size=32000, original_max_position_embeddings=512,
                                                        pad_token_id=0)


def adapters(name):
    from peft import LoraConfig
    linear = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    if name == "gpt2":
        yield "lora", LoraConfig(r=4, lora_alpha=8, target_modules=["c_attn", "c_proj", "c_fc"], fan_in_fan_out=True)
        yield "dora", LoraConfig(r=4, lora_alpha=8, target_modules=["c_attn", "c_fc"], fan_in_fan_out=True, use_dora=True)
    elif name == "llama":
        yield "lora", LoraConfig(r=4, lora_alpha=8, target_modules=linear)
        yield "rslora", LoraConfig(r=4, lora_alpha=8, target_modules=linear, use_rslora=True,
                                   rank_pattern={"q_proj": 6, "layers.1.mlp.up_proj": 3}, alpha_pattern={".*down_proj": 20})
        yield "dora", LoraConfig(r=4, lora_alpha=8, target_modules=linear, use_dora=True)
        yield "embedding", LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "embed_tokens"])
    elif name == "llama3":
        yield "saved", LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "lm_head"], modules_to_save=["embed_tokens"])
        yield "ends", LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "lm_head", "embed_tokens"])
    elif name == "phi3":
        yield "lora", LoraConfig(r=4, lora_alpha=8, target_modules=["qkv_proj", "o_proj", "gate_up_proj", "down_proj"])
    elif name in ("qwen3", "mistral", "gemma2", "gemma3"):
        yield "lora", LoraConfig(r=4, lora_alpha=8, target_modules=linear)


def make(folder, shared, smollm2, llama_cpp):
    import torch
    from peft import get_peft_model
    from safetensors.torch import save_file
    from transformers import AutoModelForCausalLM
    cases = []
    for name, tokenizer, dtype, config in models():
        torch.manual_seed(len(cases))
        base = folder / name / "base"
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        for parameter in model.parameters():  # norms and biases too: what is 1 or 0 would hide a mistake
            parameter.data += 0.02 * torch.randn_like(parameter)
        model.to(dtype).save_pretrained(base)
        tokenizer_files(tokenizer, shared, smollm2, base)
        case = {"name": name, "adapters": [], "sentencepiece": tokenizer == "mistral"}
        for kind, lora in adapters(name):
            peft = get_peft_model(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), lora)
            for key, parameter in peft.named_parameters():
                if "lora_B" in key or "lora_embedding" in key or "modules_to_save" in key:
                    parameter.data += 0.05 * torch.randn_like(parameter)
                if "magnitude" in key:
                    parameter.data *= 1 + 0.1 * torch.rand_like(parameter)
            peft.save_pretrained(folder / name / kind)
            merged = peft.merge_and_unload().state_dict()
            save_file({key: value.clone().contiguous() for key, value in merged.items()},
                      folder / name / (kind + ".merged.safetensors"))
            case["adapters"].append(kind)
        cases.append(case)
    write_json(folder / "cases.json", cases)
    convert(folder, cases, llama_cpp)


def convert(folder, cases, llama_cpp):
    sys.path[:0] = [str(llama_cpp), str(llama_cpp / "gguf-py")]
    # The converter looks for tokenizer.model only once it has this; there is none here.
    sys.modules["sentencepiece"] = types.SimpleNamespace(SentencePieceProcessor=None)
    import convert_hf_to_gguf
    from conversion import gemma, phi, qwen
    # It takes these with a tokenizer.model, or the tokenizer of their publisher, only: they are compared without tokens.
    for cls in (qwen.Qwen2Model, qwen.Qwen3Model, gemma.Gemma2Model, gemma.Gemma3Model, phi.Phi3MiniModel):
        cls.set_vocab = lambda self: None
    for case in cases:
        base = folder / case["name"] / "base"
        sys.argv = ["convert", str(base), "--outtype", "f16", "--outfile", str(folder / case["name"] / "theirs.gguf")]
        convert_hf_to_gguf.main()


if __name__ == "__main__":
    make(*map(pathlib.Path, sys.argv[1:]))
