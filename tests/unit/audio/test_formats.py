"""Kinds of files by their first bytes: each refusal names the kind and what to do."""

from __future__ import annotations

import io
import tarfile
import zipfile

import pytest

from resonance.audio.formats import IN_WORDS, READ_ENDINGS, find_kind, id3_bytes


def zip_bytes() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("one.mp3", b"x" * 100)
    return file.getvalue()


def tar_bytes(mode: str) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:  # type: ignore[call-overload]
        archive.addfile(tarfile.TarInfo("one.mp3"), io.BytesIO())
    return file.getvalue()


@pytest.mark.parametrize(
    ("head", "reason", "word"),
    [
        (zip_bytes(), "ARCHIVE", "ZIP"),
        (tar_bytes("w"), "ARCHIVE", "TAR"),
        (tar_bytes("w:gz"), "ARCHIVE", "gzip"),
        (tar_bytes("w:xz"), "ARCHIVE", "xz"),
        (tar_bytes("w:bz2"), "ARCHIVE", "bzip2"),
        (b"Rar!\x1a\x07\x01\0" + bytes(50), "ARCHIVE", "RAR"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(50), "ARCHIVE", "7z"),
        (b"\0\0\0\x20ftypaax " + bytes(50), "COPY_PROTECTED", "Audible"),
        (b"MPCK" + bytes(50), "FORMAT_NOT_READ", "Musepack"),
        (b"MAC \x96\x0f" + bytes(50), "FORMAT_NOT_READ", "APE"),
        (b"TTA1" + bytes(50), "FORMAT_NOT_READ", "TTA"),
        (b"DSD \x1c" + bytes(50), "FORMAT_NOT_READ", "DSD"),
        (b"\x0b\x77" + bytes(50), "FORMAT_NOT_READ", "AC-3"),
        (b"\x7f\xfe\x80\x01" + bytes(50), "FORMAT_NOT_READ", "DTS"),
        (b"FLV\x01" + bytes(50), "FORMAT_NOT_READ", "FLV"),
        (b"RIFF\0\0\0\0AVI LIST" + bytes(50), "FORMAT_NOT_READ", "AVI"),
        ((b"G" + bytes(187)) * 4, "FORMAT_NOT_READ", "TS"),
        (b"MThd\0\0\0\6" + bytes(50), "NOT_AUDIO", "MIDI"),
        (b"IMPM" + bytes(50), "FORMAT_NOT_READ", "tracker"),
        (b"\xff\xd8\xff\xe0" + bytes(50), "NOT_AUDIO", "picture"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "NOT_AUDIO", "picture"),
        (b"%PDF-1.7\n" + bytes(50), "NOT_AUDIO", "PDF"),
        (b"#EXTM3U\none.mp3\n", "NOT_AUDIO", "list of songs"),
        (b"[playlist]\nFile1=one.mp3\n", "NOT_AUDIO", "list of songs"),
        (b"\n<!DOCTYPE html><html>", "NOT_AUDIO", "web page"),
        ("REM GENRE Pop\nFILE “x” WAVE\n".encode(), "NOT_AUDIO", "text"),
        (b"\0\0\0\x01Bud1" + bytes(50), "NOT_AUDIO", "DS_Store"),
        (b"\0\x05\x16\x07\0\2" + bytes(50), "NOT_AUDIO", "AppleDouble"),
        (bytes(range(256)), "NOT_AUDIO", IN_WORDS),
    ],
    ids=lambda value: (
        value if isinstance(value, str) else "head"
    ),  # an id of bytes that hold the time differs from worker to worker
)
def test_a_refusal_names_the_kind(head: bytes, reason: str, word: str) -> None:
    kind = find_kind(head)
    assert kind.reason == reason
    assert word in kind.message
    assert kind.message.endswith(".")


def test_a_format_that_is_not_read_comes_with_those_that_are() -> None:
    assert IN_WORDS in find_kind(b"MPCK").message
    assert {"mp3", "m4a", "flac", "ogg", "opus", "wav", "aiff", "wma"} <= READ_ENDINGS


def test_the_length_of_a_tag_is_read_from_its_header() -> None:
    assert id3_bytes(b"ID3\x03\0\0\0\0\x02\x01") == 10 + 257
    assert id3_bytes(b"ID3\x04\0\x10\0\0\0\x05") == 10 + 5 + 10
    assert id3_bytes(b"ID3\x04\0\0\xff\0\0\x05") == 0
    assert id3_bytes(b"fLaC") == 0
