"""The chat's page in a real Chromium with the model that ships, at desktop and phone width."""

import pytest

pytest.importorskip("gradio")
from playwright.sync_api import expect

from cmcc_bench.chat.calls import ChatCalls
from cmcc_bench.chat.page import ChatPage, launch
from cmcc_bench.chat.session import Session, open_chat_model
from tests.browsers import UNNAMED, chromium, needs_chromium

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def address():
    calls = ChatCalls("sample")
    call = calls.open("synthetic-s2-0-000027")
    page = ChatPage({"tiny": Session(open_chat_model("tiny"), call.kb)}, calls).make(call)
    yield launch(page, None)
    page.close(verbose=False)


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.mark.parametrize("width", [1280, 390])
def test_a_conversation_by_click_and_by_keyboard(browser, address, width):
    page = browser.new_page(viewport={"width": width, "height": 844})
    page.set_default_timeout(15_000)
    asked, errors = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("dialog", lambda dialog: (errors.append(dialog.message), dialog.dismiss()))
    page.goto(address)
    page.get_by_role("button", name="音乐流量包是跟着哪个套餐的").click()
    expect(page.locator(".bubble.service mark")).to_have_text("融合套餐")
    expect(page.get_by_role("region", name="Local KB").locator("mark")).to_be_in_viewport()
    text = page.get_by_label("Utterance of the user")
    text.fill("<img src=x onerror=alert(1)>那什么时候扣费啊")
    text.press("Enter")
    expect(page.locator(".reply")).to_have_count(2)
    expect(page.locator(".bubble.user").last).to_contain_text("<img src=x")
    expect(page.locator(".trace").last).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.locator(".talk").evaluate("one => one.getBoundingClientRect().bottom") < text.bounding_box()["y"]
    assert page.locator("input:visible, textarea:visible, button:visible").evaluate_all(UNNAMED) == 0
    page.get_by_role("button", name="Start again").click()
    expect(page.locator(".reply")).to_have_count(0)
    assert not errors and not [url for url in asked if not url.startswith((address, "data:"))]
    page.close()
