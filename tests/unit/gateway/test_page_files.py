"""The page's files: size, no inline code, one API file."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

import resonance_gateway

STATIC = Path(resonance_gateway.__file__).parent / "static"
# Our own; `test_vendor.py` checks those of other projects, and the size of all of them together.
SCRIPTS = sorted(path for path in (STATIC / "js").rglob("*.js") if "vendor" not in path.parts)
PAGES = (STATIC / "index.html", STATIC / "rooms/room.html")
# The example piece and the texts of a language are files of the page: their scripts read them as they are.
TALKERS = ("api.js", "example.js", "language.js")


def test_markup_and_styles_are_under_20_kilobytes_compressed() -> None:
    texts = [*PAGES, *(STATIC / "css").glob("*.css")]
    assert sum(len(gzip.compress(path.read_bytes())) for path in texts) <= 20_000


def test_there_is_no_inline_script_style_or_handler() -> None:
    page = "".join(path.read_text() for path in PAGES)
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", page) == []


def test_nothing_is_loaded_from_elsewhere() -> None:
    for path in [*PAGES, *SCRIPTS, *(STATIC / "css").glob("*.css")]:
        links = re.findall(r"(?:src|href)=\"(https?:)?//|url\((?!\"\.\./)|import\(?\s*\"https?:", path.read_text())
        assert links == [], path.name


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_only_the_api_file_talks_to_the_server(path: Path) -> None:
    talks = re.search(r"\bfetch\(|XMLHttpRequest|new EventSource|new WebSocket|sendBeacon", path.read_text())
    assert bool(talks) == (path.name in TALKERS)


def test_every_element_that_the_types_name_is_in_the_page() -> None:
    page, types = "".join(path.read_text() for path in PAGES), (STATIC / "js" / "types.d.ts").read_text()
    ids = set(re.findall(r"\bid=\"([\w-]+)\"", page))
    elements = types[types.index("interface PageElements") : types.index("/** Ids of elements")]
    buttons = types[types.index("type ButtonId") : types.index("// JSON of the REST interface")]
    named = set(re.findall(r"\"([\w-]+)\"", elements + buttons))
    assert len(named) > 40
    assert named - ids == set()


def test_every_id_that_a_script_looks_for_is_in_the_page() -> None:
    page = "".join(path.read_text() for path in PAGES)
    drawn = "".join(path.read_text() for path in SCRIPTS)  # templates, and rows of buttons whose ids have a prefix
    ids = set(re.findall(r"\bid=\"([\w-]+)\"", page + drawn))
    prefixes = tuple(re.findall(r"\bid: `([\w-]+-)\$\{", drawn))
    for path in SCRIPTS:
        asked = set(re.findall(r"byId\(\"([\w-]+)\"\)", path.read_text()))
        assert {one for one in asked - ids if not one.startswith(prefixes)} == set(), path.name
