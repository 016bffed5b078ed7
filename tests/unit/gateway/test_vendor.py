"""Files of other projects in the page: digests, licences, size."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

import pytest

import resonance_gateway

STATIC = Path(resonance_gateway.__file__).parent / "static"
PACKAGES = json.loads((STATIC / "vendor.json").read_text())
SCRIPT_BYTES_MAX, PICTURE_BYTES_MAX, FACE_BYTES_MAX = 100_000, 15_000, 40_000


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
    """The picture of places is loaded when it is first shown; everything else comes with the page."""
    later = STATIC / "js/pictures/scene"
    scripts = {path: path.read_bytes() for path in sorted((STATIC / "js").rglob("*.js"))}
    at_once = b"".join(data for path, data in scripts.items() if later not in path.parents)
    assert len(gzip.compress(at_once, 9)) <= SCRIPT_BYTES_MAX
    assert len(gzip.compress(b"".join(scripts.values()), 9)) <= SCRIPT_BYTES_MAX + PICTURE_BYTES_MAX
    assert b'from "../pictures/scene/' not in at_once, "no script of the page imports the picture at once"
    assert sum(path.stat().st_size for path in (STATIC / "fonts").glob("*.woff2")) <= FACE_BYTES_MAX
