"""Writes a folder of small valid inputs for each fuzzer: python3 seeds.py OUT. Needs Python alone."""
import json
import pathlib
import struct
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def safetensors():
    header = {
        "__metadata__": {"format": "pt"},
        "a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
        "b": {"dtype": "BF16", "shape": [], "data_offsets": [16, 18]},
        "c": {"dtype": "U8", "shape": [0, 7], "data_offsets": [18, 18]},
    }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    yield struct.pack("<Q", len(text)) + text + bytes(18)


def tokenizers():
    vocab = {c: i for i, c in enumerate(["a", "b", "ab", "\u0120", "\u0120a", "<0x41>", "\u2581", "\u2581a", "1", "2", "<unk>"])}
    parts = {
        "normalizer": [
            None,
            {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "\u2581"},
                                                  {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]},
            {"type": "NFC"},
        ],
        "pre_tokenizer": [
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
            {"type": "Sequence", "pretokenizers": [
                {"type": "Digits", "individual_digits": True},
                {"type": "Split", "pattern": {"Regex": "(?i:'s|'t)|\\p{N}{1,3}|\\s+(?!\\S)|\\s+"}, "behavior": "Isolated",
                 "invert": False}]},
            {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": False},
        ],
        "decoder": [
            {"type": "ByteLevel"},
            {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"},
                                               {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
            {"type": "Metaspace", "replacement": "\u2581"},
        ],
    }
    for i in range(3):
        yield json.dumps({
            "version": "1.0",
            "added_tokens": [{"id": 11, "content": "<s>", "special": True, "lstrip": True, "rstrip": False,
                              "normalized": False, "single_word": False}],
            "post_processor": {"type": "TemplateProcessing",
                               "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                               "pair": [], "special_tokens": {"<s>": {"id": "<s>", "ids": [11], "tokens": ["<s>"]}}},
            "model": {"type": "BPE", "byte_fallback": i == 1, "ignore_merges": i == 2, "unk_token": "<unk>",
                      "fuse_unk": True, "vocab": vocab, "merges": ["a b", "\u0120 a"] if i else [["a", "b"]]},
            **{key: values[i] for key, values in parts.items()},
        }).encode()


def model_configs():
    config = {"architectures": ["LlamaForCausalLM"], "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 8,
              "num_key_value_heads": 4, "intermediate_size": 172, "vocab_size": 512, "max_position_embeddings": 512,
              "hidden_act": "silu", "rms_norm_eps": 1e-5, "eos_token_id": [2], "dtype": "bfloat16",
              "rope_parameters": {"rope_type": "llama3", "rope_theta": 10000.0, "factor": 8, "low_freq_factor": 1,
                                  "high_freq_factor": 4, "original_max_position_embeddings": 256}}
    yield json.dumps(config).encode() + b'\0{"eos_token_id": [1, 2]}'
    yield json.dumps({**config, "architectures": ["MistralForCausalLM"], "rope_parameters": None,
                      "rope_scaling": {"type": "linear", "factor": 2.0}}).encode()


def data_rows():
    yield b'{"conversations": [{"from": "human", "value": "1+1?"}, {"from": "gpt", "value": "2"}]}'
    yield b'{"messages": [{"role": "user", "content": [{"type": "text", "text": "\\ud83d\\ude00"}]}, {"role": "assistant", "content": "ok"}]}'
    yield b'{"instruction": "Add.", "input": "1 1", "output": "2"}'
    yield b'{"prompt": "1+1=", "completion": "2"}'
    yield b'{"text": "once"}'


def gguf_text(text):
    return struct.pack("<Q", len(text)) + text.encode()


def gguf():
    pairs = [gguf_text("general.architecture") + struct.pack("<I", 8) + gguf_text("llama"),
             gguf_text("general.alignment") + struct.pack("<II", 4, 32),
             gguf_text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 2) + gguf_text("a") + gguf_text("b"),
             gguf_text("tokenizer.ggml.scores") + struct.pack("<IIQff", 9, 6, 2, 0.0, -1.0)]
    tensors = [("token_embd.weight", [32, 2], 0, 0, 256), ("blk.0.attn_q.weight", [32, 2], 2, 256, 36),
               ("output_norm.weight", [32], 1, 320, 64)]
    header = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(pairs)) + b"".join(pairs)
    for name, shape, kind, offset, _ in tensors:
        header += gguf_text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape)
        header += struct.pack("<IQ", kind, offset)
    header += bytes(-len(header) % 32)
    yield header + bytes(384)


def expressions():
    yield b"2 * lora_rank"
    yield b"max(1, round(log2(a + 3) ^ 2)) / sqrt(b) - -1e-3"


def files(*patterns):
    for pattern in patterns:
        for path in sorted(ROOT.glob(pattern)):
            if path.stat().st_size < 16384:
                yield path.read_bytes()


SEEDS = {
    "fuzz_safetensors": safetensors,
    "fuzz_tokenizer": tokenizers,
    "fuzz_model_config": model_configs,
    "fuzz_data_row": data_rows,
    "fuzz_chat_template": lambda: files("tests/trainer_core/chat/templates/*.jinja"),
    "fuzz_gguf": gguf,
    "fuzz_expression": expressions,
    "fuzz_sweep_file": lambda: files("examples/**/*.yaml"),
}

if __name__ == "__main__":
    for name, make in SEEDS.items():
        folder = pathlib.Path(sys.argv[1]) / name
        folder.mkdir(parents=True, exist_ok=True)
        for number, content in enumerate(make()):
            (folder / f"seed-{number}").write_bytes(content)
