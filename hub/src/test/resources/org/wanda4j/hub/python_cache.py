"""Writes python-cache.txt: the cache as Hugging Face's Python client lays it out.

    pip install huggingface_hub && python python_cache.py > python-cache.txt

A line is a file with its size, or a link with its target. The client fetches from a server of this script, whose repository is that of
PythonCacheTest. Given a port, the script serves and fetches nothing.
"""

import hashlib
import http.server
import json
import os
import sys
import tempfile
import threading

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILES = {
    "config.json": b"{}\n",
    "tokenizer.json": b'{"version": "1.0"}',
    "model.safetensors": bytes(range(256)) * 4,
}
LARGE = {"model.safetensors"}


def git_digest(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def entry(path, content):
    listed = {"type": "file", "path": path, "size": len(content), "oid": git_digest(content)}
    if path in LARGE:
        listed["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
    return listed


class Hub(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = self.path.split("?")[0]
        print(self.command, self.path, file=sys.stderr)
        if "/tree/" in path:
            self.answer(json.dumps([entry(*file) for file in FILES.items()]).encode(), {})
        elif path.startswith("/api/models/org/name"):
            self.answer(json.dumps({"id": "org/name", "sha": COMMIT, "siblings": []}).encode(), {})
        elif "/resolve/" in path:
            name = path.rsplit("/", 1)[1]
            if name not in FILES:
                self.send_response(404)
                self.send_header("X-Error-Code", "EntryNotFound")
                self.send_header("X-Repo-Commit", COMMIT)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            listed = entry(name, FILES[name])
            etag = listed.get("lfs", listed)["oid"]
            self.answer(FILES[name], {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT})

    def answer(self, body, headers):
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def main():
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Hub)
    if port:
        server.serve_forever()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ["HF_ENDPOINT"] = f"http://127.0.0.1:{server.server_port}"
    from huggingface_hub import snapshot_download

    with tempfile.TemporaryDirectory() as cache:
        snapshot_download("org/name", cache_dir=cache)
        for folder, folders, files in sorted(os.walk(cache)):
            for name in sorted(files):
                path = os.path.join(folder, name)
                what = f"-> {os.readlink(path)}" if os.path.islink(path) else os.path.getsize(path)
                print(f"{os.path.relpath(path, cache)}\t{what}")


main()
