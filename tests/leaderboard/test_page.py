"""The page as an application: what it sends and shows, how it starts, and what it needs."""

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
from tests.leaderboard.serving import free_port, served

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


def test_what_is_opened_first_is_the_first_track_by_its_main_score(page):
    heading, track, order, table, plot, *_ = page.show_board(None, None, "", [*KINDS], 0)
    assert "SYNTHETIC" in heading
    assert track["choices"] == [("Response generation, end to end", "response"), ("Emotions of the user", "emotion")]
    assert (track["value"], order["value"]) == ("response", "bleu")
    assert "18 of 18 systems" in table and "BLEU-4, with 95 % intervals" in plot


def test_the_two_best_that_are_ranked_are_the_first_to_compare(page):
    shown = page.show_board("response", "bleu", "", [*KINDS], 0)
    a, b = shown[8], shown[9]
    assert (a["value"], b["value"]) == ("00008-system", A)
    assert {"gold", "random"} < {key for _, key in a["choices"]} and len(a["choices"]) == 14  # all that have counts


def test_another_track_has_other_scores_to_sort_by(page):
    order = page.show_board("emotion", "bleu", "", [*KINDS], 0)[2]
    assert order["value"] == "macro_f1" and ("micro F1", "micro_f1") in order["choices"]


def test_a_filter_narrows_what_can_be_compared_and_keeps_what_was_chosen(page):
    *_, a, b = page.narrow("response", "bleu", "echo", [*KINDS], 0, A, None)
    assert [key for _, key in a["choices"]] == [B, A] and a["value"] == A and b["value"] is None


def test_the_head_of_a_column_sorts_by_it_and_by_nothing_else(page):
    def sorted_by(order):
        event = gr.EventData(None, {"order": order})
        return page.sort("response", "bleu", "", [*KINDS], 0, event)[0]["value"]

    assert sorted_by("success") == "success" and sorted_by("date") == "date"
    assert sorted_by("<script>") == "bleu" and sorted_by(["success"]) == "bleu"


def test_two_submissions_are_tested_and_their_differing_exchanges_told_20_at_a_time(page):
    test, differing, place, before, after = page.show_comparison("response", A, B)
    assert "A has the higher BLEU-4" in test and "These are 1 to 20" in differing and place == 0
    assert (before["interactive"], after["interactive"], after["visible"]) == (False, True, True)
    differing, place, *_ = page.turn_differences(1)("response", A, B, place)
    assert "These are 21 to 40" in differing and place == 1


def test_a_bound_is_tested_too_and_it_is_said_why_its_answers_are_not_shown(page):
    test, differing, *_ = page.show_comparison("response", A, "gold")
    assert "B has the higher BLEU-4" in test and "Answers are kept of submitted systems alone" in differing


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        (None, B, "Choose two systems"),
        (A, A, "are the same"),
        (A, "00099-gone", "no longer on the board"),
        (A, "../../etc", "no longer on the board"),
    ],
)
def test_what_cannot_be_compared_is_said(page, a, b, said):
    assert said in page.show_comparison("response", a, b)[0]


def test_answers_that_are_gone_or_broken_are_a_sentence(tmp_path):
    page = page_of(write_board(tmp_path))
    (tmp_path / "submissions" / A / "predictions.jsonl").unlink()
    assert "no such file" in page.show_comparison("response", A, B)[1]
    (tmp_path / "submissions" / B / "predictions.jsonl").write_text("{}\n")
    assert "cannot be read" in page.show_comparison("response", B, "00002-markovian-gpt-2-baseline")[1]


def test_a_page_without_a_board_says_what_to_do_in_every_part(tmp_path):
    page = page_of(tmp_path)
    heading, *_, help_, _, body = page.show_board(None, None, "", [*KINDS], 0)
    assert "The board cannot be read" in heading and "cmcc submit" in help_ and body["visible"] is False
    assert page.show_rows("response", "bleu", "", [], 0)[:2] == ["", ""]
    assert "Choose two" in page.show_comparison("response", A, B)[0]


def test_the_answer_of_the_server_names_no_other_host_to_load_from_and_forbids_it(folder):
    with served(folder) as address, urllib.request.urlopen(address) as answer:
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
        text = answer.read().decode()
    loaded = re.findall(r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=\"([^\"]*)\"", text)
    assert loaded and not [name for name in loaded if name.startswith(("http:", "https:", "//"))]


def test_the_space_s_card_names_the_gradio_that_was_tested_and_a_file_that_is_there():
    card = card_head(resource_folder("leaderboard"))
    pins = (Path(__file__).parents[2] / "constraints.txt").read_text().splitlines()
    assert f"gradio=={card['sdk_version']}" in pins and card["sdk"] == "gradio" and card["datasets"] == []
    assert (resource_folder("leaderboard") / card["app_file"]).is_file() and len(card["short_description"]) <= 60


def test_the_space_s_start_file_serves_the_board_that_is_named(folder, tmp_path):
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
    """The status of the first answer; None when the process ends, or gives none in time."""
    for _ in range(seconds * 4):
        try:
            with urllib.request.urlopen(address) as answer:
                return answer.status
        except OSError:
            time.sleep(0.25)
        if running.poll() is not None:
            return None
    return None


def test_the_page_needs_no_package_but_those_of_its_extra():
    missing = ("torch", "sklearn", "evaluate", "transformers", "accelerate", "matplotlib", "plotly")
    code = f"import sys\nfor name in {missing}: sys.modules[name] = None\nimport cmcc_bench.leaderboard.page"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
