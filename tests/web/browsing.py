"""Pages in a real headless Chromium, watched for whatever goes wrong on them.

A message on the console, a script's error, a refusal by the Content-Security-Policy or a failed request fails the
test. With OKNG_SHOTS set to a folder, screenshots of the states are kept there (`make shots`).
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
KIOSK, PHONE = {"width": 1920, "height": 1080}, {"width": 390, "height": 844}
LONG_MS = 30_000
SHOTS = Path(os.environ.pop("OKNG_SHOTS")) if "OKNG_SHOTS" in os.environ else None
"""Taken out of the environment: to an okng that a test starts, every OKNG_ variable is configuration."""


@contextmanager
def chromium() -> Iterator["sync_api.Browser"]:
    """A headless Chromium."""
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def opened(
    browser: "sync_api.Browser", address: str, locale: str = "en-US", **options: object
) -> Iterator["sync_api.Page"]:
    """A page, watched for whatever goes wrong on it."""
    context = browser.new_context(locale=locale, viewport=options.pop("viewport", KIOSK), **options)
    context.set_default_timeout(LONG_MS)
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("response", lambda answer: answer.status >= 400 and wrong.append(f"{answer.status} {answer.url}"))
    try:
        page.goto(address)
        yield page
        assert wrong == [], wrong
    finally:
        context.close()


def says(page: "sync_api.Page", selector: str, text: str) -> None:
    sync_api.expect(page.locator(selector).first).to_have_text(text, timeout=LONG_MS)


def shot(page: "sync_api.Page", name: str) -> None:
    if SHOTS is not None:
        SHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SHOTS / f"{name}.png", full_page=True)
