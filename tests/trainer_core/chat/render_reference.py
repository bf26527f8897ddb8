"""Renders conversations with transformers' own Jinja environment: the reference of templates_peer_test.

Standard input: {"templates": [path, …], "conversations": [[{role, content}, …], …], "special_tokens": {…}}.
Standard output: for each template a list, for each conversation and add_generation_prompt (false, true):
{"text", "generation": [[begin, end], …] in bytes of UTF-8} or {"error": text}.
"""

import datetime
import json
import sys

from transformers.utils import chat_template_utils


class FixedDate(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2024, 7, 26)


chat_template_utils.datetime = FixedDate


def render(template, conversation, special_tokens, prompt):
    generation = "{% generation" in template or "{%- generation" in template
    try:
        rendered, indices = chat_template_utils.render_jinja_template(
            [conversation],
            chat_template=template,
            add_generation_prompt=prompt,
            return_assistant_tokens_mask=generation,
            **special_tokens,
        )
    except Exception as error:
        return {"error": str(error)}
    text = rendered[0]
    offset = lambda index: len(text[:index].encode())
    spans = [[offset(b), offset(e)] for b, e in indices[0]] if generation else []
    return {"text": text, "generation": spans}


def main():
    request = json.load(sys.stdin)
    answers = []
    for path in request["templates"]:
        with open(path, encoding="utf-8") as file:
            template = file.read()
        answers.append(
            [
                render(template, conversation, request["special_tokens"], prompt)
                for conversation in request["conversations"]
                for prompt in (False, True)
            ]
        )
    json.dump(answers, sys.stdout)


main()
