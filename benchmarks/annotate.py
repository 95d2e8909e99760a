"""The page of `cmcc annotate` in a real Chromium: keys per utterance, the answer to a key, the time to open.

    python benchmarks/annotate.py                     # the sample, and 10,000 calls; some minutes
    python benchmarks/annotate.py --calls 400

Keys per utterance: calls of the sample are labeled by keyboard, with the labels of the data as suggestions; these are
always right. The answer to a key: from the key until the next frame of the page shows what is on disk. Beside the times
stands an empty page of the same browser and machine, in turns: opened, and answering a key with its next frame.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from cmcc_bench.annotate.open import AnnotationSettings, open_annotation
from cmcc_bench.annotate.server import PageServer
from cmcc_bench.annotate.session import AnnotationSession
from cmcc_bench.simulate import write_corpus

EMPTY = """data:text/html,<p>empty<script>onkeydown = (event) => requestAnimationFrame(() => {
  const page = document.body.dataset;
  page.latency = performance.now() - event.timeStamp;
  page.keys = Number(page.keys || 0) + 1;
})</script>"""
SECONDS = 10.0  # the longest wait for the answer to a key


@contextmanager
def served(data: str, out: Path, suggest: str) -> Iterator[tuple[AnnotationSession, str]]:
    """A session over a data set, and the address of its page."""
    session = open_annotation(data, "A", out, AnnotationSettings(suggest=suggest))
    server = PageServer(session)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield session, server.address
    finally:
        server.end()
        thread.join(SECONDS)
        session.close()


def open_page(browser: Browser, address: str) -> tuple[Page, float]:
    """The page, and the seconds until the first call is shown."""
    page = browser.new_page(viewport={"width": 1280, "height": 844})
    page.set_default_timeout(SECONDS * 1000)
    start = time.perf_counter()
    page.goto(address)
    page.wait_for_selector("#turns li" if address.startswith("http") else "p")
    return page, time.perf_counter() - start


def press(page: Page, key: str) -> float:
    """Presses a key; returns the milliseconds until it is answered."""
    done = int(page.locator("body").get_attribute("data-keys") or 0)
    page.keyboard.press(key)
    page.wait_for_selector(f'body[data-keys="{done + 1}"]')
    return float(page.locator("body").get_attribute("data-latency") or 0)


def label_calls(page: Page, session: AnnotationSession, calls: int) -> tuple[int, list[float]]:
    """Labels calls as suggested, the satisfaction by its number; returns the number of utterances and all latencies."""
    utterances, latencies = 0, []
    for number in range(calls):
        call = session.open(number)
        utterances += len(call["utterances"])
        for question in call["questions"]:
            right = question["proposal"]
            key = str(right[0] + 1) if question["field"] == "satisfaction" else "Enter"
            latencies.append(press(page, key))
        decided = [one["labels"] for one in session.open(number)["questions"]]
        assert decided == [one["proposal"] for one in call["questions"]], f"call {number + 1} has other labels"
    return utterances, latencies


def show(name: str, latencies: list[float]) -> None:
    """Prints the distribution of latencies."""
    ordered = sorted(latencies)
    share = 100 * sum(one <= 50 for one in ordered) / len(ordered)
    p95 = ordered[int(0.95 * (len(ordered) - 1))]
    print(f"{name}: median {statistics.median(ordered):.0f} ms, 95 % {p95:.0f} ms, within 50 ms {share:.1f} %")


def compare(work: Path, browser: Browser, calls: int, labeled: int) -> None:
    """Measures and prints everything."""
    with served("sample", work / "sample.json", "data") as (session, address):
        page, _ = open_page(browser, address)
        utterances, latencies = label_calls(page, session, labeled)
        print(f"sample: {len(latencies) / utterances:.2f} keys an utterance in {labeled} calls; goal: at most 1.2")
        show("sample", latencies)
    began = time.perf_counter()
    write_corpus(work / "raw", calls, 0, seed=1)
    with served(str(work / "raw"), work / "many.json", "lexicon") as (session, address):
        print(f"{calls} calls are read after {time.perf_counter() - began:.0f} s, with the simulation")
        opened, empty, answers, frames = [], [], [], []
        for _ in range(5):
            blank, seconds = open_page(browser, EMPTY)
            empty.append(seconds)
            page, seconds = open_page(browser, address)
            opened.append(seconds)
            for key in ["1", "Enter", "0", "Enter", "ArrowRight", "2", "z", "g", "Enter", "1"] * 2:
                blank.bring_to_front()
                frames.append(press(blank, key))
                page.bring_to_front()
                answers.append(press(page, key))
            blank.close()
            page.close()
        print(f"opening: {statistics.median(opened):.2f} s, an empty page {statistics.median(empty):.2f} s; goal: 1 s")
        show("an empty page", frames)
        show(f"{calls} calls", answers)


def main() -> None:
    """Parses the arguments."""
    parser = argparse.ArgumentParser(description=str(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=10_000, help="number of calls loaded (default: %(default)s)")
    parser.add_argument("--labeled", type=int, default=20, help="calls of the sample labeled (default: %(default)s)")
    options = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="cmcc-bench-"))
    try:
        with sync_playwright() as playwright:
            found = shutil.which("chromium") or shutil.which("chromium-browser")
            browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
            compare(work, browser, options.calls, options.labeled)
            browser.close()
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
