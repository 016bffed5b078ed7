"""Writes the contrast music of tastes into the shipped reference.

    python scripts/ship_taste_reference.py [--cache FOLDER]

The songs are the held-out split of `benchmarks/tastes/manifest.tsv`: thirty-two recordings of eight styles out of Debian packages,
none of which makes a taste of the bench. Only each song's mean states are shipped. `weights/REFERENCE_MUSIC.md` lists the songs and
their licences. Run it after every export of weights, then `scripts/ship_steering.py --tastes PLAYLISTS`.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from benchmarks.tastes.fetch import CACHE
from benchmarks.tastes.manifest import Song, read_manifest
from numpy.typing import NDArray

from resonance.audio.decode import DecodeLimits, decode_file
from resonance.settings import read_settings
from resonance.store import MemoryStore
from resonance_extract.activations.configuration import CONFIGURATION, reference_digest
from resonance_extract.activations.reference import ReferenceStore
from resonance_extract.activations.worker import ActivationWorker
from resonance_extract.concepts.shipped import FOLDER
from resonance_model.loaders import load_model
from resonance_model.loaders.embedded import WEIGHTS

HEARD_S = 50.0  # the middle of each song: as long as the bench's tastes read of theirs
_LIMITS = DecodeLimits(duration_s_max=1200.0, decoded_bytes_max=1 << 30, decode_s_max=120.0)


async def main(cache: Path) -> None:
    """Computes the model's own reference, puts the songs' states into it, and replaces the shipped file."""
    torch.set_num_threads(1)
    model = load_model(read_settings())
    worker = ActivationWorker(model)
    songs = [song for song in read_manifest() if song.split == "held"]
    reference = await ReferenceStore(worker, MemoryStore()).get()
    states = []
    for song in songs:
        states.append(await _read(worker, song.file_in(cache)))
        print(f"{len(states)} of {len(songs)}: {song.title}", flush=True)
    worker.close()
    folder = FOLDER / "reference"
    for old in folder.iterdir():
        old.unlink()
    shipped = replace(reference, music_pieces=np.stack(states))
    (folder / f"{reference_digest(model.description.digest)}.safetensors").write_bytes(shipped.to_bytes())
    (WEIGHTS / "REFERENCE_MUSIC.md").write_text(_list(songs))


async def _read(worker: ActivationWorker, source: Path) -> NDArray[np.float32]:
    """The mean states of a song's middle, `[layers, hidden]`, read clip by clip as a track of a playlist is."""
    rate = worker.model.description.sample_rate_hz
    with tempfile.TemporaryDirectory() as folder:
        found = await decode_file(source, Path(folder) / "pcm", sample_rate_hz=rate, limits=_LIMITS)
        start = max(0, (found.sample_count - round(HEARD_S * rate)) // 2)
        samples = np.array(found.samples()[start : start + round(HEARD_S * rate)])
    length, hop = round(CONFIGURATION.clip_s * rate), round(CONFIGURATION.hop_s * rate)
    starts = range(0, len(samples) - length + 1, hop)
    means = [(await worker.read_clip(samples[at : at + length])).mean.numpy() for at in starts]
    return np.mean(means, axis=0).astype(np.float32)


def _list(songs: list[Song]) -> str:
    rows = [f"| {song.playlist} | {song.title} | {song.package} {song.version} | {song.licence} |" for song in songs]
    return "\n".join(
        [
            "# Music of the taste reference",
            "",
            "A taste is the difference between a playlist's states and the mean states of these recordings. The package holds",
            "one mean vector per layer and song, and no sound. `scripts/ship_taste_reference.py` makes it.",
            "",
            "| style | song | Debian package | licence |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=CACHE)
    asyncio.run(main(parser.parse_args().cache))
