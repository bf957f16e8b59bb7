"""Writes what transformers' apply_chat_template gives, for ChatTemplateTest to compare with.

    pip install transformers==4.56.2
    python core/src/test/python/chat_golden.py     (from the root of the repository)

The templates are golden/chat/*.jinja; the ones with a model's name are as that model has them, with what concerns tools
shortened. The clock stands at 2025-03-09 14:05:07.
"""

import datetime
import json
from pathlib import Path

import jinja2
import transformers
from transformers.utils import chat_template_utils

MODEL = Path("models/demo-llama")
GOLDEN = Path("core/src/test/resources/org/wanda4j/text/golden")

SYSTEM = {"role": "system", "content": "  Be brief. "}
USER = {"role": "user", "content": "What is 1 < 2 & \"3\"? \u65e5\u672c \U0001f600\n"}
ASSISTANT = {"role": "assistant", "content": " True.\n\n"}
THINKING = {"role": "assistant", "content": "<think>\nHm.\n</think>\n\nTrue."}
MORE = {"role": "user", "content": "Why?"}
CONVERSATIONS = [
    [USER],
    [SYSTEM, USER],
    [USER, ASSISTANT],
    [SYSTEM, USER, ASSISTANT, MORE],
    [USER, THINKING, MORE, THINKING],
    [USER, MORE],
    [ASSISTANT],
]


class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2025, 3, 9, 14, 5, 7)


chat_template_utils.datetime = Clock


def render(tokenizer, template, messages, prompt, **more):
    try:
        return {"text": tokenizer.apply_chat_template(
            messages, chat_template=template, tokenize=False, add_generation_prompt=prompt, **more)}
    except jinja2.exceptions.TemplateError as e:
        return {"error": str(e)}
    except ValueError:
        return {"leftOut": True}


tokenizer = transformers.AutoTokenizer.from_pretrained(MODEL)
tokenizer.bos_token = "<s>"
tokenizer.eos_token = "</s>"
cases = []
for file in sorted((GOLDEN / "chat").glob("*.jinja")):
    template = file.read_bytes().decode()
    for messages in CONVERSATIONS:
        for prompt in (False, True):
            case = {"template": file.name, "messages": messages, "prompt": prompt}
            cases.append(case | render(tokenizer, template, messages, prompt))
golden = {"transformers": transformers.__version__, "cases": cases}
(GOLDEN / "chat.json").write_text(json.dumps(golden, indent=1) + "\n")

# Conversations whose last message is left open, and variables that only some templates know.
OPEN = [
    [USER, ASSISTANT],
    [USER, THINKING],
    [SYSTEM, USER, {"role": "assistant", "content": "True, since"}],
    [SYSTEM, USER, {"role": "assistant", "content": "True, since "}],
    [USER, {"role": "assistant", "content": ""}],
    [USER],
]
cases = []
for file in sorted((GOLDEN / "chat").glob("*.jinja")):
    template = file.read_bytes().decode()
    for messages in OPEN:
        case = {"template": file.name, "messages": messages, "open": True, "variables": {}}
        cases.append(case | render(tokenizer, template, messages, False, continue_final_message=True))
    for variables in ({"enable_thinking": False}, {"bos_token": "<b>", "date_string": "1 Jan 2020"}):
        case = {"template": file.name, "messages": [USER], "open": False, "variables": variables}
        cases.append(case | render(tokenizer, template, [USER], True, **variables))
golden = {"transformers": transformers.__version__, "cases": cases}
(GOLDEN / "chat_open.json").write_text(json.dumps(golden, indent=1) + "\n")
