"""Page of spectrograms: eight prompts by an earlier model, by the shipped one, and with each of four tastes.

    python -m benchmarks.tastes.spectrograms

It writes `docs/research/spectrograms.md` and its picture. Takes are kept in the cache of `make bench-tastes` and made once.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import tarfile
import textwrap
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import librosa
import numpy as np
from numpy.typing import NDArray

from . import measure
from .fetch import CACHE, fetch_songs
from .manifest import FIRST_FOUR, chosen, read_manifest
from .product import Product, Taste, product_digest
from .sound import RATE_HZ, cut, load
from .takes import DURATION_S

ROOT: Final = Path(__file__).parents[2]
WEIGHTS: Final = "model/resonance_model/weights"
# Weights of 21.3 M frames (2026-11-21); those that ship have seen 45 M.
BEFORE: Final = "1efde745"
SEED: Final = 11
UPLOADED_S: Final = 60.0
PROMPTS: Final = (
    "a piece of music",
    "calm piano for studying",
    "upbeat jazz trio",
    "electronic dance track with a drop",
    "acoustic guitar and a slow beat",
    "cinematic orchestra",
    "lo-fi chill beat",
    "a choir",
)
_AT_ONCE: Final = 4
_FLOOR_DB: Final = -60.0
Takes = Mapping[tuple[str, str], Path]


def main() -> None:
    """Makes the missing takes, and draws."""
    arguments = _arguments()
    songs = [song for name in FIRST_FOUR for song in chosen(read_manifest(), name, "taste")]
    missing = fetch_songs(songs, arguments.cache)
    if missing:
        raise SystemExit("\n".join([*missing, "without all songs nothing is drawn"]))
    folder = arguments.cache / "products" / product_digest(ROOT)
    takes: dict[tuple[str, str], Path] = {}
    with Product(folder / f"before-{arguments.before}", model=_weights_of(arguments.before, folder)) as product:
        takes |= _take_all(product, "before", None)
    with Product(folder) as product:
        takes |= _take_all(product, "now", None)
        for name in FIRST_FOUR:
            files = [song.file_in(arguments.cache) for song in chosen(songs, name, "taste")]
            taste = product.taste(name, [cut(file, arguments.cache / "cuts", UPLOADED_S) for file in files])
            takes |= _take_all(product, name, taste)
    arguments.out.mkdir(parents=True, exist_ok=True)
    _draw(takes, arguments.out / "spectrograms.jpg")
    (arguments.out / "spectrograms.md").write_text(_page(takes, arguments.before))
    print(arguments.out / "spectrograms.md")


def _weights_of(revision: str, folder: Path) -> Path:
    """The weights as they were at a revision, taken out of git once."""
    place = folder / f"weights-{revision}"
    if not (place / WEIGHTS).exists():
        command = ["git", "archive", revision, WEIGHTS]
        packed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(place, filter="data")
    return place / WEIGHTS


def _take_all(product: Product, arm: str, taste: Taste | None) -> dict[tuple[str, str], Path]:
    """The take of each prompt, by arm and prompt."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        paths = pool.map(lambda prompt: product.take(prompt, SEED, DURATION_S, taste), PROMPTS)
        found = {(arm, prompt): path for prompt, path in zip(PROMPTS, paths, strict=True)}
    print(f"{arm}: {len(found)} takes", flush=True)
    return found


def mel_db(path: Path) -> NDArray[np.float32]:
    """Mel power spectrogram `[96 bands, frames]` of a file in dB below its own maximum, -60 at least."""
    power = librosa.feature.melspectrogram(y=load(path), sr=RATE_HZ, n_fft=1024, hop_length=256, n_mels=96)
    found: NDArray[np.float32] = librosa.power_to_db(power, ref=np.max, top_db=-_FLOOR_DB)
    return found


def _arms(takes: Takes) -> Sequence[str]:
    return list(dict.fromkeys(arm for arm, _ in takes))


def _draw(takes: Takes, path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    arms = _arms(takes)
    figure, grid = plt.subplots(len(PROMPTS), len(arms), figsize=(2.6 * len(arms), 1.5 * len(PROMPTS)), squeeze=False)
    for row, prompt in zip(grid, PROMPTS, strict=True):
        for axes, arm in zip(row, arms, strict=True):
            axes.imshow(
                mel_db(takes[arm, prompt]),
                origin="lower",
                aspect="auto",
                cmap="magma",
                vmin=_FLOOR_DB,
                vmax=0,
                extent=(0, DURATION_S, 0, 1),
            )
            axes.set_yticks([])
            axes.set_xticks([0, DURATION_S] if prompt == PROMPTS[-1] else [])
            motion = measure.moved(takes[arm, prompt])
            axes.text(0.15, 0.86, f"{motion:.3f}", color="white", fontsize=8, transform=axes.transData)
        row[0].set_ylabel(
            prompt.replace(" with", "\nwith").replace(" for", "\nfor").replace(" and", "\nand"), fontsize=8
        )
    for axes, arm in zip(grid[0], arms, strict=True):
        axes.set_title(arm if arm in ("before", "now") else f"now, taste: {arm}", fontsize=10)
    figure.supxlabel("seconds; up: frequency (mel, 0 to 8 kHz); in each panel: harmonic motion", fontsize=9)
    figure.tight_layout()
    figure.savefig(path, dpi=90, pil_kwargs={"quality": 85})
    plt.close(figure)


def _page(takes: Takes, before: str) -> str:
    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    arms = _arms(takes)
    rows: list[tuple[Any, ...]] = [
        (prompt, *(f"{measure.moved(takes[arm, prompt]):.3f}" for arm in arms)) for prompt in PROMPTS
    ]
    medians = [np.nanmedian([measure.moved(takes[arm, prompt]) for prompt in PROMPTS]) for arm in arms]
    levels = [np.median([measure.level(takes[arm, prompt]) for prompt in PROMPTS]) for arm in arms]
    rows += [
        ("**median**", *(f"**{one:.3f}**" for one in medians)),
        ("loudness, LUFS, median", *(f"{one:.1f}" for one in levels)),
    ]
    table = ["| prompt | " + " | ".join(arms) + " |", "|" + "---|" * (len(arms) + 1)]
    table += ["| " + " | ".join(row) + " |" for row in rows]
    setting = (
        f"{datetime.now(UTC):%Y-%m-%d}, commit {git('rev-parse', 'HEAD')[:12]}. *Before* are the weights and sampling of commit "
        f"{before}, played by today's engine; *now* is the shipped model. The tastes are four playlists of eight real songs each "
        f"(orchestral, electronic, chiptune, industrial; `benchmarks/tastes/manifest.tsv`), at default strength. Seed {SEED}, "
        f"{DURATION_S:g} s a take. One seed shows what a listener gets; it proves nothing. Proof is in "
        "[benchmarks/results/tastes.md](../../benchmarks/results/tastes.md)."
    )
    return (
        "\n\n".join(
            [
                "# Spectrograms: eight prompts, before and now, and with four tastes",
                textwrap.fill(setting, width=120),
                "    python -m benchmarks.tastes.spectrograms",
                "![Mel spectrograms, one row a prompt, one column an arm](spectrograms.jpg)",
                "Harmonic motion (the median cosine distance of the chroma from second to second; real orchestral music has 0.10):",
                "\n".join(table),
            ]
        )
        + "\n"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", default=BEFORE, help="revision whose weights are drawn beside the shipped ones")
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "research")
    return parser.parse_args()


if __name__ == "__main__":
    main()
