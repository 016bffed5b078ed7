"""Recognition of held-out songs behind the model's codec.

Shows what the codec loses of real music. It is no strict bound: takes may exaggerate what a judge listens for.

    python -m benchmarks.tastes.through_codec
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile
import torch

from resonance.audio.level import TARGET_LUFS as TRACK_LUFS
from resonance.settings import Settings
from resonance_model.loaded_model import LoadedModel
from resonance_model.loaders import load_model

from .__main__ import RESULTS, describe_setting
from .fetch import CACHE, fetch
from .judges import JUDGES, Bench, classes_of, validate
from .manifest import PLAYLISTS, Song, chosen, read_manifest
from .motion import harmonic_motion
from .report import table
from .sound import RATE_HZ, Audio, cut, levelled, load

SECONDS: Final = 60.0
Form = Callable[[LoadedModel, Audio], Audio]


def through_codec(model: LoadedModel, audio: Audio) -> Audio:
    """Mono audio at 16 kHz, encoded to tokens and decoded from them."""
    with torch.inference_mode():
        codes = model.codec.encode(torch.from_numpy(audio))
        return model.codec.open_stream().finish(codes).mean(dim=0).numpy()


FORMS: Final[dict[str, Form | None]] = {"as they are": None, "through the codec": through_codec}


def main() -> None:
    """Makes, judges and reports."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    if missing := fetch(arguments.cache):
        raise SystemExit("\n".join([*missing, "without all songs and judges nothing is measured"]))
    model = load_model(Settings())
    if model.description.sample_rate_hz != RATE_HZ:
        raise SystemExit(f"the judges hear {RATE_HZ} Hz, and this model makes {model.description.sample_rate_hz} Hz")
    found = measure(model, read_manifest(), arguments.cache)
    named = {"id": model.description.model_id, "digest": model.description.digest}
    found = describe_setting(named, SECONDS) | found
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "tastes-codec.json").write_text(json.dumps(found, indent=1) + "\n")
    (arguments.out / "tastes-codec.md").write_text(text := write(found))
    print(text)


def measure(model: LoadedModel, songs: Sequence[Song], cache: Path) -> dict[str, Any]:
    """How often each judge names the right playlist of held-out songs in each form, and the songs' harmonic motion."""
    bench = Bench(cache)
    held = {name: [one.file_in(cache) for one in chosen(songs, name, "held")] for name in PLAYLISTS}
    forms = {
        form: {name: [_made(model, form, path, cache) for path in held[name]] for name in PLAYLISTS} for form in FORMS
    }
    found: dict[str, Any] = {"recognition": {}, "motion": {}}
    for judge in (one for one in JUDGES if one.role != "tags"):
        classes = classes_of(
            bench, judge, [[one.file_in(cache) for one in chosen(songs, name, "taste")] for name in PLAYLISTS]
        )
        for form, paths in forms.items():
            row = validate(bench, judge, classes, [paths[name] for name in PLAYLISTS], PLAYLISTS)
            found["recognition"].setdefault(judge.name, {})[form] = row
            print(judge.name, form, round(row["of_four_window"], 3), flush=True)
    for form, paths in forms.items():
        moved = [harmonic_motion(_middle(load(path))) for name in PLAYLISTS for path in paths[name]]
        found["motion"][form] = float(np.nanmedian(moved))
    return found


def write(found: dict[str, Any]) -> str:
    """The report."""
    rows = [
        [
            judge,
            form,
            *(f"{row[key]:.2f}" for key in ("of_four_song", "of_all_song", "of_four_window", "of_all_window")),
        ]
        for judge, forms in found["recognition"].items()
        for form, row in forms.items()
    ]
    lists = [
        [judge, form, *(f"{row['of_four_by_playlist'][name]:.2f}" for name in PLAYLISTS)]
        for judge, forms in found["recognition"].items()
        for form, row in forms.items()
    ]
    machine, model = found["machine"], found["model"]
    return (
        "\n\n".join(
            [
                f"# What the codec leaves of real songs, {found['date'][:10]}",
                f"Commit {found['commit'][:12]}; model {model['id']} {model['digest'][:12]}; {machine['processor']}, "
                f"{machine['cores']} cores. `python -m benchmarks.tastes.through_codec`. The 32 held-out songs of the "
                "[taste bench](tastes.md), 60 s from the middle of each at -20 LUFS, as they are and through the model's own "
                "codec; the judges and their classes are the bench's. A take of the model is decoded by the same codec, and may "
                "exaggerate what a judge listens for: the rows are no strict bound.",
                table(["judge", "songs", "song of 4", "song of 8", "8 s of 4", "8 s of 8"], rows),
                "Whole songs of four, by playlist:",
                table(["judge", "songs", *PLAYLISTS], lists),
                "Harmonic motion of 8 s from the middle, median of 32: "
                + ", ".join(f"{value:.3f} {form}" for form, value in found["motion"].items())
                + ".",
            ]
        )
        + "\n"
    )


def _made(model: LoadedModel, form: str, path: Path, cache: Path) -> Path:
    """The middle of a song in that form, made once for each model."""
    change = FORMS[form]
    kept = cache / "codec" / f"{model.description.digest[:12] if change else 'plain'}-{path.stem}.flac"
    if not kept.exists():
        audio = levelled(load(cut(path, cache / "cuts", SECONDS)), target_lufs=TRACK_LUFS).clip(-1, 1)
        kept.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(kept, change(model, audio) if change else audio, RATE_HZ)
    return kept


def _middle(audio: Audio) -> Audio:
    size = 8 * RATE_HZ
    start = max(0, (len(audio) - size) // 2)
    return audio[start : start + size]


if __name__ == "__main__":
    main()
