"""The page in a real Chromium: calls are labeled by keyboard alone, and by touch on a phone."""

import json
import threading
from contextlib import contextmanager

import pytest

pytest.importorskip("starlette")
from playwright.sync_api import expect

from cmcc_bench.annotate.adjudicate import Dispute
from cmcc_bench.annotate.server import PageServer
from cmcc_bench.quality.review import read_review
from tests.annotate.work import HTML, open_adjudication_work, open_review_work, open_work, write_disputed_calls
from tests.browsers import UNNAMED, chromium, needs_chromium

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@contextmanager
def serving(session):
    """The address of a session's page, and a function that ends the server and writes the file."""
    server = PageServer(session)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()

    def end():
        server.end()
        thread.join(10)
        session.close()

    try:
        yield server.address, end
    finally:
        end()


@contextmanager
def page_at(browser, address, width=1280, **options):
    """A page; at its end there was no error, and nothing was asked from elsewhere."""
    page = browser.new_page(viewport={"width": width, "height": 844}, locale="en-US", **options)
    page.set_default_timeout(15_000)
    asked, errors = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("dialog", lambda dialog: (errors.append(dialog.message), dialog.dismiss()))
    page.goto(address)
    expect(page.locator("#turns li").first).to_be_visible()
    yield page
    assert not errors and not [url for url in asked if not url.startswith((address, "data:"))]
    page.close()


def press(page, *keys):
    """Presses keys; each is answered before the next one."""
    for key in keys:
        done = int(page.locator("body").get_attribute("data-keys") or 0)
        page.keyboard.press(key)
        page.wait_for_selector(f'body[data-keys="{done + 1}"]')


def care(tmp_path):
    return json.loads((tmp_path / "care_A.json").read_text("utf-8"))["dialogues"]


def selected(page):
    return page.locator('[role="option"][aria-selected="true"]')


def test_two_calls_by_keyboard_alone(browser, tmp_path):
    with serving(open_work(tmp_path)) as (address, end), page_at(browser, address) as page:
        expect(selected(page)).to_contain_text("您好")
        expect(page.locator("#turns li").nth(1)).to_contain_text(HTML)
        expect(page.locator("#turns li").nth(1).locator(".suggested")).to_contain_text("complain about a problem ?")
        press(page, "Enter", "Enter", "Enter", "4", "2", "Enter")
        expect(selected(page)).to_contain_text("Satisfaction")
        press(page, "3")
        expect(page.locator("#number")).to_have_value("2")
        press(page, "z")
        expect(page.locator("#number")).to_have_value("1")
        expect(page.locator("#status")).to_contain_text("Undone: not labeled")
        press(page, "1", "n")
        page.keyboard.type("noisy line")
        page.keyboard.press("Enter")
        expect(selected(page).locator(".chip").last).to_contain_text("✎")
        press(page, "ArrowLeft", "/")
        page.keyboard.type("扣钱")
        page.keyboard.press("Enter")
        expect(selected(page)).to_contain_text(HTML)
        press(page, "g")
        expect(page.locator("#number")).to_have_value("2")
        press(page, "l")
        expect(page.locator("#guide")).to_contain_text("不包括")
        press(page, *["Enter"] * 4, "3")
        expect(page.locator("#status")).to_have_text("全部通话已标注。")
        expect(page.locator("#progress-text")).to_contain_text("10/10")
        end()
        first, second = care(tmp_path)
        both = ["dissatisfied_with_service", "emotionally_more_agitated"]
        assert first["user_emotions"] == {"0": ["complain_about_a_problem"], "1": both[::-1]}
        assert first["satisfaction"] == 1 and first["caring_acts"] == {"1": ["comfort"]}
        assert second["notes"] == {"1": "noisy line"} and second["caring_acts"] == {"1": ["comfort"]}
        page.keyboard.press("z")
        expect(page.get_by_role("alert")).to_contain_text("没有保存")


def test_a_call_by_touch_on_a_phone(browser, tmp_path):
    with serving(open_work(tmp_path)) as (address, end), page_at(browser, address, 390, has_touch=True) as page:
        for _ in range(2):
            page.get_by_role("button", name="Confirm").or_(page.get_by_role("button", name="Accept")).tap()
        page.get_by_role("button", name="empathy").tap()
        expect(page.get_by_role("button", name="empathy")).to_have_attribute("aria-pressed", "true")
        page.get_by_role("button", name="Guideline").tap()
        expect(page.get_by_role("complementary", name="Guideline")).to_be_visible()
        page.get_by_role("button", name="Next", exact=False).last.tap()
        page.get_by_role("button", name="neutral").tap()
        page.get_by_role("button", name="Undo").tap()
        expect(page.get_by_role("status")).to_contain_text("Undone")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert selected(page).bounding_box()["y"] < page.locator("#panel").bounding_box()["y"]
        heights = page.locator("#panel button:visible").evaluate_all("(all) => all.map((one) => one.clientHeight)")
        assert min(heights) >= 34 and max(heights) >= 42
        assert page.locator("input:visible, button:visible").evaluate_all(UNNAMED) == 0
        end()
        assert care(tmp_path) == [{"file": "calls.json", "index": 0, "id": "call-1", "caring_acts": {"1": ["empathy"]}}]


def test_two_pages_are_kept_in_step_and_a_second_start_goes_on(browser, tmp_path):
    with (
        serving(open_work(tmp_path)) as (address, _),
        page_at(browser, address) as one,
        page_at(browser, address) as two,
    ):
        press(one, "2")
        expect(two.locator("#turns li").first).to_contain_text("explain")
        press(two, "0", "Enter")
        expect(one.locator("#turns li").first).to_contain_text("no caring act")
    with serving(open_work(tmp_path)) as (address, _), page_at(browser, address) as page:
        expect(page.locator("#turns li").first).to_contain_text("no caring act")
        expect(selected(page)).to_contain_text(HTML)


def test_a_review_takes_one_key_a_question(browser, tmp_path):
    write_disputed_calls(tmp_path / "raw")
    with serving(open_review_work(tmp_path)) as (address, end), page_at(browser, address) as page:
        expect(page.locator("#about")).to_contain_text("cue words of a label that is not given (乱扣、担心)")
        press(page, "a", "r")
        expect(page.locator("#progress-text")).to_contain_text("2 of 5 labels")
        press(page, "2", "Enter", "Enter", "1")
        expect(page.locator("#status")).to_have_text("All calls are labeled.")
        end()
    rows = read_review(tmp_path / "review.csv")
    assert [row.decision for row in rows] == ["accept", "reject", "labels", "accept", "labels"]
    assert [row.annotator for row in rows] == ["A"] * 5


def test_what_annotators_disagree_about_is_decided_side_by_side(browser, tmp_path):
    disputes = [
        Dispute("call-1", 1, "emotions", {"A": (1,), "B": (0,), "C": (1,)}, (1,), {"en": "2 of 3", "zh": "三人中两人"}),
        Dispute("call-1", None, "satisfaction", {"A": (0,), "B": (2,)}, (0,)),
    ]
    with serving(open_adjudication_work(tmp_path, disputes)) as (address, end), page_at(browser, address) as page:
        expect(page.locator("#about")).to_have_text("2 of 3")
        expect(page.get_by_role("button", name="A, C: complain about a problem")).to_be_visible()
        press(page, "s", "Enter")
        expect(page.locator("#status")).to_have_text("All calls are labeled.")
        end()
    decisions = [json.loads(line)["decision"] for line in (tmp_path / "care.log.jsonl").read_text("utf-8").splitlines()]
    assert decisions == ["B", "A"]
