"""WAV headers that other programs read, PCM that does not wrap, waveforms that check themselves."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest

from resonance.audio import Waveform
from resonance.audio.wav import HEADER_BYTES, pcm16, wav_header
from resonance.ids import digest_of, is_request_id, job_id_of, new_request_id


@pytest.mark.parametrize("channels", [1, 2])
def test_a_wav_of_known_length_is_read_by_others(channels: int) -> None:
    samples = np.linspace(-1, 1, 100 * channels, dtype=np.float32).reshape(channels, 100)
    header = wav_header(sample_rate_hz=32_000, channel_count=channels, sample_count=100)
    assert len(header) == HEADER_BYTES
    with wave.open(io.BytesIO(header + pcm16(samples))) as song:
        assert (song.getnchannels(), song.getframerate(), song.getnframes()) == (channels, 32_000, 100)
        back = np.frombuffer(song.readframes(100), "<i2").reshape(100, channels).T / 32767
    np.testing.assert_allclose(back, samples, atol=1e-4)


def test_loud_samples_are_clipped_and_never_wrap() -> None:
    assert np.frombuffer(pcm16(np.array([[2.0, -2.0]], dtype=np.float32)), "<i2").tolist() == [32767, -32767]


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(4, dtype=np.float32),
        np.zeros((3, 4), dtype=np.float32),
        np.zeros((1, 4), dtype=np.float64),
        np.full((1, 4), np.nan, dtype=np.float32),
        np.full((1, 4), 1.5, dtype=np.float32),
    ],
)
def test_what_is_not_a_waveform_is_refused(samples: np.ndarray) -> None:  # type: ignore[type-arg]
    with pytest.raises(ValueError, match=r"samples|channels|finite"):
        Waveform(samples=samples, sample_rate_hz=16_000)


def test_ids_are_ids() -> None:
    assert is_request_id(new_request_id())
    assert len({new_request_id() for _ in range(100)}) == 100
    assert job_id_of("a") == job_id_of("a") != job_id_of("b")
    assert not is_request_id("a/b")


def test_digests_do_not_depend_on_the_order_of_keys() -> None:
    assert digest_of({"a": 1, "b": 2.5}) == digest_of({"b": 2.5, "a": 1}) != digest_of({"a": 1, "b": 2})
