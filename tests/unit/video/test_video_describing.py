"""Described versions: where summaries are heard, the two sound tracks, and films in other codecs and with PCM."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import av
import numpy as np
import pytest
from support.video import beating_song, song_map, write_song

from resonance.audio.delivery.credentials import open_credentials
from resonance.rpc import RpcServer, open_channel
from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance_speech.build import open_speech
from resonance_video.assembly import AssembledVideo, assemble
from resonance_video.describing import GAP_S, LEAD_S, SpeechDescriber, SpokenSummaries, place_summaries
from resonance_video.directing import direct
from resonance_video.encoding import VideoCodec
from resonance_video.scenes.procedural.encoder import SceneEncoder
from resonance_video.treatment import read_concept

SIZE = (64, 96)
RATE_HZ = 16_000
SAMPLES = beating_song(120, 6, rate_hz=RATE_HZ)
MAP = song_map(len(SAMPLES) / RATE_HZ)
PLAN = direct(MAP, read_concept("a woman walks in the city at night", MAP))


@pytest.fixture
async def spoken(tmp_path: Path) -> AsyncIterator[SpokenSummaries]:
    """The plan's summaries in the embedded voice, from a real speech service."""
    async with open_speech(Settings(data_dir=tmp_path / "data"), MemoryStore()) as speech:
        server = RpcServer("127.0.0.1:0")
        speech.add_to(server)
        await server.start()
        async with open_channel(server.address) as channel:
            yield await SpeechDescriber(channel).describe(PLAN, tmp_path)
        await server.stop(0)


async def make_film(tmp_path: Path, codec: VideoCodec = "h264", **more: object) -> AssembledVideo:
    song = write_song(tmp_path / "song.wav", SAMPLES, RATE_HZ)
    scenes = {}
    for shot in PLAN.shots:
        scenes[shot.id] = tmp_path / f"{shot.id}.mp4"
        with SceneEncoder(scenes[shot.id], width=SIZE[0], height=SIZE[1], fps=24, seed=1, codec=codec) as encoder:
            for number in range(shot.frame_count):
                pixels = np.full((SIZE[1], SIZE[0], 4), 90, np.uint8)
                pixels[:, : 1 + number % SIZE[0]] += 20
                encoder.write(pixels, fade=1.0, bloom=0.0)
    out = tmp_path / "out"
    out.mkdir()
    return await assemble(PLAN, scenes, song, "9:16", out, size=SIZE, codec=codec, **more)  # type: ignore[arg-type]


def sound_of(path: Path, track: int = 0) -> np.ndarray:
    """Mono samples of a sound track."""
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray() for frame in container.decode(audio=track)]
    return np.concatenate([frame.reshape(-1) for frame in frames]).astype(np.float64)


async def test_the_described_version_has_the_voice_over_the_song_and_the_song_alone(
    tmp_path: Path, spoken: SpokenSummaries
) -> None:
    film = await make_film(tmp_path, spoken=spoken.summaries)
    assert film.described is not None
    with av.open(str(film.described)) as container:
        first, second = container.streams.audio
        assert first.disposition & av.stream.Disposition.visual_impaired
        assert first.disposition & av.stream.Disposition.default
        assert not second.disposition & av.stream.Disposition.default
        assert container.streams.video[0].frames == PLAN.frames
    mixed, alone = sound_of(film.described), sound_of(film.described, 1)
    count = round(film.duration_s * RATE_HZ)
    assert abs(len(mixed) - count) <= 1024
    assert abs(len(alone) - count) <= 1024
    song = SAMPLES[:, 0] if SAMPLES.ndim == 2 else SAMPLES
    assert np.corrcoef(alone[:count], np.asarray(song[:count], float))[0, 1] > 0.9
    with av.open(str(film.master)) as container:
        assert len(container.streams.audio) == 1


async def test_a_summary_is_heard_in_its_shot_and_never_over_another_one(spoken: SpokenSummaries) -> None:
    assert spoken.summaries
    ends_s = 0.0
    for one in spoken.summaries:
        shot = next(shot for shot in PLAN.shots if shot.id == one.shot_id)
        assert one.start_s >= max(shot.start_frame / PLAN.fps + LEAD_S, ends_s)
        with av.open(str(one.path)) as container:
            samples = sum(frame.samples for frame in container.decode(audio=0))
            ends_s = one.start_s + samples / container.streams.audio[0].rate
        assert ends_s <= PLAN.frames / PLAN.fps


def test_a_summary_that_would_come_in_another_shot_is_left_out() -> None:
    shots = PLAN.shots[:3]
    lengths_s = [20.0, 1.0, 1.0]
    starts = place_summaries(shots, lengths_s, fps=24, film_s=60.0)
    assert starts[0] == LEAD_S
    assert starts[1] is None
    later = place_summaries(shots, [1.0, 1.0, 60.0], fps=24, film_s=60.0)
    assert later[1] == max(shots[1].start_frame / 24 + LEAD_S, 1.0 + LEAD_S + GAP_S)
    assert later[2] is None


def test_a_summary_waits_where_the_song_itself_speaks() -> None:
    shots = PLAN.shots[:2]
    busy_s = [(0.5, 2.0), (2.5, 3.0)]
    starts = place_summaries(shots, [1.0, 1.0], fps=24, film_s=60.0, busy_s=busy_s)
    for start_s in starts:
        if start_s is not None:
            assert all(start_s >= ends_s + GAP_S or start_s + 1.0 <= begins_s for begins_s, ends_s in busy_s)
    assert starts[0] == pytest.approx(3.0 + GAP_S)


@pytest.mark.parametrize("codec", ["av1", "vp9"])
async def test_films_of_other_codecs_are_joined_by_copying_and_repeat_their_bytes(
    tmp_path: Path, codec: VideoCodec
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one, two = await make_film(tmp_path / "one", codec), await make_film(tmp_path / "two", codec)
    assert one.sha256 == two.sha256
    assert one.notices == ()
    with av.open(str(one.share)) as container:
        assert container.streams.video[0].codec_context.name in ("libdav1d", "vp9")
        assert sum(1 for _ in container.decode(video=0)) == PLAN.frames


async def test_a_pcm_master_is_a_signed_quicktime_file_with_the_songs_samples(tmp_path: Path) -> None:
    credentials = open_credentials(Settings(data_dir=tmp_path / "data"))
    film = await make_film(tmp_path, is_pcm=True, credentials=credentials, manifest={"title": "a walk"})
    assert film.master.suffix == ".mov"
    with av.open(str(film.master)) as container:
        assert container.streams.audio[0].codec_context.name == "pcm_s16le"
    written = np.asarray(SAMPLES).reshape(-1)
    with av.open(str(tmp_path / "song.wav")) as container:
        written = np.concatenate([frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)])
    assert np.array_equal(sound_of(film.master).astype(np.int16), written)
    import c2pa

    with film.master.open("rb") as file, c2pa.Reader("video/quicktime", file) as reader:
        assert "org.resonance.video" in reader.json()
