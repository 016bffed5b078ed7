"""Songs of folders: junk is left out, the first twenty are taken in natural order, and both are said."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import resonance_gateway
from resonance.audio.formats import SOUND_ENDINGS
from resonance.client import song_files
from resonance.client.song_files import find_songs, natural_key
from resonance.errors import InvalidInput, NotFound
from resonance_cli.arguments import parse_link

JUNK = [
    "cover.jpg",
    ".DS_Store",
    "._01.mp3",
    "Thumbs.db",
    "album.cue",
    "rip.log",
    "list.m3u8",
    "notes.txt",
    ".hidden.mp3",
]


def fill(folder: Path, names: list[str]) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return folder


def test_a_folder_gives_its_songs_and_no_junk(tmp_path: Path) -> None:
    found = find_songs([fill(tmp_path, ["2 two.mp3", "10 ten.FLAC", "1 one.m4a", "odd.ape", *JUNK])])
    assert [path.name for path in found.songs] == ["1 one.m4a", "2 two.mp3", "10 ten.FLAC", "odd.ape"]
    (notice,) = found.notices()
    assert notice == "Left out, because they are no songs: album.cue, cover.jpg, list.m3u8 and 2 more."


def test_the_first_twenty_are_taken_and_the_rest_is_said(tmp_path: Path) -> None:
    found = find_songs([fill(tmp_path, [f"track {number}.mp3" for number in range(1, 29)])])
    assert [path.name for path in found.songs] == [f"track {number}.mp3" for number in range(1, 21)]
    assert found.notices() == ["There are 28 songs; the first 20 were taken, up to track 20.mp3."]


def test_folders_inside_a_folder_come_after_its_files(tmp_path: Path) -> None:
    names = ["CD10/1.mp3", "CD2/10.mp3", "CD2/9.mp3", "intro.mp3", "__MACOSX/._1.mp3", ".git/x.mp3"]
    found = find_songs([fill(tmp_path, names)])
    kept = [str(path.relative_to(tmp_path)) for path in found.songs]
    assert kept == ["intro.mp3", "CD2/9.mp3", "CD2/10.mp3", "CD10/1.mp3"]


def test_links_that_lead_round_in_a_circle_are_not_followed(tmp_path: Path) -> None:
    fill(tmp_path, ["one.mp3"])
    (tmp_path / "again").symlink_to(tmp_path)
    (tmp_path / "gone.mp3").symlink_to(tmp_path / "nowhere.mp3")
    assert [path.name for path in find_songs([tmp_path]).songs] == ["one.mp3"]


def test_of_named_files_only_known_junk_is_left_out(tmp_path: Path) -> None:
    folder = fill(tmp_path, ["one.mp3", "song", "cover.jpg"])
    found = find_songs(sorted(folder.iterdir()))
    assert [path.name for path in found.songs] == ["one.mp3", "song"]
    assert [path.name for path in find_songs([folder / "cover.jpg"]).songs] == ["cover.jpg"], (
        "the server says what it is"
    )


def test_no_songs_and_no_such_path_are_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"there are no songs in .*MP3"):
        find_songs([fill(tmp_path, JUNK)])
    with pytest.raises(NotFound, match="neither a file nor a folder"):
        find_songs([tmp_path / "nothing"])


def test_numbers_are_compared_as_numbers() -> None:
    names = ["b10", "b9", "A2", "a10", "01", "1"]
    assert sorted(names, key=natural_key) == ["01", "1", "A2", "a10", "b9", "b10"]


@pytest.mark.parametrize(
    "text", ["https://youtu.be/x", "youtu.be/dQw4w9WgXcQ", "www.youtube.com/watch?v=x", "spotify:album:1"]
)
def test_a_link_needs_no_scheme(text: str) -> None:
    assert parse_link([text]) == text
    assert parse_link([text, text]) == parse_link(["one.mp3"]) == parse_link(["songs.old/one.mp3"]) == ""


def test_the_page_leaves_out_the_same_files() -> None:
    script = (Path(resonance_gateway.__file__).parent / "static/js/parts/song-files.js").read_text()

    def endings(name: str) -> set[str]:
        text = script[script.index(f"export const {name}") :].split(";")[0]
        return set(" ".join(re.findall(r'"([^"]+)"', text.replace('.split(" ")', ""))).split())

    assert endings("SOUND_ENDINGS") == SOUND_ENDINGS
    assert endings("JUNK_ENDINGS") == song_files._JUNK_ENDINGS
