"""Contact sheet of eight videos, four moods by two songs: `python -m benchmarks.video.contact_sheet`.

Each video is made whole, at a share of the full size, the moods in different aspects; the sheet shows
frames decoded from the finished files.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

import av
import numpy as np
import skia
from model.training.synth import Synth
from numpy.typing import NDArray

from benchmarks.video.films import Film, shoot, write_script
from benchmarks.video.songs import render_song
from resonance_video.models import Aspect

CONCEPTS = (
    "A lonely woman in a black coat and a yellow scarf walks through a rainy neon city at night until sunrise on a rooftop",
    "A calm morning: a girl in a red dress walks from a misty forest to the shore, free at last",
    "A dreamy traveller with a violin, from a room with a window to the clouds, at dusk",
    "A man in a green jacket plays the guitar on an open road under mountains, from day to sunset; joyful, dancing",
)
OUT = Path("docs/screens/videos.jpg")
BYTES_MAX = 600_000
# The aspect of each concept's videos, and how many frames of each are shown.
ASPECTS: tuple[tuple[Aspect, int], ...] = (("9:16", 7), ("16:9", 3), ("9:16", 7), ("1:1", 4))
_CELL_WIDE, _GAP = 1000, 6
_SCALE, _SECTION_S = 0.4, 4.0
# A folk song at 125 beats a minute and cinematic music at 187.
_SONGS = (9_000_006, 9_000_010)

Pixels = NDArray[np.uint8]


def main() -> None:
    """Makes the videos and the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument(
        "--scale", type=float, default=_SCALE, help="share of the full size at which the videos are made"
    )
    parser.add_argument("--only", type=int, default=None, help="only this concept")
    arguments = parser.parse_args()
    concepts = CONCEPTS if arguments.only is None else CONCEPTS[arguments.only : arguments.only + 1]
    with tempfile.TemporaryDirectory(prefix="sheet-") as folder:
        sheet = asyncio.run(_sheet(Path(folder), concepts, arguments.scale))
    _save(sheet, arguments.out)


async def _sheet(folder: Path, concepts: tuple[str, ...], scale: float) -> Pixels:
    synth = Synth()
    songs = [render_song(synth, seed, folder, section_s=_SECTION_S) for seed in _SONGS]
    rows = []
    for concept in concepts:
        cells = []
        aspect, count = ASPECTS[CONCEPTS.index(concept)]
        for number, song in enumerate(songs):
            script = await write_script(song.path, concept, aspects=(aspect,), seed=number)
            film = await shoot(script, aspect, folder / f"{len(rows)}-{number}", scale=scale)
            shots = len(script.plan.shots)
            print(
                f"{concept[:40]}: {film.video.duration_s:.0f} s, {shots} shots, made in {film.whole_s:.0f} s",
                flush=True,
            )
            cells += _frames(film, count)
        rows.append(np.concatenate([_framed(cell) for cell in cells], axis=1))
    width = max(row.shape[1] for row in rows)
    rows = [np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=16) for row in rows]
    return np.concatenate(rows, axis=0)


def _frames(film: Film, count: int) -> list[Pixels]:
    """Frames of the middle of shots that are spread over the film."""
    shots = film.script.plan.shots
    chosen = [shots[round(index * (len(shots) - 1) / max(count - 1, 1))] for index in range(count)]
    wanted = [
        (shot.start_frame + 3 * shot.end_frame) // 4
        if shot is not shots[-1]
        else (shot.start_frame + shot.end_frame) // 2
        for shot in chosen
    ]
    found: dict[int, Pixels] = {}
    with av.open(str(film.video.master)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number in wanted:
                wide = (_CELL_WIDE // count - _GAP) // 2 * 2
                high = round(frame.height * wide / frame.width / 2) * 2
                small = frame.reformat(
                    width=wide, height=high, format="rgba", interpolation="AREA", src_colorspace="ITU709"
                )
                found[number] = small.to_ndarray()
    return [found[number] for number in wanted]


def _framed(cell: Pixels) -> Pixels:
    framed: Pixels = np.pad(cell, ((0, _GAP), (0, _GAP), (0, 0)), constant_values=16)
    return framed


def _save(sheet: Pixels, out: Path) -> None:
    """Writes a JPEG of at most BYTES_MAX."""
    sheet[..., 3] = 255
    image = skia.Image.fromarray(np.ascontiguousarray(sheet), copy=True)
    for quality in range(88, 30, -6):
        image.save(str(out), skia.EncodedImageFormat.kJPEG, quality)
        if out.stat().st_size <= BYTES_MAX:
            break
    print(f"{out}: {sheet.shape[1]} x {sheet.shape[0]}, {out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
