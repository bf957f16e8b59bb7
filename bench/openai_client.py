#!/usr/bin/env python3
"""The server as OpenAI's own client for Python sees it.

    openai_client.py MODEL [--seeds 5] [-- OPTIONS OF wanda serve]

Needs `pip install openai pydantic`. Starts `wanda serve MODEL` on a free port of this machine and asks it by the client, whole and streamed, for
completions, chats, several answers, scored prompts, answers in the form of a class, and calls of tools. Prints a line for each check, with
the seconds it took; exit code 1 where one failed. A model whose chat template knows no tools has to refuse them.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys
import time
import traceback

import openai
import pydantic

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOOL = {"type": "function", "function": {"name": "weather", "description": "The weather of a city", "parameters": {
    "type": "object", "required": ["city", "unit"], "additionalProperties": False,
    "properties": {"city": {"type": "string"}, "unit": {"enum": ["celsius", "kelvin"]}}}}}


class Person(pydantic.BaseModel):
    name: str
    age: int
    languages: list[str]


def answered(ask):
    """What the client gets by ask(). It raises where max_completion_tokens ended the answer, and has it nevertheless."""
    try:
        return ask().choices[0].message
    except openai.LengthFinishReasonError as ended:
        return ended.completion.choices[0].message


class Checks:
    def __init__(self, client, model, seeds):
        self.client, self.model, self.seeds = client, model, range(seeds)

    def chat(self, text="Ann is 7 years old and speaks French. Answer in JSON.", **fields):
        return dict(model=self.model, messages=[{"role": "user", "content": text}], max_completion_tokens=120, **fields)

    def models(self):
        entry = self.client.models.retrieve(self.model)
        assert entry.id == self.model and entry.context_length > 0, entry

    def completions(self):
        prompts = ["The capital of France is", "Once upon a time"]
        whole = self.client.completions.create(model=self.model, prompt=prompts, max_tokens=8, temperature=0)
        assert [choice.index for choice in whole.choices] == [0, 1], whole
        streamed = ["", ""]
        for chunk in self.client.completions.create(model=self.model, prompt=prompts, max_tokens=8, temperature=0, stream=True):
            for choice in chunk.choices:
                streamed[choice.index] += choice.text
        assert streamed == [choice.text for choice in whole.choices], streamed

    def scored_prompt(self):
        text = "The capital of France is Paris."
        choice = self.client.completions.create(
            model=self.model, prompt=text, max_tokens=1, temperature=0, echo=True, logprobs=1).choices[0]
        scores = choice.logprobs.token_logprobs
        assert choice.text.startswith(text) and scores[0] is None and all(score <= 0 for score in scores[1:]), choice

    def several_chats(self):
        answers = self.client.chat.completions.create(**self.chat(n=3, seed=7, temperature=1))
        assert [choice.index for choice in answers.choices] == [0, 1, 2], answers
        parts = self.client.chat.completions.create(
            **self.chat([{"type": "text", "text": "Hello."}], stream=True, stream_options={"include_usage": True}))
        assert list(parts)[-1].usage.completion_tokens > 0

    def form_of_a_class(self):
        for seed in self.seeds:
            asked = self.chat(response_format=Person, temperature=1, seed=seed)
            Person.model_validate_json(answered(lambda: self.client.chat.completions.parse(**asked)).content)

    def any_object(self):
        for seed in self.seeds:
            answer = self.client.chat.completions.create(
                **self.chat(response_format={"type": "json_object"}, temperature=2, seed=seed))
            assert isinstance(json.loads(answer.choices[0].message.content), dict), answer

    def tools(self):
        asked = self.chat("How is the weather in Rome?", tools=[TOOL], tool_choice="required", temperature=1)
        try:
            answer = self.client.chat.completions.create(**asked)
        except openai.BadRequestError as refused:
            assert refused.param == "tools", refused
            print("  the model's template knows no tools, and the server says so")
            return
        call = answer.choices[0].message.tool_calls[0]
        assert json.loads(call.function.arguments)["unit"] in ("celsius", "kelvin"), call
        with self.client.chat.completions.stream(**asked) as stream:
            streamed = answered(stream.get_final_completion).tool_calls[0]
        assert streamed.function.name == "weather", streamed

    def refusals(self):
        for fields, param in [({"presence_penalty": 1}, "presence_penalty"), ({"n": 1000}, "n"),
                              ({"response_format": {"type": "xml"}}, "response_format.type")]:
            try:
                self.client.chat.completions.create(**self.chat(**fields))
                raise AssertionError(f"{fields} were not refused")
            except openai.BadRequestError as refused:
                assert refused.param == param, refused


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("options", nargs="*")
    given = parser.parse_args()
    server = subprocess.Popen([str(ROOT / "wanda"), "serve", str(given.model), "--port", "0", "--name", "m", *given.options],
                              stdout=subprocess.PIPE, text=True)
    try:
        lines = (re.search(r"http://localhost:(\d+)", line) for line in server.stdout)
        match = next(filter(None, lines), None)
        if not match:
            sys.exit("the server did not start")
        client = openai.OpenAI(base_url=match[0] + "/v1", api_key="none", max_retries=0)
        checks = Checks(client, "m", given.seeds)
        failed = 0
        for check in (checks.models, checks.completions, checks.scored_prompt, checks.several_chats, checks.form_of_a_class,
                      checks.any_object, checks.tools, checks.refusals):
            start = time.monotonic()
            try:
                check()
                result = "ok"
            except Exception:  # whatever it is, the others are tried
                traceback.print_exc()
                result, failed = "FAILED", failed + 1
            print(f"{check.__name__:16} {result} {time.monotonic() - start:.1f} s")
        sys.exit(failed > 0)
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
