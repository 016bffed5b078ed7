"""Output of a sound: whole files, followed links, streams into pipes, devices and standard output."""

from __future__ import annotations

import os
import stat
import sys
import threading
from pathlib import Path

import pytest
from rich.progress import Progress

from resonance.audio.delivery.delivery import Choice, Delivery
from resonance.audio.wav import pcm_in
from resonance.settings import Settings
from resonance.v1 import audio_pb2, generate_pb2
from resonance_cli.output import open_output
from resonance_cli.song_file import write_song

_FORMAT = audio_pb2.AudioFormat(sample_rate_hz=16_000, channel_count=1)


def messages(count: int = 3, *, fails: bool = False):
    started = generate_pb2.GenerationStarted(format=_FORMAT, sample_count_total=100 * count)
    yield generate_pb2.GenerateResponse(started=started)
    yield generate_pb2.GenerateResponse(queued=generate_pb2.GenerationQueued(place=2, wait_s=7))
    for number in range(count):
        chunk = audio_pb2.AudioChunk(sequence=number, sample_count=100, data=bytes([number]) * 200)
        yield generate_pb2.GenerateResponse(chunk=chunk)
    if fails:
        raise ConnectionError("cut")
    yield generate_pb2.GenerateResponse(finished=generate_pb2.GenerationFinished())


EXPECTED = b"".join(bytes([number]) * 200 for number in range(3))


RAW = Choice(is_raw=True)


def write(path: Path, **options: bool) -> list[str]:
    said: list[str] = []
    with Progress(disable=True) as progress:
        write_song(
            path, messages(**options), progress, said.append, delivery=Delivery(Settings(c2pa=False)), choice=RAW
        )
    return said


def test_a_new_file_appears_whole(tmp_path: Path) -> None:
    said = write(tmp_path / "song.wav")
    assert pcm_in((tmp_path / "song.wav").read_bytes()) == EXPECTED
    assert os.listdir(tmp_path) == ["song.wav"]
    assert said == ["waiting in line at place 2, about 7 s"]


def test_a_stream_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "song.wav").write_bytes(b"old")
    with pytest.raises(ConnectionError):
        write(tmp_path / "song.wav", fails=True)
    assert (tmp_path / "song.wav").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["song.wav"]


def test_a_link_is_followed_and_its_file_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    real, link, second = tmp_path / "folder" / "real.wav", tmp_path / "link.wav", tmp_path / "second.wav"
    real.write_bytes(b"old")
    real.chmod(0o640)
    link.symlink_to("folder/real.wav")
    second.symlink_to(link)
    write(second)
    assert second.is_symlink()
    assert link.is_symlink()
    assert pcm_in(real.read_bytes()) == EXPECTED
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


def test_a_link_to_a_file_that_is_not_there_makes_the_file(tmp_path: Path) -> None:
    (tmp_path / "link.wav").symlink_to(tmp_path / "new.wav")
    write(tmp_path / "link.wav")
    assert pcm_in((tmp_path / "new.wav").read_bytes()) == EXPECTED


@pytest.mark.parametrize("is_linked", [False, True])
def test_a_fifo_is_streamed_into_and_stays_one(tmp_path: Path, is_linked: bool) -> None:
    fifo = tmp_path / "pipe.wav"
    os.mkfifo(fifo)
    if is_linked:
        (tmp_path / "link.wav").symlink_to(fifo)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(fifo.read_bytes()))
    reader.start()
    write(tmp_path / ("link.wav" if is_linked else "pipe.wav"))
    reader.join(10)
    assert pcm_in(read[0]) == EXPECTED
    assert stat.S_ISFIFO(fifo.stat().st_mode)


def test_a_device_is_written_into_and_stays_one(tmp_path: Path) -> None:
    before = os.stat("/dev/null")
    write(Path("/dev/null"))
    (tmp_path / "link.wav").symlink_to("/dev/null")
    write(tmp_path / "link.wav")
    assert (os.stat("/dev/null").st_ino, os.stat("/dev/null").st_mode) == (before.st_ino, before.st_mode)
    assert (tmp_path / "link.wav").is_symlink()


def test_an_open_file_of_the_process_is_written_into(tmp_path: Path) -> None:
    """As `-o /dev/stdout > file`: what the shell has opened is written, and not another file in its place."""
    with (tmp_path / "open.wav").open("wb") as file:
        before = os.stat(file.fileno()).st_ino
        write(Path(f"/dev/fd/{file.fileno()}"))
    assert os.stat(tmp_path / "open.wav").st_ino == before
    assert pcm_in((tmp_path / "open.wav").read_bytes()) == EXPECTED


def test_a_minus_is_standard_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with (tmp_path / "redirected").open("w") as file:
        monkeypatch.setattr(sys, "stdout", file)
        write(Path("-"))
        monkeypatch.undo()
    assert pcm_in((tmp_path / "redirected").read_bytes()) == EXPECTED
    assert not (tmp_path / "-").exists()


@pytest.mark.parametrize(("place", "cause"), [("missing/song.wav", "there is no folder"), ("folder", "it is a folder")])
def test_a_refusal_names_the_path_that_was_given(tmp_path: Path, place: str, cause: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=cause) as refusal, open_output(tmp_path / place):
        pass
    assert str(tmp_path / place) in str(refusal.value)
    assert "partial" not in str(refusal.value)
