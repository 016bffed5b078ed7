"""Input signal chain: level, offset, polarity and channels.

The tests compare the samples that a model hears.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from resonance.audio.decode import DecodedFile, DecodeLimits, decode_file
from resonance.audio.downmix import front_matrix
from resonance.audio.level import TARGET_LUFS
from resonance.audio.loudness import loudness_lufs

LIMITS = DecodeLimits(duration_s_max=600.0, decoded_bytes_max=256 * 2**20, decode_s_max=30.0)
RATE_HZ = 16_000
Channels = NDArray[np.float32]


def music(*, seed: int = 0, duration_s: float = 4.0, rate_hz: int = 48_000) -> Channels:
    """Three tones that swell one after the other, `[samples]`."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    pitches = 220.0 * 2 ** (rng.integers(0, 24, 3) / 12)
    parts = [np.sin(2 * np.pi * pitch * time_s) * (1.1 + np.sin(time_s * (at + 1))) for at, pitch in enumerate(pitches)]
    return (0.08 * np.sum(parts, axis=0)).astype(np.float32)


async def decoded(folder: Path, channels: Channels, layout: str, rate_hz: int = 48_000) -> tuple[DecodedFile, Channels]:
    """The file of these channels `[channels, samples]` as float WAV, decoded."""
    source = folder / "song.wav"
    with av.open(str(source), "w") as output:
        stream: Any = output.add_stream("pcm_f32le", rate=rate_hz, layout=layout)
        frame = av.AudioFrame.from_ndarray(channels.T.reshape(1, -1).copy(), "flt", layout)
        frame.sample_rate = rate_hz
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    found = await decode_file(source, folder / "decoded", sample_rate_hz=RATE_HZ, limits=LIMITS)
    return found, found.samples().copy()


async def plain(folder: Path) -> Channels:
    return (await decoded(folder, np.stack([music(), music()]), "stereo"))[1]


async def test_a_track_is_brought_to_the_target(tmp_path: Path) -> None:
    found, samples = await decoded(tmp_path, np.stack([music(), music()]), "stereo")
    assert loudness_lufs(samples, RATE_HZ) == pytest.approx(TARGET_LUFS, abs=0.05)
    assert found.loudness_lufs + found.gain_db == pytest.approx(TARGET_LUFS, abs=0.05)
    assert found.downmix == "sum"


@pytest.mark.parametrize("gain_db", [-18.0, -12.0, -6.0, 6.0, 20.0])
async def test_a_tracks_level_leaves_no_trace(gain_db: float, tmp_path: Path) -> None:
    _, samples = await decoded(tmp_path, 10 ** (gain_db / 20) * np.stack([music(), music()]), "stereo")
    np.testing.assert_allclose(samples, await plain(tmp_path), atol=1e-5)


@pytest.mark.parametrize("offset", [0.05, -0.2])
async def test_an_offset_leaves_no_trace(offset: float, tmp_path: Path) -> None:
    _, samples = await decoded(tmp_path, offset + np.stack([music(), music()]), "stereo")
    assert abs(float(samples.mean())) < 1e-3
    np.testing.assert_allclose(samples[800:-800], (await plain(tmp_path))[800:-800], atol=2e-3)


async def test_a_side_with_turned_polarity_is_turned_back_and_told(tmp_path: Path) -> None:
    found, samples = await decoded(tmp_path, np.stack([music(), -music()]), "stereo")
    assert found.downmix == "turned"
    assert found.notice == "Left and right work against each other, so one side was turned over."
    np.testing.assert_allclose(samples, await plain(tmp_path), atol=1e-5)


async def test_a_wide_mix_is_not_lost_in_the_sum(tmp_path: Path) -> None:
    middle, side = 0.1 * music(seed=1), 2 * music(seed=2)
    found, samples = await decoded(tmp_path, np.stack([middle + side, middle - side]), "stereo")
    assert found.downmix == "turned"
    assert loudness_lufs(samples, RATE_HZ) == pytest.approx(TARGET_LUFS, abs=0.05)


async def test_a_wide_mix_with_one_side_turned_gives_the_same_samples(tmp_path: Path) -> None:
    middle, side = music(seed=1), 0.8 * music(seed=2)
    found, whole = await decoded(tmp_path, np.stack([middle + side, middle - side]), "stereo")
    turned, samples = await decoded(tmp_path, np.stack([middle + side, side - middle]), "stereo")
    assert (found.downmix, turned.downmix) == ("sum", "turned")
    np.testing.assert_allclose(samples, whole, atol=1e-5)


async def test_one_silent_side_changes_nothing(tmp_path: Path) -> None:
    found, samples = await decoded(tmp_path, np.stack([music(), 0 * music()]), "stereo")
    assert found.downmix == "sum"
    np.testing.assert_allclose(samples, await plain(tmp_path), atol=1e-5)


@pytest.mark.parametrize(
    ("layout", "played"),
    [
        ("5.1", ("FL", "FR")),
        ("5.1", ("FC",)),
        ("5.1", ("BL", "BR")),
        ("7.1", ("FL", "FR")),
        ("7.1", ("SL", "SR")),
        ("quad", ("FL", "FR")),
    ],
)
async def test_music_in_some_channels_is_heard_whole(layout: str, played: tuple[str, ...], tmp_path: Path) -> None:
    names = [channel.name for channel in av.AudioLayout(layout).channels]
    _, samples = await decoded(
        tmp_path, np.stack([music() if name in played else 0 * music() for name in names]), layout
    )
    np.testing.assert_allclose(samples, await plain(tmp_path), atol=1e-4)


async def test_low_frequency_effects_are_left_out(tmp_path: Path) -> None:
    rumble = 0.5 * np.sin(2 * np.pi * 40 * np.arange(len(music())) / 48_000).astype(np.float32)
    _, samples = await decoded(
        tmp_path, np.stack([music(), music(), 0 * music(), rumble, 0 * music(), 0 * music()]), "5.1"
    )
    np.testing.assert_allclose(samples, await plain(tmp_path), atol=1e-4)


@pytest.mark.parametrize("count", [9, 10, 16])
async def test_files_of_many_channels_are_heard(count: int, tmp_path: Path) -> None:
    layout = {9: "9 channels", 10: "10 channels", 16: "hexadecagonal"}[count]
    channels = np.stack([music()] * count)
    try:
        found, samples = await decoded(tmp_path, channels, layout)
    except ValueError:
        pytest.skip(f"this PyAV writes no file of {count} channels")
    assert loudness_lufs(samples, RATE_HZ) == pytest.approx(TARGET_LUFS, abs=0.05)
    assert not found.is_damaged


async def test_silence_and_noise_of_an_empty_record_are_not_raised(tmp_path: Path) -> None:
    noise = 10 ** (-62 / 20) * np.random.default_rng(0).normal(size=(2, 48_000 * 3)).astype(np.float32)
    found, samples = await decoded(tmp_path, noise, "stereo")
    assert found.gain_db == 0.0
    assert float(np.sqrt(np.mean(samples**2))) < 10 ** (-60 / 20)


async def test_a_file_that_names_no_places_is_taken_in_the_usual_order() -> None:
    np.testing.assert_array_equal(front_matrix(["NONE", "NONE"]), np.eye(2))
    assert front_matrix(["NONE"] * 6).tolist() == front_matrix(["FL", "FR", "FC", "LFE", "BL", "BR"]).tolist()


async def test_peaks_hold_the_gain_back_at_any_level_alike(tmp_path: Path) -> None:
    clicks = 0.1 * np.stack([music(), music()])
    clicks[:, ::24_000] = 0.9
    loud, loud_samples = await decoded(tmp_path, clicks, "stereo")
    _, soft_samples = await decoded(tmp_path, 0.5 * clicks, "stereo")
    assert loud.peak <= 1.0
    np.testing.assert_allclose(soft_samples, loud_samples, atol=1e-5)


def test_a_downmix_never_passes_full_scale() -> None:
    for layout in ("mono", "stereo", "2.1", "quad", "5.0", "5.1", "7.1", "7.1(wide)", "22.2"):
        names = [channel.name for channel in av.AudioLayout(layout).channels]
        assert front_matrix(names).sum(axis=0).max() == pytest.approx(1.0)
