"""Screenshot of the running page for the README.

python scripts/screenshot.py    writes docs/screens/page.png

Starts `resonance up` on free ports of loopback with a data folder of its own and the embedded model, chooses an
example taste, makes ten seconds of "calm piano for studying" in headless Chromium, and photographs words and player.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

TARGET = Path(__file__).resolve().parent.parent / "docs/screens/page.png"
BYTES_MAX = 300_000
MAKING_S_MAX = 120
_FLAGS = ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"]


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
                yield found[1]
                return
        raise SystemExit("resonance did not start:\n" + "".join(printed))
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def make_a_take(page: Page, url: str) -> None:
    """Fills in the page, makes a take, and waits until it plays."""
    page.goto(url)
    page.wait_for_selector("html[data-ready=yes]")
    page.locator("#earlier-tastes").select_option(index=1)
    page.click("#earlier-go")
    page.wait_for_selector("#taste-done:not([hidden])")
    page.fill("#prompt", "calm piano for studying")
    page.select_option("#duration", "10")
    page.click("#make")
    page.wait_for_function(
        "() => document.querySelector('#make-status').textContent.includes('Ready')", timeout=1000 * MAKING_S_MAX
    )
    page.evaluate("document.querySelector('#words-step').scrollIntoView()")


def main() -> int:
    """Writes the picture; returns 1 where it is larger than a README's picture may be."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("no Chromium on this machine")
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, running_system(folder) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        page = browser.new_page(viewport={"width": 900, "height": 1000}, color_scheme="light")
        make_a_take(page, url)
        page.screenshot(path=TARGET)
        browser.close()
    size = TARGET.stat().st_size
    print(f"{TARGET.name}: {size} bytes")
    return int(size > BYTES_MAX)


if __name__ == "__main__":
    sys.exit(main())
