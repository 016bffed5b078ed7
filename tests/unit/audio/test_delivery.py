"""Mastering and files: level, peaks, edges, pieces, formats, licences."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest

from resonance.audio.delivery import watermark_detection
from resonance.audio.delivery.credentials import open_credentials
from resonance.audio.delivery.delivery import Choice, Delivery
from resonance.audio.delivery.encoder import Encoder
from resonance.audio.delivery.formats import FORMATS, WAV, format_accepted, format_of_path
from resonance.audio.delivery.master import LiveMaster, Mastering, loudness_lufs, master_kept
from resonance.audio.delivery.tags import Provenance, provenance_of_wav
from resonance.audio.delivery.true_peak import true_peak_db
from resonance.audio.wav import pcm16, pcm_in, read_wav
from resonance.errors import InvalidInput
from resonance.settings import Settings
from resonance.v1 import generate_pb2

RATE = 16_000
PAYLOAD = b"\x12\x34\x56"


def music(seconds: float = 12.0, *, level: float = 0.2, offset: float = 0.1, seed: int = 0) -> bytes:
    """Notes of a plucked string over breath noise, with an offset, from the very first sample on."""
    random = np.random.default_rng(seed)
    time_s = np.arange(round(seconds * RATE)) / RATE
    pitch_hz = 196 * 2 ** (random.integers(0, 12, len(time_s) // 4000 + 1)[np.arange(len(time_s)) // 4000] / 12)
    phase = 2 * np.pi * np.cumsum(pitch_hz) / RATE
    partials = sum(np.cos(number * phase) / number for number in range(1, 16))
    notes = partials * np.exp(-4 * (time_s % 0.25)) + 0.1 * random.standard_normal(len(time_s))
    return pcm16((level * notes + offset)[None].astype(np.float32))


def kept(pcm: bytes, mastering: Mastering) -> np.ndarray:
    return master_kept(pcm, mastering, sample_rate_hz=RATE, channel_count=1)


def live(pcm: bytes, mastering: Mastering, pieces: list[int]) -> bytes:
    master, made, place = LiveMaster(mastering, sample_rate_hz=RATE, channel_count=1), b"", 0
    for size in pieces * (len(pcm) // sum(pieces) + 1):
        made += master.push(pcm[place : place + size])
        place += size
    return made + master.finish()


@pytest.mark.parametrize("level", [0.01, 0.05, 0.2])
def test_kept_music_has_the_target_loudness_clean_edges_and_no_offset(level: float) -> None:
    samples = kept(music(level=level), Mastering(watermark_payload=PAYLOAD))
    assert loudness_lufs(samples, RATE) == pytest.approx(-16, abs=0.3)
    assert true_peak_db(samples) <= -1
    assert abs(samples[0, 0]) < 0.005
    assert samples[0, -1] == 0
    assert abs(samples.mean()) < 0.002


def test_live_music_is_the_same_in_pieces_of_any_size() -> None:
    pcm, mastering = music(4), Mastering(watermark_payload=PAYLOAD)
    whole = live(pcm, mastering, [len(pcm)])
    assert len(whole) == len(pcm)
    assert live(pcm, mastering, [6400, 16_000, 2, 334]) == whole
    samples = np.frombuffer(whole, "<i2")[None] / 32767
    assert true_peak_db(samples) <= -1
    assert abs(samples[0, 0]) < 0.005


def test_the_first_chunk_of_a_take_is_answered_with_samples() -> None:
    master = LiveMaster(Mastering(watermark_payload=PAYLOAD), sample_rate_hz=RATE, channel_count=1)
    assert len(master.push(music(0.2))) > 2 * 0.12 * RATE


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.1])
def test_music_shorter_than_every_window_keeps_its_length(seconds: float) -> None:
    pcm, mastering = music(seconds), Mastering(watermark_payload=PAYLOAD)
    assert len(live(pcm, mastering, [100])) == len(pcm)
    assert kept(pcm, mastering).shape == (1, len(pcm) // 2)


def test_silence_stays_silent() -> None:
    quiet = kept(bytes(2 * RATE * 2), Mastering(watermark_payload=PAYLOAD))
    assert np.abs(quiet).max() < 1e-4


def test_levelling_is_switched_off_by_one_setting() -> None:
    samples = kept(music(level=0.05), Mastering(target_lufs=None))
    before = np.frombuffer(music(level=0.05, offset=0), "<i2")[None] / 32767
    assert loudness_lufs(samples, RATE) == pytest.approx(loudness_lufs(before, RATE), abs=0.1)


def test_the_watermark_survives_mp3_and_a_cut_and_is_not_seen_where_it_is_not() -> None:
    samples = kept(music(14, seed=3), Mastering(watermark_payload=PAYLOAD))
    encoder = Encoder(FORMATS["mp3"], sample_rate_hz=RATE, channel_count=1, tags={}, is_streamed=False)
    encoder.push(samples)
    with av.open(io.BytesIO(encoder.finish())) as container:
        decoded = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    found = watermark_detection.detect(decoded[30_011 : 30_011 + 10 * RATE].astype(np.float64))
    assert found.is_marked
    assert found.payload == PAYLOAD
    assert not watermark_detection.detect(samples[0], key="another key, thirty-two letters").is_marked
    plain = np.frombuffer(music(14, seed=3), "<i2") / 32767
    assert not watermark_detection.detect(plain).is_marked


@pytest.fixture(scope="module")
def delivery(tmp_path_factory: pytest.TempPathFactory) -> Delivery:
    return Delivery(Settings(data_dir=tmp_path_factory.mktemp("data")))


@pytest.fixture(scope="module")
def provenance() -> Provenance:
    started = generate_pb2.GenerationStarted(seed=5)
    started.recipe.prompts.add(text="calm piano")
    started.model.model_id, started.model.backend = "embedded", "transformers"
    return Provenance.of(started)


def test_a_live_wav_has_the_length_that_was_told_first(delivery: Delivery, provenance: Provenance) -> None:
    pcm = music(3)
    file = delivery.live(provenance, Choice(), sample_rate_hz=RATE, channel_count=1, sample_count=len(pcm) // 2)
    told = file.byte_count
    data = file.start() + file.push(pcm) + file.finish()
    assert len(data) == told == int.from_bytes(data[4:8], "little") + 8
    assert len(pcm_in(data)) == len(pcm)


def test_kept_wav_and_flac_have_the_same_samples(delivery: Delivery, provenance: Provenance) -> None:
    pcm, made = music(3), {}
    for name in ("wav", "flac"):
        choice = Choice(form=FORMATS[name])
        data = delivery.file(pcm, provenance, choice, sample_rate_hz=RATE, channel_count=1)
        with av.open(io.BytesIO(data)) as container:
            made[name] = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    assert np.array_equal(made["wav"], made["flac"])


def test_a_stored_file_tells_its_provenance_again(delivery: Delivery, provenance: Provenance) -> None:
    choice = Choice(is_raw=True)
    data = delivery.file(music(1), provenance, choice, sample_rate_hz=RATE, channel_count=1)
    rate_hz, channel_count, pcm, info = read_wav(data)
    assert (rate_hz, channel_count, pcm) == (RATE, 1, music(1))
    again = provenance_of_wav(info)
    assert (again.info, again.model_id) == (provenance.info, "embedded")


def test_the_certificate_is_made_once_and_kept_for_its_owner_alone(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    assert open_credentials(settings) == open_credentials(settings)
    (file,) = (tmp_path / "content-credentials").iterdir()
    assert file.stat().st_mode & 0o077 == 0


def test_half_of_an_operators_certificate_ends_the_start(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="belong together"):
        Delivery(Settings(data_dir=tmp_path, c2pa_certificate="chain.pem"))


@pytest.mark.parametrize(
    ("accept", "name"), [("", "wav"), ("audio/*;q=0.1, audio/flac", "flac"), ("text/html, */*;q=0.8", "wav")]
)
def test_accept_is_read_by_quality(accept: str, name: str) -> None:
    found = format_accepted(accept)
    assert found is not None
    assert found.name == name


def test_a_files_ending_chooses_the_format() -> None:
    assert format_of_path(Path("a.OGG")).name == "opus"
    assert format_of_path(Path("song")) is WAV
    with pytest.raises(InvalidInput, match="wav, flac, mp3, opus, m4a"):
        format_of_path(Path("song.wma"))
