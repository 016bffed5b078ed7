"""Hostile files: bounded decoding or refusal, no leftover files."""

from __future__ import annotations

import os
import random
import resource
import time
from pathlib import Path

import pytest
from support import robust, sounds

from resonance.audio.decode import DecodeLimits, decode_file
from resonance.errors import DeadlineExceeded, InvalidInput

LIMITS = DecodeLimits(duration_s_max=30.0, decoded_bytes_max=32 * 2**20, decode_s_max=8.0)
WITHIN_S = 10.0
SEED = int(os.environ.get("SEED", "1"))


async def survive(content: bytes, folder: Path, note: str) -> None:
    """Decodes a file or expects a refusal. The note names the case."""
    source, target = folder / "hostile", folder / "decoded"
    source.write_bytes(content)
    started_s = time.monotonic()
    try:
        found = await decode_file(source, target, sample_rate_hz=16_000, limits=LIMITS)
    except (InvalidInput, DeadlineExceeded) as refused:
        if not refused.message.endswith("."):
            pytest.fail(f"{note}: {refused.message}")
    else:
        assert found.duration_s <= LIMITS.duration_s_max, note
        target.unlink()
    assert os.listdir(folder) == ["hostile"], note
    assert time.monotonic() - started_s < WITHIN_S, note


def mutated(data: bytes, chooser: random.Random) -> bytes:
    """The file with random flips, cuts, repeats, and bytes of all ones or zeros."""
    changed = bytearray(data)
    for _ in range(chooser.randint(1, 6)):
        at, size = chooser.randrange(len(changed)), chooser.choice([1, 2, 4, 8, 64, 512])
        kind = chooser.randrange(5)
        if kind == 0:
            changed[at : at + size] = chooser.randbytes(size)
        elif kind == 1:
            changed[at : at + size] = bytes([chooser.choice([0, 255, 127, 128])]) * size
        elif kind == 2:
            del changed[at : at + size]
        elif kind == 3:
            changed[at:at] = changed[at : at + size]
        else:
            at = chooser.randrange(min(64, len(changed)))  # headers have sizes and rates
            changed[at] = chooser.randrange(256)
    return bytes(changed)


async def try_many(count: int, tmp_path: Path) -> None:
    kinds = [*sounds.KINDS]
    originals = {kind: sounds.sound_bytes(kind, tmp_path, duration_s=1.5) for kind in kinds}
    folder = tmp_path / "folder"
    folder.mkdir()
    for number in range(count):
        chooser = random.Random(SEED * 1_000_003 + number)
        kind = kinds[number % len(kinds)]
        await survive(mutated(originals[kind], chooser), folder, f"SEED={SEED} number={number} kind={kind}")


@pytest.mark.slow
async def test_a_sample_of_damaged_files_is_decoded_or_refused(tmp_path: Path) -> None:
    await try_many(12, tmp_path)


@robust
@pytest.mark.timeout(3600)
async def test_thousands_of_damaged_files_are_decoded_or_refused(tmp_path: Path) -> None:
    await try_many(5000, tmp_path)
    children_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    assert children_mb <= 300
