"""Adoption under `kill -9`: the next start goes on, and finished parts are not made again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from support import robust
from support.extract_process import ExtractProcess

from resonance.v1 import extract_pb2

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@robust
async def test_an_adoption_that_was_killed_goes_on_with_what_is_missing(tiny_folder: Path, tmp_path: Path) -> None:
    extractor = ExtractProcess(tiny_folder, tmp_path / "data", adoption="sliders")
    try:
        extractor.start()
        await extractor.ready()
        await reference_part(extractor, least=4)
        extractor.kill()
        kept = takes_in(tmp_path / "data")
        assert 4 <= len(kept) < 12
        extractor.start()
        await extractor.ready()
        part = await reference_part(extractor, least=1)
        assert part.done >= len(kept), "it begins where the killed process stopped"
        after = takes_in(tmp_path / "data")
        if after:  # they are removed when the reference is whole
            assert {path: after[path] for path in kept} == kept, "no take was read again"
        assert (await reference_part(extractor, least=12)).state == extract_pb2.ADOPTION_STATE_COMPLETED
    finally:
        extractor.kill()


async def reference_part(extractor: ExtractProcess, *, least: int) -> extract_pb2.AdoptionPart:
    """The part when so many takes are read; with all of them, when it is done."""
    async with asyncio.timeout(300):
        while True:
            part = (await extractor.adoption()).parts[0]
            assert part.name == "reference"
            if part.done >= least and (least < 12 or part.state == extract_pb2.ADOPTION_STATE_COMPLETED):
                return part
            await asyncio.sleep(0.05)


def takes_in(data: Path) -> dict[str, int]:
    """Takes that were read, and when they were written (nanoseconds)."""
    folder = data / "store" / "objects" / "pieces"
    return {path.name: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
