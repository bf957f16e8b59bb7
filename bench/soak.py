#!/usr/bin/env python3
"""A server under many short requests: does anything leak, and what do streams that run together reach?

    soak.py MODEL [--requests 10000] [--concurrent 8] [--seconds 1500] [--streams 1,8] [--tokens 128]

Starts `wanda serve MODEL` on a free port of this machine and talks to nobody else. First measures the total tokens/s of some
numbers of streams, then sends requests of all kinds (whole, in parts, refused, and callers who leave in the middle) and prints
the server's memory, open files and threads as it goes; ends at the number of requests or of seconds, whichever comes first,
and with exit code 1 where the server does not end idle.
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
        elif i % 10 == 8:
            yield {**body, "max_tokens": 64, "stream": True}, False, {200, 429}
        else:
            yield {**body, "stream": i % 2 == 0, "logprobs": 2 if i % 5 == 0 else None}, True, {200, 429}


def soak(server, requests, concurrent, seconds):
    numbers = itertools.islice(kinds(), requests)
    lock = threading.Lock()
    done = {"all": 0, "wrong": 0}
    end = time.monotonic() + seconds

    def report():
        resident, anonymous, threads, files = server.usage()
        print(f"{done['all']:8} {resident:9.0f} {anonymous:9.0f} {files:7} {threads:8} "
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
                if done["all"] % max(1, requests // 10) == 0:
                    report()

    print("requests  RSS (MB) anon (MB)   files  threads cache (MB)")
    report()
    workers = [threading.Thread(target=work) for _ in range(concurrent)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return done


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--concurrent", type=int, default=8)
    parser.add_argument("--seconds", type=int, default=1500)
    parser.add_argument("--streams", default="1,8")
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("options", nargs="*", help="for wanda serve, after --")
    arguments = parser.parse_args()
    server = Server(arguments.model, arguments.options)
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
        done = soak(server, arguments.requests, arguments.concurrent, arguments.seconds)
        give_up = time.monotonic() + 30
        while server.metric("wanda_running") + server.metric("wanda_waiting") > 0 and time.monotonic() < give_up:
            time.sleep(0.1)
        busy = server.metric("wanda_running") + server.metric("wanda_waiting")
        print(f"{done['all']} requests, {done['wrong']} answered wrongly, {busy:.0f} still there")
        failed = done["wrong"] > 0 or busy > 0
    finally:
        print("exit code", server.stop())
    sys.exit(failed)


if __name__ == "__main__":
    main()
