"""The page before the real services, with a tiny model."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser
from tests.contract.rest.real import real_system
from tests.support.sounds import write_sound

from resonance_model.loaded_model import LoadedModel

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


async def test_three_songs_and_a_sentence_are_heard_changed_and_kept(
    browser: Browser, tiny_folder: Path, tiny: LoadedModel, tmp_path: Path
) -> None:
    songs = [write_sound(tmp_path / f"song.{kind}", duration_s=11) for kind in ("mp3", "m4a", "opus")]
    complaints: list[str] = []
    with real_system(tiny_folder, tmp_path / "data", prepared_for=tiny) as url:
        page = await browser.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(url)
        await page.set_input_files("#files", [str(song) for song in songs])
        await page.wait_for_selector("#taste-done:not([hidden])", timeout=60_000)
        await page.fill("#prompt", "calm piano")
        await page.select_option("#duration", "10")
        await page.click("#make")
        await page.wait_for_function("() => Number(document.querySelector('#seek').value) > 0.5")
        await page.wait_for_function("() => document.querySelector('#make-status').textContent.includes('Ready')")
        assert "Your taste" in (await page.text_content("#facts") or "")
        await page.reload()
        await page.wait_for_selector("#download:not([disabled])")
        await page.click("#library-open")
        await page.wait_for_selector("#library li")
        await page.close()
    assert complaints == []
