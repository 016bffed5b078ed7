"""WAV headers readable by other programs, PCM without wrap-around."""

from __future__ import annotations

import io
import json
import wave
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from resonance.audio.provenance import provenance_texts
from resonance.audio.wav import pcm16, pcm_in, wav_header
from resonance.errors import DataLoss
from resonance.ids import canonical_digest, derive_job_id, is_request_id, new_request_id
from resonance.v1 import generate_pb2


@pytest.mark.parametrize("channels", [1, 2])
def test_a_wav_of_known_length_is_read_by_others(channels: int) -> None:
    samples = np.linspace(-1, 1, 100 * channels, dtype=np.float32).reshape(channels, 100)
    header = wav_header(sample_rate_hz=32_000, channel_count=channels, sample_count=100)
    assert len(header) == 44
    with wave.open(io.BytesIO(header + pcm16(samples))) as song:
        assert (song.getnchannels(), song.getframerate(), song.getnframes()) == (channels, 32_000, 100)
        back = np.frombuffer(song.readframes(100), "<i2").reshape(100, channels).T / 32767
    np.testing.assert_allclose(back, samples, atol=1e-4)


def test_what_is_said_of_the_music_is_read_by_others(tmp_path: Path) -> None:
    info = {"INAM": "ein Lied für dich", "IART": "odd", "ISFT": "even", "ICMT": 'a machine made it: {"seed": 3}'}
    samples = np.linspace(-1, 1, 200, dtype=np.float32).reshape(2, 100)
    wav = wav_header(sample_rate_hz=32_000, channel_count=2, sample_count=100, info=info) + pcm16(samples)
    assert pcm_in(wav) == pcm16(samples)
    path = tmp_path / "song.wav"
    path.write_bytes(wav)
    with soundfile.SoundFile(path) as song:
        texts = song.copy_metadata()
        assert (song.frames, song.channels) == (100, 2)
    names = {"title": "INAM", "artist": "IART", "comment": "ICMT"}
    assert {name: texts[name] for name in names} == {name: info[chunk] for name, chunk in names.items()}
    assert texts["software"].startswith("even")
    with av.open(str(path)) as song:
        assert {name: song.metadata[name] for name in names} == {name: info[chunk] for name, chunk in names.items()}
    with wave.open(io.BytesIO(wav)) as song:
        assert song.readframes(100) == pcm16(samples)


def test_the_longest_recipe_leaves_the_file_whole() -> None:
    take = generate_pb2.Take(seed=1)
    for _ in range(4):
        take.recipe.prompts.add(text="ü" * 2000)
    wav = wav_header(sample_rate_hz=8000, channel_count=1, sample_count=1, info=provenance_texts(take)) + b"\1\2"
    with soundfile.SoundFile(io.BytesIO(wav)) as song:
        assert "machine" in song.copy_metadata()["artist"]
        assert song.frames == 1
    with av.open(io.BytesIO(wav)) as song:
        assert (
            json.loads(song.metadata["comment"].split("Recipe: ", 1)[1])["recipe"]["prompts"][3]["text"] == "ü" * 2000
        )


def test_what_has_no_samples_is_told() -> None:
    with pytest.raises(DataLoss):
        pcm_in(b"RIFF\0\0\0\0WAVEfmt ")


def test_loud_samples_are_clipped_and_never_wrap() -> None:
    assert np.frombuffer(pcm16(np.array([[2.0, -2.0]], dtype=np.float32)), "<i2").tolist() == [32767, -32767]


def test_ids_are_ids() -> None:
    assert is_request_id(new_request_id())
    assert len({new_request_id() for _ in range(100)}) == 100
    assert derive_job_id("a") == derive_job_id("a") != derive_job_id("b")
    assert not is_request_id("a/b")


def test_digests_do_not_depend_on_the_order_of_keys() -> None:
    assert (
        canonical_digest({"a": 1, "b": 2.5})
        == canonical_digest({"b": 2.5, "a": 1})
        != canonical_digest({"a": 1, "b": 2})
    )
