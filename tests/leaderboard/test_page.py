"""The page as an application: its events, its start, and its dependencies."""

import os
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from cmcc_bench.files import resource_folder
from cmcc_bench.hub.card import card_head
from cmcc_bench.leaderboard.page import _Page, gr
from cmcc_bench.leaderboard.policy import HEADERS
from cmcc_bench.leaderboard.reader import BoardReader
from cmcc_bench.leaderboard.view import KINDS
from tests.leaderboard.boards import write_board
from tests.leaderboard.serving import served
from tests.servers import free_port

A, B = "00001-markovian-gpt-2-variant", "00011-echo"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_board(tmp_path_factory.mktemp("board"))


def page_of(source):
    with gr.Blocks() as blocks:
        return _Page(BoardReader(source), blocks)


@pytest.fixture(scope="module")
def page(folder):
    return page_of(folder)


def test_the_page_opens_with_the_first_track_by_its_main_score(page):
    heading, track, order, table, plot, *_ = page.show_board(None, None, "", [*KINDS], 0)
    assert "SYNTHETIC" in heading
    assert track["choices"] == [("Response generation, end to end", "response"), ("Emotions of the user", "emotion")]
    assert (track["value"], order["value"]) == ("response", "bleu")
    assert "18 of 18 systems" in table and "BLEU-4, with 95 % intervals" in plot


def test_the_two_best_ranked_systems_are_preselected(page):
    shown = page.show_board("response", "bleu", "", [*KINDS], 0)
    a, b = shown[8], shown[9]
    assert (a["value"], b["value"]) == ("00008-system", A)
    assert {"gold", "random"} < {key for _, key in a["choices"]} and len(a["choices"]) == 14  # all that have counts


def test_another_track_has_other_scores_to_sort_by(page):
    order = page.show_board("emotion", "bleu", "", [*KINDS], 0)[2]
    assert order["value"] == "macro_f1" and ("micro F1", "micro_f1") in order["choices"]


def test_a_filter_limits_the_systems_to_compare_and_keeps_the_selected_one(page):
    *_, a, b = page.filter_rows("response", "bleu", "echo", [*KINDS], 0, A, None)
    assert [key for _, key in a["choices"]] == [B, A] and "value" not in a and b["value"] is None


def test_a_filter_that_is_sent_during_a_sort_keeps_the_new_order(page):
    """Its event reads the order when it runs: a state of the server, not the value that the browser sent."""
    blocks = page.order
    while blocks.parent:
        blocks = blocks.parent
    filters = [event for event in blocks.fns.values() if event.fn == page.filter_rows]
    assert len(filters) == 2 and all(event.inputs[1] is page.chosen_order for event in filters)
    assert page.sort("response", "bleu", "", [*KINDS], 0, gr.EventData(None, {"order": "success"}))[1] == "success"
    assert page.choose_order("success", "response", "bleu", "", [*KINDS], 0)[0] == "success"


def test_only_the_head_of_a_column_sorts_the_table(page):
    def sorted_by(order):
        event = gr.EventData(None, {"order": order})
        return page.sort("response", "bleu", "", [*KINDS], 0, event)[0]["value"]

    assert sorted_by("success") == "success" and sorted_by("date") == "date"
    assert sorted_by("<script>") == "bleu" and sorted_by(["success"]) == "bleu"


def test_two_submissions_are_compared_with_20_differences_on_a_page(page):
    test, differing, place, before, after = page.show_comparison("response", A, B)
    assert "A has the higher BLEU-4" in test and "These are 1 to 20" in differing and place == 0
    assert (before["interactive"], after["interactive"], after["visible"]) == (False, True, True)
    differing, place, *_ = page.turn_differences(1)("response", A, B, place)
    assert "These are 21 to 40" in differing and place == 1


def test_a_bound_can_be_compared_without_differences(page):
    test, differing, *_ = page.show_comparison("response", A, "gold")
    assert (
        "B has the higher BLEU-4" in test
        and "To see single answers that differ, choose two submitted systems" in differing
    )


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (None, B, "Choose two systems"),
        (A, A, "are the same"),
        (A, "00099-gone", "no longer on the leaderboard"),
        (A, "../../etc", "no longer on the leaderboard"),
    ],
)
def test_systems_that_cannot_be_compared_have_a_message(page, a, b, message):
    assert message in page.show_comparison("response", a, b)[0]


def test_missing_or_broken_answers_have_a_message(tmp_path):
    page = page_of(write_board(tmp_path))
    (tmp_path / "submissions" / A / "predictions.jsonl").unlink()
    assert "no such file" in page.show_comparison("response", A, B)[1]
    (tmp_path / "submissions" / B / "predictions.jsonl").write_text("{}\n")
    assert "cannot be read" in page.show_comparison("response", B, "00002-markovian-gpt-2-baseline")[1]


def test_a_page_without_a_board_says_what_to_do_in_every_part(tmp_path):
    page = page_of(tmp_path)
    heading, *_, help_, _, body = page.show_board(None, None, "", [*KINDS], 0)
    assert "The leaderboard cannot be read" in heading and "cmcc submit" in help_ and body["visible"] is False
    assert page.show_rows("response", "bleu", "", [], 0)[:2] == ["", ""]
    assert "Choose two" in page.show_comparison("response", A, B)[0]


def test_the_server_allows_no_other_host(folder):
    with served(folder) as address, urllib.request.urlopen(address) as answer:
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
        text = answer.read().decode()
    loaded = re.findall(r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=\"([^\"]*)\"", text)
    assert loaded and not [name for name in loaded if name.startswith(("http:", "https:", "//"))]


def test_the_space_s_card_names_the_tested_gradio_and_an_existing_file():
    card = card_head(resource_folder("leaderboard"))
    pins = (Path(__file__).parents[2] / "constraints.txt").read_text().splitlines()
    assert f"gradio=={card['sdk_version']}" in pins and card["sdk"] == "gradio" and card["datasets"] == []
    assert (resource_folder("leaderboard") / card["app_file"]).is_file() and len(card["short_description"]) <= 60


def test_the_space_s_start_file_serves_the_configured_board(folder, tmp_path):
    port = free_port()
    environment = os.environ | {
        "CMCC_RESULTS": str(folder),
        "GRADIO_SERVER_PORT": str(port),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    command = [sys.executable, str(resource_folder("leaderboard") / "app.py")]
    with (tmp_path / "log").open("w") as log:
        running = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            assert status_of(f"http://127.0.0.1:{port}/", running) == 200, (tmp_path / "log").read_text()
        finally:
            running.terminate()
            running.wait()


def status_of(address, running, seconds=60):
    """The status of the first response; None if the process ends, or does not respond in time."""
    for _ in range(seconds * 4):
        try:
            with urllib.request.urlopen(address) as answer:
                return answer.status
        except OSError:
            time.sleep(0.25)
        if running.poll() is not None:
            return None
    return None


def test_the_page_needs_only_the_packages_of_its_extra():
    missing = ("torch", "sklearn", "evaluate", "transformers", "accelerate", "matplotlib", "plotly")
    code = f"import sys\nfor name in {missing}: sys.modules[name] = None\nimport cmcc_bench.leaderboard.page"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
