"""Overhead of asking a language model, with a server that answers at once, and memory by the number of requests.

    python benchmarks/endpoint.py                               # under a minute, on Linux

The server is a process of its own and sends one fixed answer. What is measured is a whole run of the task emotion: rows
from disk, messages, requests, answers, the journal and the file. Memory is that of the process after the first thousand
requests and at the end: of an answer one number is kept.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import resource
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

import datasets

from cmcc_bench.dataset import build
from cmcc_bench.endpoint.client import Endpoint
from cmcc_bench.endpoint.run import AskSettings, predict
from cmcc_bench.simulate import write_corpus

GOAL_MILLISECONDS = 3.0
WARM_UP = 1000  # requests before the memory is measured
_ANSWER = '{"emotions": ["中性"]}'


def _reply(answer: str) -> bytes:
    """The server's whole reply with a model's answer."""
    usage = {"prompt_tokens": 1000, "completion_tokens": 10}
    body = json.dumps({"choices": [{"message": {"content": answer}}], "usage": usage}).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, most: list[int], reply: bytes) -> None:
    """Answers the requests of a connection until it is closed. most: connections now, and the most so far."""
    most[0] += 1
    most[1] = max(most)
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.lower().split(b"\r\n")
            size = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length"))
            await reader.readexactly(size)
            writer.write(reply)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()
    finally:
        most[0] -= 1


def serve(ready: Connection, answer: str) -> None:
    """Runs a server with one answer to all; sends its port and, at the end, the highest number of connections."""

    async def run() -> None:
        """Listens until the process is ended."""
        most, reply = [0, 0], _reply(answer)
        server = await asyncio.start_server(lambda reader, writer: _answer(reader, writer, most, reply), "127.0.0.1", 0)
        ready.send(server.sockets[0].getsockname()[1])
        await asyncio.get_running_loop().run_in_executor(None, ready.recv)
        ready.send(most[1])

    asyncio.run(run())


def resident_bytes() -> int:
    """The memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def measure(folder: Path, concurrency: int) -> None:
    """Runs over a built folder and prints what it took."""
    server, settings = Server(), AskSettings(task="emotion", split="train")
    sizes: list[int] = []  # of the process, from the first thousand requests on

    def watch(done: int, total: int, note: str = "") -> None:  # noqa: ARG001  # what a progress function takes
        """Notes the memory each thousand requests, and at the end."""
        if done and (done % WARM_UP == 0 or done == total):
            sizes.append(resident_bytes())

    endpoint, cpu = Endpoint(server.url, "instant", concurrency=concurrency), time.process_time()
    run = predict(endpoint, str(folder / "cmcc"), folder / "x.jsonl", settings, watch)
    cpu, requests = time.process_time() - cpu, run.exchanges
    print(f"{requests} requests, {server.most()} in flight at most: {1000 * run.seconds / requests:.2f} ms a request")
    print(f"goal: at most {GOAL_MILLISECONDS:g} ms")
    print(f"CPU with opening the data and writing the file: {1000 * cpu / requests:.2f} ms a request")
    print(f"memory after {WARM_UP} requests: {sizes[0] / 2**20:.1f} MB; at the end {sizes[-1] / 2**20:.1f} MB")
    print(f"growth: {(sizes[-1] - sizes[0]) / (requests - WARM_UP):.0f} bytes a request")


class Server:
    """The server's process."""

    def __init__(self, answer: str = _ANSWER) -> None:
        self._end, other = multiprocessing.Pipe()
        self._process = multiprocessing.get_context("spawn").Process(target=serve, args=(other, answer), daemon=True)
        self._process.start()
        self.url = f"http://127.0.0.1:{self._end.recv()}/v1"

    def most(self) -> int:
        """Ends the server; the most connections that it had at a time."""
        self._end.send("stop")
        found: int = self._end.recv()
        self._process.join()
        return found


def main() -> None:
    """Parses the arguments, measures, prints."""
    parser = argparse.ArgumentParser(description=str(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dialogues", type=int, default=1000, help="simulated dialogues (default: %(default)s)")
    parser.add_argument("--concurrency", type=int, default=32, help="requests in flight (default: %(default)s)")
    options = parser.parse_args()
    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as folder:
        write_corpus(Path(folder) / "raw", options.dialogues, 0, 0)
        build(Path(folder) / "raw", Path(folder) / "cmcc")
        measure(Path(folder), options.concurrency)


if __name__ == "__main__":
    main()
