"""Screenshots of the running page, for the README and for whoever changes the page.

python scripts/screenshot.py    writes docs/screens/page.png and docs/screens/studio/*.jpg

Starts `resonance up` on free ports of loopback with a data folder of its own and the embedded model, goes through the states of the
page in headless Chromium, and photographs each in the light and in the dark scheme.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

SCREENS = Path(__file__).resolve().parent.parent / "docs/screens"
TARGET = SCREENS / "page.png"
STATES = SCREENS / "studio"
BYTES_MAX = 300_000
STATES_BYTES_MAX = 2_500_000
MAKING_S_MAX = 300
DESK, PHONE, LOW = {"width": 1280, "height": 800}, {"width": 390, "height": 844}, {"width": 320, "height": 200}
_FLAGS = ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"]
_QUALITY = 62


@contextmanager
def running_system(data_dir: str) -> Iterator[str]:
    """Runs `resonance up`; yields the URL that it prints."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("RESONANCE_")}
    environ |= {
        "RESONANCE_HTTP_ADDR": "127.0.0.1:0",
        "RESONANCE_GRPC_ADDR": "127.0.0.1:0",
        "RESONANCE_DATA_DIR": data_dir,
    }
    command = [sys.executable, "-m", "resonance_cli", "up"]
    process = subprocess.Popen(command, env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    try:
        printed = []
        for line in process.stdout:
            printed.append(line)
            if found := re.search(r"Resonance is ready: (\S+)", line):
                # A pipe that nobody empties is full after some hundred requests, and the system waits for it.
                threading.Thread(target=deque, args=(process.stdout, 0), daemon=True).start()
                yield found[1]
                return
        raise SystemExit("resonance did not start:\n" + "".join(printed))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


class Photographer:
    """One open page, photographed state by state."""

    def __init__(self, browser: Browser, url: str, scheme: str) -> None:
        context = browser.new_context(viewport=DESK, color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        self._url, self._scheme = url, scheme
        self.page: Page = context.new_page()

    def shoot(self, name: str) -> None:
        """Writes docs/screens/studio/<name>-<scheme>.jpg."""
        self.page.wait_for_timeout(200)
        self.page.screenshot(path=STATES / f"{name}-{self._scheme}.jpg", type="jpeg", quality=_QUALITY)

    def open(self, path: str = "/") -> None:
        """Opens the page anew."""
        self.page.goto(self._url + path)
        self.page.wait_for_selector("html[data-ready=yes]")

    def make(self, prompt: str) -> None:
        """Makes ten seconds, and waits until they are there."""
        self.page.fill("#prompt", prompt)
        self.page.select_option("#duration", "10")
        self.page.click("#make")
        self.ready()

    def ready(self) -> None:
        """Waits until what is being made is there."""
        self.page.wait_for_function(
            "() => document.querySelector('#make-status').textContent.includes('Ready')", timeout=1000 * MAKING_S_MAX
        )

    def say(self, sentence: str) -> None:
        """Says a sentence, and waits until its answer is done."""
        self.page.fill("#refine-text", sentence)
        self.page.press("#refine-text", "Enter")
        self.page.wait_for_function("() => !document.querySelector('#refine-go').disabled")
        self.page.wait_for_selector("#stop", state="hidden", timeout=1000 * MAKING_S_MAX)

    def choose_taste(self) -> None:
        """Takes the first example taste."""
        self.page.evaluate("document.querySelector('#taste-add').open = true")
        self.page.locator("#earlier-tastes").select_option(index=1)
        self.page.click("#earlier-go")
        self.page.wait_for_selector("#taste-done:not([hidden])")


def shoot_all(camera: Photographer) -> None:
    """Goes through the states of the studio."""
    page = camera.page
    camera.open()
    camera.shoot("first-visit")
    camera.choose_taste()
    camera.make("calm piano for studying")
    page.evaluate("document.querySelector('.column-scroll').scrollTop = 0")
    camera.say("a bit more bass, less tense")
    camera.say("make the ending calmer")
    camera.shoot("playing")
    for tab in ("lanes", "more"):
        page.click(f"#tab-{tab}")
        camera.shoot(f"tab-{tab}")
    page.click("#tab-sound")
    page.click("#library-open")
    camera.shoot("library")
    page.click("#library-close")
    page.click("#keys-open")
    camera.shoot("keys")
    page.click("#keys-dialog form button")
    page.click("#share")
    page.wait_for_selector("#shared:not([hidden])")
    camera.shoot("share")
    link = page.input_value("#share-link")
    page.click("#share-close")
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    for tab in ("words", "sound", "versions", "more"):
        page.click(f"#tab-{tab}")
        camera.shoot(f"phone-{tab}")
    page.click("#tab-sound")
    page.set_viewport_size(LOW)  # type: ignore[arg-type]
    camera.shoot("400-percent")
    page.set_viewport_size(DESK)  # type: ignore[arg-type]
    page.emulate_media(forced_colors="active")
    camera.shoot("forced-colors")
    page.emulate_media(forced_colors="none")
    page.click("#live")
    page.wait_for_function("() => document.querySelector('#clock').textContent >= '0:02'", timeout=60_000)
    page.press("#slider-energy", "ArrowRight")
    page.wait_for_function("() => document.querySelector('#live-heard').textContent", timeout=60_000)
    camera.shoot("live")
    page.click("#live-stop")
    page.wait_for_selector("#live-stop", state="hidden")
    page.click("#easy-open")
    camera.shoot("easy")
    page.click("#easy-close")
    page.goto(link, wait_until="domcontentloaded")
    page.wait_for_function("() => document.querySelector('.shared-figure').complete", timeout=60_000)
    camera.shoot("shared-page")


def shoot_languages(camera: Photographer) -> None:
    """Arabic, which runs from right to left, on a desk and a phone, and Japanese on a phone."""
    for code, sizes in (("ar", {"desk": DESK, "phone": PHONE}), ("ja", {"phone": PHONE})):
        camera.open(f"/?lang={code}")
        camera.page.click("#tab-sound")
        for size, viewport in sizes.items():
            camera.page.set_viewport_size(viewport)  # type: ignore[arg-type]
            camera.shoot(f"language-{code}-{size}")
        camera.page.set_viewport_size(DESK)  # type: ignore[arg-type]


def main() -> int:
    """Writes the pictures; returns 1 where they are larger than a repository should carry."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("no Chromium on this machine")
    STATES.mkdir(parents=True, exist_ok=True)
    for old in STATES.glob("*.jpg"):
        old.unlink()
    with tempfile.TemporaryDirectory() as folder, running_system(folder) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        for scheme in ("light", "dark"):
            camera = Photographer(browser, url, scheme)
            shoot_all(camera)
            if scheme == "light":
                shoot_languages(camera)
            camera.page.context.close()
        camera = Photographer(browser, url, "light")
        camera.open()
        camera.choose_taste()
        camera.make("calm piano for studying")
        camera.say("a bit more bass, less tense")
        camera.page.evaluate("document.querySelector('.column-scroll').scrollTop = 0")
        camera.page.screenshot(path=TARGET)
        browser.close()
    size, states = TARGET.stat().st_size, sum(path.stat().st_size for path in STATES.glob("*.jpg"))
    print(f"{TARGET.name}: {size} bytes, {len(list(STATES.glob('*.jpg')))} states: {states} bytes")
    return int(size > BYTES_MAX or states > STATES_BYTES_MAX)


if __name__ == "__main__":
    sys.exit(main())
