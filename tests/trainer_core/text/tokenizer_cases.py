"""Writes what Hugging Face's `tokenizers` makes of random texts, for tokenizer_peer_test.cc to compare with.

usage: tokenizer_cases.py SEED COUNT OUT NAME=TOKENIZER.json...

For each tokenizer, and for each variant of it (below; none when it is given as NAME:=TOKENIZER.json), OUT gets NAME.json
and NAME.cases. A .cases file is a list of
records: the text, its tokens as (id, begin, end) with byte offsets into the text, and the decoded tokens. A text may be
broken UTF-8: expected is what its bytes.decode("utf-8", "replace") gives. All numbers are u32, little-endian; texts and
lists have their length before them.
"""

import json
import pathlib
import random
import struct
import sys

from tokenizers import Tokenizer

ALPHABETS = [
    (0x20, 0x7F), (0x20, 0x7F), (0x61, 0x7B), (0x61, 0x7B), (0x30, 0x3A), (0x00, 0x20), (0x80, 0x250), (0x300, 0x370),
    (0x370, 0x400), (0x400, 0x530), (0x590, 0x5FF), (0x600, 0x700), (0x900, 0x980), (0xE00, 0xE5C), (0x1100, 0x1200),
    (0x1E00, 0x2000), (0x2000, 0x2070), (0x2070, 0x20D0), (0x20D0, 0x2100), (0x2100, 0x2400), (0x2460, 0x2500),
    (0x3000, 0x3100), (0x3130, 0x3190), (0x4E00, 0x5200), (0xAC00, 0xB000), (0xE000, 0xE010), (0xFB00, 0xFB50),
    (0xFE00, 0xFE10), (0xFF00, 0xFFF0), (0x1D400, 0x1D500), (0x1F300, 0x1F650), (0x20000, 0x20100), (0xE0100, 0xE0110),
]
SNIPPETS = [
    "Hello", " world", "the", " I'm", "you've", "DON'T", "'LL", " they'll", "\u017f", "'\u017f", "3.14159", "1234567890",
    "\u0967\u0968\u0969", "\u00bd", "\u00b2", "\u2167", "\r\n", "\n\n", "\n", "\t", "  ", "   ", "\u00a0", "\u3000",
    "\u180e", "\u200b", "\u0085", "\u2028", "\ufeff", "\u200d", "\U0001F468\u200d\U0001F469\u200d\U0001F467",
    "\U0001F1E9\U0001F1EA", "\U0001F44D\U0001F3FD", "e\u0301", "\u00e9", "q\u0307\u0323", "\u1100\u1161\u11a8",
    "\u0130", "\u00df", "\u2581", "\u2581\u2581", "<0x0A>", "<0xZZ>", "<unk>", "<s>", "</s>", "<|endoftext|>",
    "<|im_start|>", "<|im_end|>", "<|im_end", "<|im_start|>user\n", "<repo_name>", "[X]", "[XY]", "[L]", " [R] ", "wordy",
    "\u7684", "\u4f60\u597d", "\u3053\u3093", "\u0928\u092e\u0938\u094d\u0924\u0947", "\u0645\u0631\u062d\u0628\u0627",
    "\ufb01", "\u2460", "!?", "...", "--", "_", "a_b", "<", "|", "{\"a\": [1]}", "https://x.org/?q=1&r=%20",
]
BROKEN = [b"\xff", b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98", b"\x80", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf5\x80", b"\xe2(\xa1"]

ADDED = [
    {"content": "[X]"},
    {"content": "[XY]", "special": True},
    {"content": "[L]", "lstrip": True},
    {"content": "[R]", "rstrip": True},
    {"content": "word", "single_word": True},
    {"content": "Hello w", "normalized": True},
    {"content": "\u00e9t\u00e9", "normalized": True},
]


def random_piece(rng):
    kind = rng.randrange(10)
    if kind < 4:
        return rng.choice(SNIPPETS)
    if kind == 4:
        return rng.choice([" ", "a", "0", "\n", "=", "\u4e00", "\u2581"]) * rng.randrange(1, 40)
    low, high = rng.choice(ALPHABETS)
    return "".join(chr(rng.randrange(low, high)) for _ in range(rng.randrange(1, 12)))


def random_text(rng):
    parts = [random_piece(rng).encode() for _ in range(rng.randrange(0, 12))]
    if rng.random() < 0.15:
        parts.insert(rng.randrange(len(parts) + 1), rng.choice(BROKEN))
    return b"".join(parts)


def split_pattern(pattern, behavior, invert=False):
    return {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert}


LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n/]*|\s++$|\s*[\r\n]|\s+(?!\S)|\s+")
BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}


def sequence(key, *steps):
    return {"type": "Sequence", key: list(steps)}


def byte_level_variants():
    """(name, normalizer, pre_tokenizer) for tokenizers whose vocabulary is bytes."""
    split = lambda *steps: sequence("pretokenizers", *steps, BYTES)
    words = r"\w+|[^\w\s]+"
    yield "llama3", None, split(split_pattern({"Regex": LLAMA3}, "Isolated"))
    yield "o200k", {"type": "NFC"}, split(split_pattern({"Regex": O200K}, "Isolated"))
    yield "nfd", {"type": "NFD"}, split({"type": "Digits", "individual_digits": False})
    yield "nfkc", {"type": "NFKC"}, split({"type": "Whitespace"})
    yield "nfkd", {"type": "NFKD"}, split({"type": "WhitespaceSplit"})
    yield "lower", {"type": "Lowercase"}, split({"type": "Punctuation", "behavior": "Contiguous"})
    yield "strip", {"type": "Strip", "strip_left": True, "strip_right": True}, split({"type": "Punctuation"})
    yield "left", {"type": "Strip", "strip_left": True, "strip_right": False}, split(
        split_pattern({"String": " "}, "MergedWithNext"))
    yield "previous", {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "}, split(
        split_pattern({"Regex": words}, "MergedWithPrevious"))
    yield "next", None, split(split_pattern({"Regex": words}, "MergedWithNext", True))
    yield "contiguous", None, split(split_pattern({"Regex": r"[\h\s]"}, "Contiguous"))
    yield "removed", None, split(split_pattern({"Regex": words}, "Removed", True))
    yield "lines", None, split(split_pattern({"Regex": r"^.|(?m:a.b)|\W+$"}, "Isolated"))
    yield "prefix", None, {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}


def metaspace(scheme, split):
    return {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": scheme, "split": split}


def metaspace_variants():
    for scheme in ["always", "first", "never"]:
        yield scheme, None, metaspace(scheme, True), metaspace(scheme, True)
    yield "whole", None, metaspace("first", False), metaspace("first", True)
    yield "gemma", {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}, split_pattern(
        {"String": " "}, "MergedWithPrevious"), None


def variants(base):
    config = json.loads(base.read_text())
    yield "", config
    def changed(normalizer, pre_tokenizer):
        copy = json.loads(json.dumps(config))
        copy["normalizer"], copy["pre_tokenizer"] = normalizer, pre_tokenizer
        known = set(copy["model"]["vocab"]) | {token["content"] for token in copy["added_tokens"]}
        first = 1 + max(list(copy["model"]["vocab"].values()) + [token["id"] for token in copy["added_tokens"]])
        flags = dict.fromkeys(["single_word", "lstrip", "rstrip", "normalized", "special"], False)
        fresh = [token for token in ADDED if token["content"] not in known]
        copy["added_tokens"] += [flags | {"id": first + i} | token for i, token in enumerate(fresh)]
        return copy
    if config["decoder"]["type"] == "ByteLevel":
        for name, normalizer, pre_tokenizer in byte_level_variants():
            yield "-" + name, changed(normalizer, pre_tokenizer)
    else:
        for name, normalizer, pre_tokenizer, decoder in metaspace_variants():
            copy = changed(normalizer, pre_tokenizer)
            copy["decoder"] = decoder or copy["decoder"]
            yield "-" + name, copy
        strict = changed(config["normalizer"], None)
        strict["model"] |= {"byte_fallback": False, "fuse_unk": False, "ignore_merges": True}
        yield "-strict", strict


def decode_with_spans(data):
    """The text, and the byte span in `data` of each of its characters."""
    text, spans, at = "", [], 0
    while at < len(data):
        try:
            good, broken = data[at:].decode(), 0
        except UnicodeDecodeError as error:
            good, broken = data[at:at + error.start].decode(), error.end - error.start
        for character in good:
            size = len(character.encode())
            spans.append((at, at + size))
            at += size
        text += good
        if broken:
            text += "\ufffd"
            spans.append((at, at + broken))
            at += broken
    assert text == data.decode("utf-8", "replace")
    return text, spans


def pack_text(data):
    return struct.pack("<I", len(data)) + data


def record(tokenizer, data):
    text, spans = decode_with_spans(data)
    encoding = tokenizer.encode(text, add_special_tokens=False)
    out = pack_text(data) + struct.pack("<I", len(encoding.ids))
    for token, (begin, end) in zip(encoding.ids, encoding.offsets):
        first = spans[begin][0] if begin < len(spans) else len(data)
        last = spans[end - 1][1] if end > begin else first
        out += struct.pack("<III", token, first, last)
    return out + pack_text(tokenizer.decode(encoding.ids, skip_special_tokens=False).encode())


def main():
    seed, count, out = int(sys.argv[1]), int(sys.argv[2]), pathlib.Path(sys.argv[3])
    for argument in sys.argv[4:]:
        name, path = argument.split("=", 1)
        all_variants = variants(pathlib.Path(path))
        alone = name.endswith(":")
        if alone:
            name = name[:-1]
            all_variants = [next(all_variants)]
        for suffix, config in all_variants:
            rng = random.Random(f"{seed} {name}{suffix}")
            text = json.dumps(config, ensure_ascii=False)
            tokenizer = Tokenizer.from_str(text)
            (out / f"{name}{suffix}.json").write_text(text)
            records = [record(tokenizer, random_text(rng)) for _ in range(count // 5 if suffix or alone else count)]
            (out / f"{name}{suffix}.cases").write_bytes(struct.pack("<I", len(records)) + b"".join(records))


main()
