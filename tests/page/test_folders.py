"""Folders of songs on the page: dropped or chosen, without junk, the first twenty."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.page.conftest import Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An album of 24 songs in two folders, with what lies beside songs."""
    album = tmp_path / "Album"
    names = [f"CD1/{number}.mp3" for number in range(1, 13)] + [f"CD2/{number}.mp3" for number in range(1, 13)]
    for name in [*names, "cover.jpg", ".DS_Store", "CD1/._1.mp3", "CD1/Thumbs.db", "CD2/list.m3u8"]:
        path = album / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode() * 20)
    return album


EXPECTED = [f"{number}.mp3" for number in range(1, 13)] + [f"{number}.mp3" for number in range(1, 9)]


async def drop(visit: Visit, *paths: Path) -> None:
    """A drop of files or folders on the area for songs, by the browser's own events."""
    place = await visit.page.locator("#drop").bounding_box()
    assert place is not None
    line = await visit.page.context.new_cdp_session(visit.page)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    where = {"x": place["x"] + place["width"] / 2, "y": place["y"] + 8, "data": data}
    for kind in ("dragEnter", "dragOver", "drop"):
        await line.send("Input.dispatchDragEvent", {"type": kind, **where})


async def test_a_dropped_folder_gives_its_first_twenty_songs(visit: Visit, folder: Path) -> None:
    await visit.open()
    await drop(visit, folder)
    await visit.page.wait_for_selector("#taste-done:not([hidden])")
    assert [name for name, _ in visit.script.uploads] == EXPECTED
    said = await visit.text("#taste-left-out")
    assert "There are 24 songs. The first 20 are used" in said
    assert "cover.jpg" in said
    assert "DS_Store" not in said, "what a system hides is not worth a word"


async def test_a_chosen_folder_gives_the_same_songs(visit: Visit, folder: Path) -> None:
    await visit.open()
    await visit.page.set_input_files("#folder", folder)
    await visit.page.wait_for_selector("#taste-done:not([hidden])")
    assert [name for name, _ in visit.script.uploads] == EXPECTED


async def test_a_folder_without_songs_says_so(visit: Visit, tmp_path: Path) -> None:
    (tmp_path / "cover.jpg").write_bytes(b"x")
    await visit.open()
    await drop(visit, tmp_path)
    await visit.wait_for_text("#taste-error", "There are no songs in what you chose.")
    assert visit.script.uploads == []
