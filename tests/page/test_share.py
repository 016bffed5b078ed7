"""Share links on the page."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Page, Route
from tests.contract.rest.script import Script
from tests.page.conftest import Visit, visiting

pytestmark = pytest.mark.asyncio(loop_scope="session")

MAY_COPY = {"permissions": ["clipboard-read", "clipboard-write"]}


async def ready(visit: Visit) -> str:
    await visit.open()
    assert await visit.page.is_disabled("#share")
    await visit.make()
    await visit.wait_for_text("#make-status", "Ready")
    await visit.page.wait_for_selector("#share:not([disabled])")
    return visit.script.generate_requests[-1].request_id


@pytest.mark.parametrize("context_options", [MAY_COPY])
async def test_an_address_that_only_this_computer_has_is_said_to_be_so_before_it_is_copied(visit: Visit) -> None:
    request_id = await ready(visit)
    page = visit.page
    await page.evaluate("navigator.clipboard.writeText('before')")
    await page.focus("#share")
    await page.keyboard.press("Enter")
    await visit.wait_for_text("#share-message", "works on this computer only: nobody else can open it")
    assert "this computer only" in await visit.text("#polite")
    assert await page.evaluate("navigator.clipboard.readText()") == "before"
    await page.click("#share-copy")
    await visit.wait_for_text("#share-message", "Copied. It works on this computer only")
    copied = await page.evaluate("navigator.clipboard.readText()")
    assert copied == await page.input_value("#share-link") == f"{visit.url}/shared/{request_id}"
    assert await page.evaluate("url => fetch(url).then(r => r.status)", copied) == 200
    await page.click("#share-back")
    await visit.wait_for_text("#polite", "The link does not work any more.")
    assert visit.script.revoked == ["0" * 64]
    assert not await page.is_visible("#shared")
    assert not visit.complaints


async def test_at_a_public_address_a_press_copies_a_link_and_says_how_long_it_lives(browser: Browser) -> None:
    script = Script(chunk_wait_s=0.005)
    async with visiting(browser, script, MAY_COPY, public_origins="https://music.example") as visit:
        await share_at_a_public_address(visit)


async def share_at_a_public_address(visit: Visit) -> None:
    page, here = visit.page, visit.url

    async def pass_on(route: Route) -> None:
        answer = await route.fetch(url=route.request.url.replace("https://music.example", here))
        await route.fulfill(response=answer)

    await page.route("https://music.example/**", pass_on)
    visit.url = "https://music.example"
    await visit.open()
    await visit.make()
    await visit.wait_for_text("#make-status", "Ready")
    await page.click("#share")
    await visit.wait_for_text("#share-message", "The link is copied. Anyone who has it can hear this music until")
    copied = await page.evaluate("navigator.clipboard.readText()")
    assert copied == f"https://music.example/shared/{visit.script.generate_requests[-1].request_id}"
    assert await page.is_hidden("#share-copy")


@pytest.mark.parametrize(
    ("host", "is_here"),
    [
        ("localhost", True),
        ("studio.localhost", True),
        ("127.0.0.1", True),
        ("127.8.0.1", True),
        ("[::1]", True),
        ("192.168.1.7", False),
        ("localhost.example.org", False),
        ("music.example", False),
    ],
)
async def test_addresses_of_this_computer_are_known(modules: Page, host: str, is_here: bool) -> None:
    found = await modules.evaluate("async host => (await import('/static/js/core/address.js')).isOnlyHere(host)", host)
    assert found is is_here


async def test_where_nothing_may_be_copied_the_link_is_there_to_take(visit: Visit) -> None:
    await visit.page.add_init_script("navigator.clipboard.writeText = () => Promise.reject(new Error('denied'))")
    request_id = await ready(visit)
    await visit.page.click("#share")
    await visit.page.click("#share-copy")
    await visit.wait_for_text("#share-message", "Copy this link.")
    assert (await visit.page.input_value("#share-link")).endswith(f"/shared/{request_id}")
    assert await visit.page.evaluate("document.activeElement.id") == "share-link"


async def test_a_link_belongs_to_its_take(visit: Visit) -> None:
    await ready(visit)
    await visit.page.click("#share")
    await visit.page.wait_for_selector("#shared:not([hidden])")
    await visit.page.click("#again")
    await visit.wait_for_text("#make-status", "of")
    assert not await visit.page.is_visible("#shared")


async def test_a_take_that_is_gone_is_told(visit: Visit) -> None:
    await ready(visit)
    visit.script.takes.clear()
    await visit.page.click("#share")
    await visit.page.wait_for_selector("#share-error:not([hidden])")
    assert "There is no take" in await visit.text("#share-error")
