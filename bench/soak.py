#!/usr/bin/env python3
"""A server under many short requests: does its memory level off, and what do streams that run together reach?

    soak.py MODEL [--requests 10000] [--concurrent 8] [--seconds 1500] [--streams 1,8] [--tokens 128] [-- OPTIONS OF wanda serve]

Starts `wanda serve MODEL` on a free port of this machine and talks to nobody else. First measures the total tokens/s of some
numbers of streams, then sends requests of all kinds (whole, in parts, long ones, refused ones, and callers who leave in the middle)
and prints the server's memory, open files and threads as it goes; ends at the number of requests or of seconds, whichever comes
first, and with exit code 1 where a request was answered wrongly, the server does not end idle, or its anonymous memory is ever
more than 100 MB above what it was before the first of them.
"""
import argparse
import http.client
import itertools
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROMPTS = ["The capital of France is", "Once upon a time", "In the year 1900", "Water boils when", "My favourite colour is",
           "The three laws of", "A recipe for bread needs", "She opened the door and"]
MOST_GROWTH = 100  # MB


class Server:
    def __init__(self, model, options):
        command = [str(ROOT / "wanda"), "serve", str(model), "--port", "0", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        lines = (re.search(r"http://localhost:(\d+)", line) for line in self.process.stdout)
        match = next(filter(None, lines), None)
        if not match:
            sys.exit("the server did not start")
        self.port = int(match[1])

    def post(self, body, read=True):
        """The status and the body; the status alone where the caller leaves after the first bytes."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request("POST", "/v1/completions", json.dumps(body), {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read() if read else response.read(1) and b""
        finally:
            connection.close()

    def metric(self, name):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        return float(re.search(rf"^{name} (\S+)$", text, re.MULTILINE)[1])

    def usage(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        value = {key: int(re.search(rf"^{key}:\s+(\d+)", status, re.MULTILINE)[1])
                 for key in ("VmRSS", "RssAnon", "Threads")}
        return value["VmRSS"] / 1024, value["RssAnon"] / 1024, value["Threads"], len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def stop(self):
        self.process.terminate()
        return self.process.wait(timeout=30)


def throughput(server, streams, tokens):
    """Total tokens/s of that many streams, each a long answer."""
    counts = []

    def stream(i):
        body = {"prompt": PROMPTS[i % len(PROMPTS)], "max_tokens": tokens, "temperature": 1, "seed": i,
                "stream": True, "stream_options": {"include_usage": True}}
        _, answer = server.post(body)
        counts.append(json.loads(answer.decode().split("data: ")[-2])["usage"]["completion_tokens"])

    threads = [threading.Thread(target=stream, args=(i,)) for i in range(streams)]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.monotonic() - start)


def kinds():
    """Bodies, whether the answer is read to its end, and the statuses that are right."""
    for i in itertools.count():
        body = {"prompt": PROMPTS[i % len(PROMPTS)] + " " + str(i), "max_tokens": 1 + i % 8, "seed": i}
        if i % 10 == 7:
            yield {**body, "n": 2}, True, {400}
        elif i % 10 == 6:
            yield {**body, "prompt": " ".join(PROMPTS) * 4 + f" {i}"}, True, {200, 429}
        elif i % 10 == 8:
            yield {**body, "max_tokens": 64, "stream": True}, False, {200, 429}
        else:
            yield {**body, "stream": i % 2 == 0, "logprobs": 2 if i % 5 == 0 else None}, True, {200, 429}


def soak(server, requests, concurrent, seconds):
    numbers = itertools.islice(kinds(), requests)
    lock = threading.Lock()
    done = {"all": 0, "wrong": 0}
    anonymous = []
    end = time.monotonic() + seconds

    def report():
        resident, anon, threads, files = server.usage()
        anonymous.append(anon)
        print(f"{done['all']:8} {resident:9.0f} {anon:9.0f} {files:7} {threads:8} "
              f"{server.metric('wanda_cache_bytes') / 2**20:9.1f}", flush=True)

    def work():
        while time.monotonic() < end:
            with lock:
                kind = next(numbers, None)
            if kind is None:
                return
            body, read, right = kind
            try:
                status, _ = server.post(body, read)
            except OSError:
                status = 0
            with lock:
                done["all"] += 1
                done["wrong"] += status not in right
                if done["all"] % max(1, requests // 20) == 0:
                    report()

    print("requests  RSS (MB) anon (MB)   files  threads cache (MB)")
    report()
    workers = [threading.Thread(target=work) for _ in range(concurrent)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return done, max(anonymous) - anonymous[0]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--concurrent", type=int, default=8)
    parser.add_argument("--seconds", type=int, default=1500)
    parser.add_argument("--streams", default="1,8")
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=3)
    given = sys.argv[1:]
    end = given.index("--") if "--" in given else len(given)
    arguments = parser.parse_args(given[:end])
    server = Server(arguments.model, given[end + 1:])
    failed = True
    try:
        throughput(server, 8, arguments.tokens)  # compiles
        rates = {}
        for streams in map(int, arguments.streams.split(",")):
            rates[streams] = [throughput(server, streams, arguments.tokens) for _ in range(arguments.repeats)]
            best = max(rates[streams])
            base = max(next(iter(rates.values())))
            print(f"{streams:3} streams: {' '.join(f'{rate:.1f}' for rate in rates[streams])} tokens/s in all; "
                  f"best {best / base:.2f}x", flush=True)
        done, growth = soak(server, arguments.requests, arguments.concurrent, arguments.seconds)
        give_up = time.monotonic() + 30
        while server.metric("wanda_running") + server.metric("wanda_waiting") > 0 and time.monotonic() < give_up:
            time.sleep(0.1)
        busy = server.metric("wanda_running") + server.metric("wanda_waiting")
        print(f"{done['all']} requests, {done['wrong']} answered wrongly, {busy:.0f} still there; "
              f"anonymous memory grew by at most {growth:.0f} MB, {MOST_GROWTH} are allowed")
        failed = done["wrong"] > 0 or busy > 0 or growth > MOST_GROWTH
    finally:
        print("exit code", server.stop())
    sys.exit(failed)


if __name__ == "__main__":
    main()
