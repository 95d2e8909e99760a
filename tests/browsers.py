"""A real Chromium for the tests of pages; they are skipped where there is none, but never in continuous integration."""

import os
import shutil
from contextlib import contextmanager

import pytest
from playwright.sync_api import expect, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_chromium = pytest.mark.skipif(
    not CHROMIUM and os.environ.get("CI") != "true", reason="no chromium on this machine"
)

# The number of controls without a name for screen readers, of the elements that a locator finds.
UNNAMED = "(all) => all.filter((one) => !one.labels?.length && !one.ariaLabel && !one.textContent.trim()).length"


@contextmanager
def chromium(*flags):
    """A running browser; what is expected of a page may take a while, as on a busy machine."""
    expect.set_options(timeout=30_000)  # milliseconds
    assert CHROMIUM, "continuous integration needs chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", *flags])
        yield running
        running.close()
