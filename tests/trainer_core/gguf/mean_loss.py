"""Prints, as JSON, what transformers computes on the text of a reference file with a model folder.

Usage: mean_loss.py MODEL_FOLDER REFERENCE_JSON
"""

import json
import sys

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

folder, reference_file = sys.argv[1:]
with open(reference_file, encoding="utf-8") as file:
    reference = json.load(file)
# Not AutoTokenizer: transformers rebuilds some pre-tokenizers.
ids = Tokenizer.from_file(folder + "/tokenizer.json").encode(reference["text"]).ids
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
with torch.no_grad():
    logits = model(torch.tensor([ids])).logits[0]
logprobs = torch.log_softmax(logits[:-1], -1).gather(1, torch.tensor(ids[1:])[:, None])[:, 0]
json.dump({"input_ids": ids, "mean_loss": -logprobs.mean().item(), "token_logprobs": logprobs.tolist()}, sys.stdout)
