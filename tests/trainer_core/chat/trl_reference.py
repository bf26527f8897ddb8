"""TRL's assistant masks and packing: the reference of trl_peer_test.

Standard input: {"tokenizer": path of a tokenizer.json, "special_tokens": {…}, "conversations": [[{role, content}, …], …],
"lengths": [of sequences], "max_length"}.
Standard output: {"families", "packed"}. packed: the lengths of the rows that TRL packs the sequences into, by best-fit
decreasing. families: for each template family of TRL that has a training variant
{"name", "original", "training": template texts, "cases": for each conversation {"original": {"ids"}, "training": {"ids",
"mask"}}, each {"error"} instead where the template refuses it}.
"""

import datetime
import json
import pathlib
import sys

import trl
from datasets import Dataset
from transformers import PreTrainedTokenizerFast
from transformers.utils import chat_template_utils


class FixedDate(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2024, 7, 26)


chat_template_utils.datetime = FixedDate


def tokenize(tokenizer, template, conversation, masked):
    try:
        result = tokenizer.apply_chat_template(
            conversation, chat_template=template, tokenize=True, return_dict=True, return_assistant_tokens_mask=masked
        )
    except Exception as error:
        return {"error": str(error)}
    answer = {"ids": result["input_ids"]}
    if masked:
        answer["mask"] = result["assistant_masks"]
    return answer


def main():
    request = json.load(sys.stdin)
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=request["tokenizer"], **request["special_tokens"])
    folder = pathlib.Path(trl.__file__).parent / "chat_templates"
    answers = []
    for training in sorted(folder.glob("*_training.jinja")):
        original = training.with_name(training.name.replace("_training", ""))
        texts = {"original": original.read_text(), "training": training.read_text()}
        cases = [
            {key: tokenize(tokenizer, text, conversation, key == "training") for key, text in texts.items()}
            for conversation in request["conversations"]
        ]
        answers.append({"name": original.stem, **texts, "cases": cases})
    sequences = Dataset.from_dict({"input_ids": [[0] * length for length in request["lengths"]]})
    packed = trl.pack_dataset(sequences, request["max_length"], "bfd")
    rows = [len(row["input_ids"]) for row in packed]
    json.dump({"families": answers, "packed": rows}, sys.stdout)


main()
