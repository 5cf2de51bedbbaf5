"""Draws the README's two pictures anew: `python -m tests.web.readme_shots`, from the repository's root.

They are of `okng demo` as anybody has it: the virtual line's drawn boards, judged by the bundled model.
"""

import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import cv2
import httpx
import numpy as np

from tests.ports import free_port
from tests.web.browsing import ARGUMENTS, CHROMIUM, sync_api

FOLDER = Path("docs/screens")
SIZE = {"width": 1440, "height": 1000}
PARTS = 40
QUALITY = 82


def main() -> None:
    with ExitStack() as stack:
        port = free_port()
        told = ("--port", str(port), "--fleet-port", str(free_port()), "--stations", "1", "--rate", "1")
        demo = stack.enter_context(subprocess.Popen([sys.executable, "-m", "agent.cli", "demo", *told]))
        stack.callback(demo.terminate)
        url = f"http://127.0.0.1:{port}"
        _until_judged(url)
        playwright = stack.enter_context(sync_api.sync_playwright())
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        stack.callback(browser.close)
        for name, path, ready, theme in (
            ("line", "/", '.banner[data-tone="ng"]', "dark"),
            ("part", f"/parts/{_telling(url)}", ".boxes", "light"),
        ):
            page = browser.new_page(viewport=SIZE, color_scheme=theme, locale="en-US")
            page.goto(url + path)
            page.locator(ready).first.wait_for(timeout=60_000)
            page.locator(".boxes .bad").first.wait_for(timeout=60_000)
            page.wait_for_function("[...document.querySelectorAll('.beside img')].every(img => img.complete)")
            pixels = cv2.imdecode(np.frombuffer(page.screenshot(), np.uint8), cv2.IMREAD_COLOR)
            FOLDER.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(FOLDER / f"{name}.webp"), pixels, [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
            page.close()


def _until_judged(url: str) -> None:
    end = time.monotonic() + 180
    while time.monotonic() < end:
        try:
            found = httpx.get(f"{url}/api/v1/inspections", params={"limit": PARTS}, timeout=10)
            if found.status_code == 200 and len(found.json()["inspections"]) == PARTS:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.5)
    raise SystemExit(f"the demo did not judge {PARTS} parts")


def _telling(url: str) -> int:
    """A bad part with more than one thing to show."""
    asked = {"outcome": "NG", "limit": PARTS}
    parts = httpx.get(f"{url}/api/v1/inspections", params=asked, timeout=10).json()["inspections"]
    best: int = max(parts, key=lambda part: len(part["reasons"]))["id"]
    return best


if __name__ == "__main__":
    main()
