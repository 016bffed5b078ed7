"""Files of other projects in the page: digests, licences, size."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from pathlib import Path

import pytest

import resonance_gateway

STATIC = Path(resonance_gateway.__file__).resolve().parent / "static"
PACKAGES = json.loads((STATIC / "vendor.json").read_text())
SCRIPT_BYTES_MAX, ALL_SCRIPT_BYTES_MAX, FACE_BYTES_MAX = 100_000, 140_000, 40_000


@pytest.mark.parametrize("folder", PACKAGES)
def test_every_file_is_as_published_and_has_its_licence(folder: str) -> None:
    listed = PACKAGES[folder]["files"]
    there = {
        str(path.relative_to(STATIC / folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (STATIC / folder).rglob("*")
        if path.is_file()
    }
    assert there == listed
    assert {"LICENSE", "OFL.txt"} & set(listed), "the licence goes with the files"


def test_no_file_of_another_project_is_unlisted() -> None:
    folders = {f"js/vendor/{path.name}" for path in (STATIC / "js/vendor").iterdir()}
    assert folders == {folder for folder in PACKAGES if folder.startswith("js/vendor/")}


def test_scripts_and_face_stay_within_their_budgets() -> None:
    """The studio loads at once what its entry imports, and the two worklets of its sound; the rest comes when it is used."""
    js = STATIC / "js"
    studio = _imported_by(js / "main.js", {*(js / "sound").glob("*-worklet.js")})
    room = _imported_by(js / "room.js", set())
    everything = set(js.rglob("*.js"))
    assert _compressed(studio) <= SCRIPT_BYTES_MAX
    assert _compressed(everything) <= ALL_SCRIPT_BYTES_MAX
    later = _loaded_later_by(studio | room) - studio - room
    assert everything - studio - room == later, "a script that no page loads"
    assert {"switches.js", "midi.js", "gamepad.js", "lane-editor.js", "taste-mix.js"} <= {path.name for path in later}
    assert sum(path.stat().st_size for path in (STATIC / "fonts").glob("*.woff2")) <= FACE_BYTES_MAX


def _loaded_later_by(paths: set[Path]) -> set[Path]:
    """The scripts that these load when they are used, and what comes with them."""
    found: set[Path] = set()
    waiting = set(paths)
    while waiting:
        path = waiting.pop()
        for name in re.findall(r"import\(\"(\.[^\"]+\.js)\"\)", path.read_text("utf-8")):
            before = set(found)
            _imported_by((path.parent / name).resolve(), found)
            waiting |= found - before
    return found


def _imported_by(entry: Path, found: set[Path]) -> set[Path]:
    """The scripts that come with this one, itself included: imports that are not awaited, of any depth."""
    if entry in found:
        return found
    found.add(entry)
    for name in re.findall(r"(?:from|import) *\"(\.[^\"]+\.js)\"", entry.read_text("utf-8")):
        _imported_by((entry.parent / name).resolve(), found)
    return found


def _compressed(paths: set[Path]) -> int:
    return len(gzip.compress(b"".join(path.read_bytes() for path in sorted(paths)), 9))
