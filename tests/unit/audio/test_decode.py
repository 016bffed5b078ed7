"""Untrusted file decoding: exact PCM, refusals, no leftover files."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from support import one_now_all_later, sounds

from resonance.audio.decode import DecodedFile, DecodeLimits, decode_file
from resonance.audio.formats import CODECS
from resonance.audio.level import TARGET_LUFS
from resonance.errors import DeadlineExceeded, InvalidInput
from resonance.ids import sha256_hex

LIMITS = DecodeLimits(duration_s_max=600.0, decoded_bytes_max=256 * 2**20, decode_s_max=30.0)
RATE_HZ = 32_000


async def decoded(source: Path, limits: DecodeLimits = LIMITS) -> DecodedFile:
    """Decodes beside the source, and asserts that only the result is left."""
    before = set(source.parent.iterdir())
    target = source.parent / "decoded"
    try:
        return await decode_file(source, target, sample_rate_hz=RATE_HZ, limits=limits)
    finally:
        assert set(source.parent.iterdir()) - before <= {target}


async def reason_of(source: Path, limits: DecodeLimits = LIMITS) -> str:
    with pytest.raises(InvalidInput) as caught:
        await decoded(source, limits)
    assert caught.value.message.endswith(".")
    return caught.value.reason


@pytest.mark.parametrize("kind", sounds.KINDS)
async def test_every_kind_of_file_becomes_the_tone_it_holds(kind: str, tmp_path: Path) -> None:
    found = await decoded(sounds.write_sound(tmp_path / f"song.{kind}", duration_s=2.0, pitch_hz=440.0))
    samples = found.samples()
    assert found.sample_rate_hz == RATE_HZ
    assert found.duration_s == pytest.approx(2.0, abs=0.06)  # AAC without a container keeps its padding
    assert found.sha256 == sha256_hex(found.path.read_bytes())
    assert not found.is_damaged
    assert float(np.abs(samples).max()) <= 1.0
    spectrum = np.abs(np.fft.rfft(samples[RATE_HZ // 2 : RATE_HZ // 2 + RATE_HZ]))
    assert int(spectrum.argmax()) == 440
    assert float(np.sqrt(np.mean(samples[8000:40_000] ** 2))) == pytest.approx(
        10 ** ((TARGET_LUFS + 0.691) / 20), rel=0.05
    )


async def test_the_content_and_not_the_name_decides(tmp_path: Path) -> None:
    found = await decoded(sounds.write_sound(tmp_path / "song.txt", kind="flac"))
    assert found.duration_s == pytest.approx(2.0, abs=0.01)


async def test_the_same_file_gives_the_same_bytes(tmp_path: Path) -> None:
    source = sounds.write_sound(tmp_path / "song.mp3")
    assert (await decoded(source)).sha256 == (await decoded(source)).sha256


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "EMPTY_FILE"),
        (b"\0", "NOT_AUDIO"),
        (b"hello, this is a letter and not a song\n" * 50, "NOT_AUDIO"),
        (bytes(range(256)) * 100, "NOT_AUDIO"),
        (b"%PDF-1.7\n" + b"x" * 4000, "NOT_AUDIO"),
        (sounds.float_wav_header(0), "NO_SOUND"),
    ],
)
async def test_a_file_without_audio_is_refused(content: bytes, reason: str, tmp_path: Path) -> None:
    source = tmp_path / "song.mp3"
    source.write_bytes(content)
    assert await reason_of(source) == reason


async def test_a_video_without_sound_is_named(tmp_path: Path) -> None:
    assert await reason_of(sounds.write_silent_video(tmp_path / "clip.mp4")) == "NO_SOUND"


async def test_one_sample_is_decoded_as_one_sample(tmp_path: Path) -> None:
    found = await decoded(sounds.write_float_wav(tmp_path / "one.wav", np.array([0.25], np.float32)))
    assert found.sample_count == 1


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
async def test_samples_that_are_not_numbers_are_refused(bad: float, tmp_path: Path) -> None:
    samples = sounds.tone(2.0, RATE_HZ)
    samples[40_000] = bad
    assert await reason_of(sounds.write_float_wav(tmp_path / "bad.wav", samples)) == "NOT_FINITE"


async def test_an_over_driven_file_is_levelled_and_not_clipped(tmp_path: Path) -> None:
    plain = await decoded(sounds.write_float_wav(tmp_path / "plain.wav", sounds.tone(2.0, RATE_HZ)))
    before = plain.samples().copy()
    loud = await decoded(sounds.write_float_wav(tmp_path / "loud.wav", 8.0 * sounds.tone(2.0, RATE_HZ)))
    np.testing.assert_allclose(loud.samples(), before, atol=1e-5)


async def test_samples_far_beyond_full_scale_become_sound_within_it(tmp_path: Path) -> None:
    samples = np.tile(np.array([1e30, -1e30], np.float32), RATE_HZ)
    found = await decoded(sounds.write_float_wav(tmp_path / "loud.wav", samples))
    assert 0.0 < found.peak <= 1.0


async def test_silence_is_sound(tmp_path: Path) -> None:
    found = await decoded(sounds.write_float_wav(tmp_path / "silent.wav", np.zeros(RATE_HZ, np.float32)))
    assert (found.peak, found.sample_count) == (0.0, RATE_HZ)


@pytest.mark.parametrize("kind", one_now_all_later(["mp3", "m4a", "flac", "wav"]))
async def test_a_file_cut_anywhere_decodes_in_part_or_is_refused(kind: str, tmp_path: Path) -> None:
    whole = sounds.sound_bytes(kind, tmp_path, duration_s=4.0)
    for tenths in (1, 5, 8):
        source = tmp_path / f"cut.{kind}"
        source.write_bytes(whole[: len(whole) * tenths // 10])
        kept_s = await kept_count(source)
        assert kept_s <= 4.0 * tenths / 10 + 0.3
        if kind != "m4a" and tenths >= 5:  # an M4A without its index has nothing left
            assert kept_s >= 4.0 * tenths / 10 - 0.5


async def kept_count(source: Path) -> float:
    """The decoded seconds of a damaged file; 0 where it was refused."""
    try:
        return (await decoded(source)).duration_s
    except InvalidInput as failure:
        if failure.reason not in {
            "DAMAGED",
            "NOT_AUDIO",
            "NO_SOUND",
            "TOO_LONG",
            "TOO_LARGE",
        } or not failure.message.endswith("."):
            raise
        return 0.0


async def test_an_hour_is_too_long_whatever_the_header_says(tmp_path: Path) -> None:
    limits = DecodeLimits(duration_s_max=3.0, decoded_bytes_max=256 * 2**20, decode_s_max=30.0)
    assert await reason_of(sounds.write_sound(tmp_path / "long.mp3", duration_s=4.0), limits) == "TOO_LONG"
    source = tmp_path / "claims.wav"
    source.write_bytes(sounds.float_wav_header(3600 * RATE_HZ * 4) + sounds.tone(2.0, RATE_HZ).tobytes())
    assert (await decoded(source, limits)).duration_s == pytest.approx(2.0)


async def test_a_bomb_is_stopped_at_the_byte_limit(tmp_path: Path) -> None:
    source = tmp_path / "bomb.flac"
    source.write_bytes(sounds.flac_bomb(300.0))
    assert source.stat().st_size < 200_000
    limits = DecodeLimits(duration_s_max=36_000.0, decoded_bytes_max=16 * 2**20, decode_s_max=30.0)
    assert await reason_of(source, limits) == "TOO_LARGE"


@pytest.mark.parametrize(
    "header",
    one_now_all_later(
        [
            sounds.float_wav_header(2**32 - 1, rate_hz=2**32 - 1, channels=65_535),
            sounds.float_wav_header(2**31, rate_hz=655_350, channels=8),
            sounds.float_wav_header(4096, rate_hz=0),
            sounds.float_wav_header(4096, rate_hz=1),
            b"ID3\x04\0\0\x7f\x7f\x7f\x7f",
            b"fLaC" + b"\xff" * 38,
            b"OggS" + b"\xff" * 60,
            b"\0\0\0\x20ftypM4A \0\0\0\0" + b"\xff" * 60,
            b"FORM\xff\xff\xff\xffAIFF" + b"\xff" * 60,
            b"\x1aE\xdf\xa3" + b"\xff" * 60,
        ]
    ),
)
async def test_absurd_headers_are_refused(header: bytes, tmp_path: Path) -> None:
    source = tmp_path / "insane"
    source.write_bytes(header + bytes(8192))
    assert await kept_count(source) <= LIMITS.duration_s_max


@pytest.mark.parametrize("name", one_now_all_later(["song.mp3", "song.m3u8"]))
@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile '{victim}'\n",
        "ffconcat version 1.0\nfile 'victim.wav'\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile://{victim}\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nvictim.wav\n#EXT-X-ENDLIST\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
    ],
)
async def test_a_playlist_in_disguise_never_reads_its_siblings(name: str, text: str, tmp_path: Path) -> None:
    victim = sounds.write_sound(tmp_path / "victim.wav", duration_s=3.0)
    source = tmp_path / name
    source.write_text(text.format(victim=victim))
    assert await reason_of(source) == "NOT_AUDIO"


async def test_a_track_reference_inside_mov_is_not_followed(tmp_path: Path) -> None:
    whole = bytearray(sounds.sound_bytes("m4a", tmp_path))
    at = whole.find(b"url \0\0\0\x01")
    assert at > 0, "the fixture has a self-contained data reference to tamper with"
    whole[at + 7] = 0  # now the samples live elsewhere, at an address that is not given
    source = tmp_path / "reference.m4a"
    source.write_bytes(whole)
    await kept_count(source)


async def test_a_deadline_kills_the_child(tmp_path: Path) -> None:
    source = sounds.write_sound(tmp_path / "song.mp3")
    limits = DecodeLimits(duration_s_max=600.0, decoded_bytes_max=256 * 2**20, decode_s_max=0.02)
    with pytest.raises(DeadlineExceeded, match=r"took longer than"):
        await decoded(source, limits)
    assert children_of(os.getpid()) == []


@pytest.mark.parametrize("after_s", one_now_all_later([0.1, 0.0, 0.01, 0.2]))
async def test_cancelling_kills_the_child_and_leaves_nothing(after_s: float, tmp_path: Path) -> None:
    source = sounds.write_sound(tmp_path / "song.flac", duration_s=180.0)  # an idle machine decodes a minute in 0.2 s
    task = asyncio.create_task(decoded(source))
    await asyncio.sleep(after_s)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert children_of(os.getpid()) == []
    assert os.listdir(tmp_path) == ["song.flac"]


def children_of(pid: int) -> list[str]:
    """The command lines of this process's children, the S3 server of other tests aside."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found.append(Path(f"/proc/{child}/cmdline").read_text().replace("\0", " "))
    return [line for line in found if "decode_worker" in line]


@pytest.mark.parametrize("kind", [kind for kind in sounds.KINDS if kind not in ("mp3", "aac")])
async def test_a_file_cut_anywhere_decodes_in_part_or_is_damaged(kind: str, tmp_path: Path) -> None:
    whole = sounds.sound_bytes(kind, tmp_path, duration_s=3.0)
    source = tmp_path / f"cut.{kind}"
    for percent in (2, 25, 60, 95):
        source.write_bytes(whole[: len(whole) * percent // 100])
        try:
            assert (await decoded(source)).sample_count > 0
        except InvalidInput as refusal:
            assert refusal.reason in ("DAMAGED", "NO_SOUND"), (percent, refusal)


@pytest.mark.parametrize("count", [8, 9, 10, 16, 24])
async def test_files_of_eight_and_more_channels_are_heard(count: int, tmp_path: Path) -> None:
    channels = np.zeros((count, 2 * RATE_HZ), np.float32)
    channels[0] = channels[1] = sounds.tone(2.0, RATE_HZ)
    found = await decoded(sounds.write_many_channels(tmp_path / "many.wav", channels))
    assert found.duration_s == pytest.approx(2.0, abs=0.01)
    assert found.peak > 0.05


@pytest.mark.parametrize("kind", ["flac", "aac", "mp3"])
@pytest.mark.parametrize("tags", [1, 2])
async def test_a_large_tag_before_a_song_hides_nothing(kind: str, tags: int, tmp_path: Path) -> None:
    source = tmp_path / "0.source"
    source.write_bytes(tags * sounds.id3_tag(1_500_000) + sounds.sound_bytes(kind, tmp_path))
    found = await decoded(source)
    assert found.duration_s == pytest.approx(2.0, abs=0.06)
    assert found.notice == ""


async def test_empty_bytes_before_a_song_are_skipped(tmp_path: Path) -> None:
    source = tmp_path / "late.mp3"
    source.write_bytes(bytes(2_000_000) + sounds.sound_bytes("mp3", tmp_path))
    assert (await decoded(source)).duration_s == pytest.approx(2.0, abs=0.06)


@pytest.mark.parametrize("kind", ["flac", "wav", "aiff", "ogg", "opus", "wv", "w64"])
async def test_a_file_that_is_cut_says_how_much_was_heard(kind: str, tmp_path: Path) -> None:
    whole = sounds.sound_bytes(kind, tmp_path, duration_s=20.0)
    source = tmp_path / f"cut.{kind}"
    source.write_bytes(whole[: len(whole) // 2])
    found = await decoded(source)
    assert 5.0 < found.duration_s < 12.0
    assert "cut off" in found.notice
    assert f"{found.duration_s:.1f}" in found.notice


@pytest.mark.parametrize("kind", sounds.KINDS)
async def test_a_whole_file_has_no_notice(kind: str, tmp_path: Path) -> None:
    assert (await decoded(sounds.write_sound(tmp_path / f"song.{kind}"))).notice == ""


@pytest.mark.parametrize("default", [0, 1])
async def test_the_track_that_is_marked_as_default_is_heard(default: int, tmp_path: Path) -> None:
    found = await decoded(sounds.write_two_tracks(tmp_path / "film.mkv", default=default, pitches_hz=(220.0, 440.0)))
    spectrum = np.abs(np.fft.rfft(found.samples()[RATE_HZ // 2 : RATE_HZ // 2 + RATE_HZ]))
    assert int(spectrum.argmax()) == (220, 440)[default]
    assert "2 sound tracks" in found.notice


@pytest.mark.parametrize("codec", ["ac3", "eac3", "tta"])
async def test_the_list_of_codecs_holds_at_the_decoder(codec: str, tmp_path: Path) -> None:
    assert codec not in CODECS
    source = tmp_path / "film.mkv"
    with av.open(str(source), "w", format="matroska") as output:
        stream: Any = output.add_stream(codec, rate=48_000, layout="stereo")
        context = stream.codec_context
        samples = sounds.tone(1.0, 48_000)
        frame = av.AudioFrame.from_ndarray(np.stack([samples, samples]), "fltp", "stereo")
        frame.sample_rate = 48_000
        converter = av.AudioResampler(context.format.name, "stereo", 48_000, context.frame_size or 1024)
        for piece in [*converter.resample(frame), *converter.resample(None)]:
            output.mux(stream.encode(piece))
        output.mux(stream.encode(None))
    assert await reason_of(source) == "FORMAT_NOT_READ"


async def test_chosen_parts_of_a_track_longer_than_the_limit_are_kept_alone(tmp_path: Path) -> None:
    limits = DecodeLimits(duration_s_max=3.0, decoded_bytes_max=256 * 2**20, decode_s_max=30.0)
    low, high = sounds.tone(6.0, RATE_HZ, pitch_hz=220.0), sounds.tone(4.0, RATE_HZ, pitch_hz=880.0)
    source = sounds.write_float_wav(tmp_path / "symphony.wav", np.concatenate([low, high]))
    target = tmp_path / "out"
    ranges = [(1.0, 2.0), (7.0, 8.5)]
    found = await decode_file(source, target, sample_rate_hz=RATE_HZ, limits=limits, ranges=ranges)
    assert found.ranges == ((RATE_HZ, 2 * RATE_HZ), (7 * RATE_HZ, 8 * RATE_HZ + RATE_HZ // 2))
    assert found.duration_s == 2.5
    pitches = [int(np.abs(np.fft.rfft(found.samples()[at : at + RATE_HZ])).argmax()) for at in (0, RATE_HZ)]
    assert pitches == [220, 880]
    for chosen, reason in (([(0.0, 4.0)], "TOO_LONG"), ([(20.0, 22.0)], "RANGE_OUTSIDE_TRACK"), ([], "TOO_LONG")):
        with pytest.raises(InvalidInput) as caught:
            await decode_file(source, target, sample_rate_hz=RATE_HZ, limits=limits, ranges=chosen)
        assert caught.value.reason == reason


async def test_chosen_parts_of_a_shorter_track_leave_it_whole(tmp_path: Path) -> None:
    source = sounds.write_float_wav(tmp_path / "song.wav", sounds.tone(4.0, RATE_HZ))
    found = await decode_file(source, tmp_path / "out", sample_rate_hz=RATE_HZ, limits=LIMITS, ranges=[(1.0, 2.0)])
    assert (found.duration_s, found.ranges) == (4.0, ())


async def test_a_protected_file_is_told_as_such(tmp_path: Path) -> None:
    whole = sounds.sound_bytes("m4a", tmp_path)
    for mark in (b"drms", b"enca"):
        source = tmp_path / "bought.m4p"
        source.write_bytes(whole.replace(b"mp4a", mark, 1))
        assert await reason_of(source) == "COPY_PROTECTED"
    source.write_bytes(whole[:4] + b"ftypaax " + whole[12:])
    assert await reason_of(source) == "COPY_PROTECTED"
    wma = sounds.sound_bytes("wma", tmp_path)
    source.write_bytes(wma[:30] + bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e") + wma[30:])
    assert await reason_of(source) == "COPY_PROTECTED"
