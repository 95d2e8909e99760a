"""A scripted chat-completions server on a loopback port: it answers as a test says and remembers what it was asked."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Script:
    """What the server does: `answer(request, number)` gives the text of an answer, or a Raw reply.

    requests: the decoded bodies, in the order in which they came; keys: the Authorization headers; most: the most
    requests that were there at the same time.
    """

    def __init__(self, answer):
        self.answer, self.requests, self.keys = answer, [], []
        self.now = self.most = 0
        self.lock = threading.Lock()
        self.url = ""


class Raw:
    """A reply other than a chat completion. pause: seconds before it; cut: bytes of the body that are sent."""

    def __init__(self, status=200, body=b"", headers=(), pause=0.0, cut=None):
        self.status, self.headers, self.pause, self.cut = status, dict(headers), pause, cut
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()


def error(status, message, **headers):
    return Raw(status, {"error": {"message": message}}, headers)


def completion(text, **more):
    usage = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return {"id": "1", "object": "chat.completion", "created": 0, "model": "tiny-1", "choices": [choice]} | {
        "usage": usage,
        **more,
    }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_):
        pass

    def do_POST(self):
        script = self.server.script
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with script.lock:
            script.requests.append(request)
            script.keys.append(self.headers.get("Authorization"))
            number = len(script.requests)
            script.now += 1
            script.most = max(script.most, script.now)
        try:
            reply = Raw(404, b"no such page") if self.path != "/v1/chat/completions" else script.answer(request, number)
            self.send(reply if isinstance(reply, Raw) else Raw(body=completion(reply)))
        finally:
            with script.lock:
                script.now -= 1

    def send(self, reply):
        time.sleep(reply.pause)
        try:
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(reply.body[: reply.cut])
        except OSError:
            return
        if reply.cut is not None:
            self.close_connection = True


class _Server(ThreadingHTTPServer):
    request_queue_size = 64
    daemon_threads = True

    def handle_error(self, *_):
        """A client that went away is no news."""


def start(answer):
    """Starts a server; returns its script, and the function that stops it."""
    server = _Server(("127.0.0.1", 0), Handler)
    server.script = Script(answer)
    server.script.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    def stop():
        server.shutdown()
        server.server_close()

    return server.script, stop
