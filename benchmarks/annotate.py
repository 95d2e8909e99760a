"""The page of `cmcc annotate` in a real Chromium: keys per utterance, the answer to a key, the time to open.

    python benchmarks/annotate.py                     # the sample, and 10,000 calls; some minutes
    python benchmarks/annotate.py --calls 400

Keys per utterance: calls of the sample are labeled by keyboard, with the labels of the data as suggestions; these are
always right. The answer to a key: from the key until the next frame of the page shows what is on disk. The command runs
in a process of its own, with a file in which all calls but the last hundredth are labeled.

Beside the times stand two pages of the same browser, in turns and in random order: an empty one, which answers a key
with its next frame, and the least that saves a key: a request, a line on disk, a frame. What is slow there is the
machine. Keys begin a second after the pages are open.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

from cmcc_bench.quality.calls import find_source, read_calls
from cmcc_bench.quality.exchange import exchanged, write_care
from cmcc_bench.simulate import write_corpus

PAGE = """<p>{name}<script>onkeydown = async (event) => {{
  {work}
  requestAnimationFrame(() => {{
    const page = document.body.dataset;
    page.latency = performance.now() - event.timeStamp;
    page.keys = Number(page.keys || 0) + 1;
  }});
}}</script>"""
EMPTY = "data:text/html," + PAGE.format(name="empty", work="")
LEAST = PAGE.format(name="least", work='await (await fetch("key", { method: "POST", body: "{}" })).text();')
KEYS = ["1", "Enter", "0", "Enter", "ArrowRight", "2", "z", "g", "Enter", "1"]
SAVES = "a minimal page that saves each key"
SECONDS = 30.0  # the longest wait for a page or the answer to a key
GOAL = 50.0  # milliseconds


@contextmanager
def served(data: str, out: Path, suggest: str) -> Iterator[str]:
    """The address of the page of `cmcc annotate` over a data set."""
    arguments = ["annotate", data, "--annotator", "A", "--out", str(out), "--suggest", suggest]
    command = [sys.executable, "-m", "cmcc_bench.cli", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"COLUMNS": "200"})
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split()[1]
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(SECONDS)
        process.stdout.close()


def serve_least(path: Path, parent: Connection) -> None:
    """Answers a key when a line is on disk; sends its address to the parent."""
    file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)

    async def app(scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:  # noqa: ANN401
        """The page, or the answer to a key."""
        if scope["method"] == "POST":
            await receive()
            os.write(file, b"x" * 150 + b"\n")
            os.fsync(file)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
        await send({"type": "http.response.body", "body": LEAST.encode()})

    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # as PageServer's
    listening.bind(("127.0.0.1", 0))
    parent.send(f"http://127.0.0.1:{listening.getsockname()[1]}/")
    config = uvicorn.Config(app, log_level="error", access_log=False, lifespan="off", ws="none")
    uvicorn.Server(config).run(sockets=[listening])


@contextmanager
def served_least(path: Path) -> Iterator[str]:
    """The address of the least page that saves a key."""
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=serve_least, args=(path, sending), daemon=True)
    process.start()
    try:
        assert receiving.poll(SECONDS), "the server of the least page does not start"
        yield receiving.recv()
    finally:
        process.kill()
        process.join(SECONDS)


def open_page(browser: Browser, address: str) -> tuple[Page, float]:
    """The page, and the seconds until its content is shown."""
    page = browser.new_page(viewport={"width": 1280, "height": 844})
    page.set_default_timeout(SECONDS * 1000)
    start = time.perf_counter()
    page.goto(address)
    page.wait_for_selector("#turns li, body > p:not([hidden])")
    return page, time.perf_counter() - start


def press(page: Page, key: str) -> float:
    """Presses a key; returns the milliseconds until it is answered."""
    done = int(page.locator("body").get_attribute("data-keys") or 0)
    page.keyboard.press(key)
    page.wait_for_selector(f'body[data-keys="{done + 1}"]')
    return float(page.locator("body").get_attribute("data-latency") or 0)


def label_calls(page: Page, address: str, least: Page, calls: int) -> tuple[int, list[float], list[float]]:
    """Labels calls as suggested, the satisfaction by its number; presses a key on the least page in turns.

    Returns the number of utterances, and all latencies of both pages.
    """
    utterances, latencies, beside = 0, list[float](), list[float]()
    for number in range(calls):
        call = get_call(address, number)
        utterances += len(call["utterances"])
        for question in call["questions"]:
            key = str(question["proposal"][0] + 1) if question["field"] == "satisfaction" else "Enter"
            least.bring_to_front()
            beside.append(press(least, "1"))
            page.bring_to_front()
            latencies.append(press(page, key))
        decided = [one["labels"] for one in get_call(address, number)["questions"]]
        assert decided == [one["proposal"] for one in call["questions"]], f"call {number + 1} has other labels"
    return utterances, latencies, beside


def get_call(address: str, number: int) -> Any:  # noqa: ANN401  # JSON
    """A call as the page gets it."""
    with urllib.request.urlopen(f"{address}call?number={number}", timeout=SECONDS) as answer:
        return json.load(answer)


def show(name: str, latencies: list[float]) -> None:
    """Prints the distribution of latencies."""
    ordered = sorted(latencies)
    slow = sum(one > GOAL for one in ordered)
    middle, p95 = statistics.median(ordered), ordered[int(0.95 * (len(ordered) - 1))]
    share = f"within {GOAL:.0f} ms {100 * (1 - slow / len(ordered)):.1f} % ({slow} of {len(ordered)} slower)"
    print(f"{name}: median {middle:.0f} ms, 95 % {p95:.0f} ms, longest {ordered[-1]:.0f} ms, {share}")


def write_work(work: Path, calls: int) -> Path:
    """Writes calls, and a care file that labels all but the last hundredth; returns the care file."""
    write_corpus(work / "raw", calls, 0, seed=1)
    out, source = work / "many.json", find_source(str(work / "raw"))
    write_care(out, map(exchanged, islice(read_calls(source), calls - calls // 100)), "A")
    return out


def compare_pages(browser: Browser, addresses: dict[str, str], rounds: int) -> None:
    """Opens the pages and presses the same keys on all, in turns, and prints the times."""
    opened = {name: list[float]() for name in addresses}
    latencies = {name: list[float]() for name in addresses}
    order = random.Random(0)
    for _ in range(rounds):
        pages = {}
        for name, address in addresses.items():
            pages[name], seconds = open_page(browser, address)
            opened[name].append(seconds)
        time.sleep(1)
        for key in KEYS * 4:
            for name in order.sample(sorted(pages), len(pages)):
                pages[name].bring_to_front()
                latencies[name].append(press(pages[name], key))
        for page in pages.values():
            page.close()
    times = ", ".join(f"{name} {statistics.median(seconds):.2f} s" for name, seconds in opened.items())
    print(f"opening: {times}; goal: 1 s")
    for name, measured in latencies.items():
        show(name, measured)


def compare(work: Path, browser: Browser, calls: int, labeled: int, rounds: int) -> None:
    """Measures and prints everything."""
    with served("sample", work / "sample.json", "data") as address, served_least(work / "least") as least:
        page, least_page = open_page(browser, address)[0], open_page(browser, least)[0]
        time.sleep(1)
        utterances, latencies, beside = label_calls(page, address, least_page, labeled)
        page.close()
        least_page.close()
    print(f"sample: {len(latencies) / utterances:.2f} keys an utterance in {labeled} calls; goal: at most 1.2")
    show("the sample", latencies)
    show(SAVES, beside)
    out, began = write_work(work, calls), time.perf_counter()
    with served(str(work / "raw"), out, "lexicon") as address, served_least(work / "least") as least:
        print(f"{calls} calls are read after {time.perf_counter() - began:.0f} s")
        addresses = {"an empty page": EMPTY, SAVES: least, f"{calls} calls": address}
        compare_pages(browser, addresses, rounds)


def main() -> None:
    """Parses the arguments."""
    parser = argparse.ArgumentParser(description=str(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=10_000, help="number of calls loaded (default: %(default)s)")
    parser.add_argument("--labeled", type=int, default=20, help="calls of the sample labeled (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="times that the pages are opened (default: %(default)s)")
    options = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="cmcc-bench-"))
    try:
        with sync_playwright() as playwright:
            found = shutil.which("chromium") or shutil.which("chromium-browser")
            browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
            compare(work, browser, options.calls, options.labeled, options.rounds)
            browser.close()
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
