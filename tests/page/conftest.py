"""Headless Chromium before a real gateway.

Skipped where there is no Chromium; mandatory where CI is set.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright
from tests.contract.rest.script import Script
from tests.contract.rest.scripted import start_services

from resonance.rpc import RpcServer
from resonance.settings import Settings
from resonance_gateway.build import open_gateway

_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",  # a microphone that beeps
    "--use-fake-ui-for-media-stream",
]
# The browser's own line for every refused request; what the page does about it is what a test looks at.
_REFUSED = "Failed to load resource"
# Chromium writes this where a page of a busy machine is painted seconds after it has loaded.
_SLOW = "was preloaded using link preload but not used within a few seconds"


def chromium_path() -> str | None:
    """The system's Chromium; the build without a window first, which takes a third less CPU for a test."""
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


@dataclass(slots=True)
class Visit:
    """An open page, the script of the services behind it, and its console messages."""

    page: Page
    url: str
    script: Script
    services: RpcServer
    complaints: list[str] = field(default_factory=list)

    async def open(self) -> None:
        """Loads the page, waits until it has loaded the model's capabilities, and opens the choice of songs."""
        await self.page.goto(self.url)
        await self.page.wait_for_selector("html[data-ready=yes]")
        await self.page.evaluate(
            "for (const id of ['taste-add', 'taste-details']) document.getElementById(id).open = true"
        )

    async def show(self, tab: str) -> None:
        """Shows what a small screen has behind a tab; a desk shows it anyway."""
        await self.page.evaluate("name => document.querySelector(`#tab-${name}`).click()", tab)

    async def say(self, sentence: str) -> None:
        """Writes a sentence into the conversation and presses Enter."""
        await self.page.fill("#refine-text", sentence)
        await self.page.press("#refine-text", "Enter")

    async def answer(self, words: str) -> None:
        """Waits until the last answer of the conversation has the words."""
        await self.page.wait_for_function(
            "words => [...document.querySelectorAll('.saying.it')].at(-1)?.textContent.includes(words)", arg=words
        )

    async def open_library(self) -> None:
        """Opens the panel with the library."""
        await self.page.click("#library-open")
        await self.page.wait_for_selector("#library-section:not([hidden])")

    async def text(self, selector: str) -> str:
        """The text of an element."""
        return (await self.page.text_content(selector) or "").strip()

    async def wait_for_text(self, selector: str, text: str, timeout_s: float = 15) -> None:
        """Waits until the element's text contains the words."""
        await self.page.wait_for_function(
            "([at, words]) => document.querySelector(at).textContent.includes(words)",
            arg=[selector, text],
            timeout=timeout_s * 1000,
        )

    async def make(self, prompt: str = "calm piano", seconds: int = 10) -> None:
        """Writes the words and presses the button."""
        await self.page.fill("#prompt", prompt)
        await self.page.select_option("#duration", str(seconds))
        await self.page.click("#make")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    path = chromium_path()
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("CI must run the page in a browser, and there is no Chromium here")
        pytest.skip("no Chromium on this machine (apt-get install chromium)")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=_FLAGS)
        yield browser
        await browser.close()


@pytest.fixture
def context_options() -> dict[str, object]:
    """Options of the browser's context; tests override it by parametrizing. The figure stands still unless a test lets it move: without
    a graphics card its drawing takes the core that the test needs."""
    return {}


@asynccontextmanager
async def visiting(browser: Browser, script: Script, options: dict[str, Any], **settings: Any) -> AsyncIterator[Visit]:
    """A page before a gateway with these settings, and scripted services."""
    services = await start_services(script)
    with tempfile.TemporaryDirectory() as folder:  # kept files and the certificate of this gateway alone
        named = {"http_addr": "127.0.0.1:0", "grpc_addr": services.address, "data_dir": Path(folder)} | settings
        async with _visit_of(browser, script, services, options, Settings(**named)) as seen:
            yield seen
    await services.stop(0)
    assert seen.complaints == []


@asynccontextmanager
async def _visit_of(
    browser: Browser, script: Script, services: RpcServer, options: dict[str, Any], settings: Settings
) -> AsyncIterator[Visit]:
    async with open_gateway(settings) as url:
        context: BrowserContext = await browser.new_context(**({"reduced_motion": "reduce"} | options))
        page = await context.new_page()
        seen = Visit(page, url, script, services)
        _listen(page, seen.complaints)
        yield seen
        await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def visit(browser: Browser, context_options: dict[str, object]) -> AsyncIterator[Visit]:
    async with visiting(browser, Script(chunk_wait_s=0.005, job_wait_s=0.05), context_options) as seen:
        yield seen


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def modules(browser: Browser) -> AsyncIterator[Page]:
    """One page of the gateway's origin without the studio, for tests that only call functions of single scripts.

    It is the health answer, so that no script runs but what a test imports; no service is behind the gateway.
    """
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(http_addr="127.0.0.1:0", grpc_addr="127.0.0.1:9", data_dir=Path(folder))
        async with open_gateway(settings) as url:
            page = await browser.new_page()
            await page.goto(f"{url}/healthz")
            yield page
            await page.close()


def _listen(page: Page, complaints: list[str]) -> None:
    def on_console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(known in message.text for known in (_REFUSED, _SLOW)):
            complaints.append(message.text)

    page.on("console", on_console)
    page.on("pageerror", lambda error: complaints.append(str(error)))


async def until(condition) -> None:
    """Waits until the condition holds, at most 10 s."""
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen within 10 s")
