"""Studies on the real services with the tiny model: cancelled half-way and resumed, taken over after a crash, refused by name."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import pytest_asyncio
import torch
from google.protobuf import json_format

from resonance.errors import FailedPrecondition, InvalidInput, NotFound
from resonance.identity import acting_as
from resonance.keys import (
    concept_key,
    given_reference_key,
    reference_key,
    study_key,
    take_codes_key,
    take_key,
    taste_calibration_key,
    taste_key,
    vector_key,
)
from resonance.rpc import RpcServer, open_channel
from resonance.settings import Settings
from resonance.store import MemoryStore, ObjectStore
from resonance.store.owned import OwnedStore
from resonance.taste import Direction
from resonance.v1 import extract_pb2, generate_pb2, generate_pb2_grpc, steering_pb2
from resonance_extract.concepts import ConceptShelf
from resonance_extract.configuration import reference_digest
from resonance_extract.describing.describer import MeterDescriber
from resonance_extract.describing.meters import COLUMN_COUNT
from resonance_extract.directions import direction_of
from resonance_extract.ear import Ear
from resonance_extract.extraction import Extraction, TasteShelf
from resonance_extract.music import MusicShelf
from resonance_extract.plans import Planner
from resonance_extract.reference import ReferenceShelf
from resonance_extract.renderings import Condition, Measured, Renderer, Subject
from resonance_extract.statistics import Reference, TrackStatistics
from resonance_extract.studies import Studies
from resonance_extract.tracks import TrackCache
from resonance_generate.build import open_generate
from resonance_generate.codes import codes_document
from resonance_model.listen import hear_clip, hear_codes
from resonance_model.loaded import LoadedModel

RUNNING, COMPLETED, FAILED, CANCELLED = range(1, 5)


@dataclass
class CountingRenderer(Renderer):
    """The real renderer; it counts, and can be told to wait or to fail."""

    made: list[Condition] = field(default_factory=list)
    pause_s: float = 0.0
    fails: bool = False

    def __init__(self, inner: Renderer) -> None:
        self._inner, self.made, self.pause_s, self.fails = inner, [], 0.0, False

    async def measured(self, condition: Condition, subject: Subject) -> Measured:
        await asyncio.sleep(self.pause_s)
        if self.fails:
            raise FailedPrecondition("the test says so", reason="TOLD_TO_FAIL")
        found = await self._inner.measured(condition, subject)
        self.made.append(condition)
        return found


@dataclass(frozen=True, slots=True)
class Bench:
    """Running services, and what studies need."""

    store: ObjectStore
    concepts: ConceptShelf
    tastes: TasteShelf
    renderer: CountingRenderer
    ear: Ear
    shelf: ReferenceShelf
    digest: str

    def studies(self, lease_s: float = 30.0) -> Studies:
        planner = Planner(self.store, self.concepts, self.tastes, self.shelf, self.ear, self.renderer)
        return Studies(self.store, planner, model_digest=self.digest, lease_s=lease_s)


@pytest.fixture(scope="session")
def computed(tiny: LoadedModel) -> dict[str, bytes]:
    """A reference that was heard from noise, and a concept of a random direction: how they are made is not what is tested here."""
    heard = hear_clip(tiny, torch.from_numpy(noise(2.0)))
    reference = Reference(
        mean=heard.mean.numpy().astype(np.float32), variance=heard.variance.numpy().astype(np.float32) + 1e-4
    )
    difference = np.random.default_rng(3).normal(size=reference.mean.shape).astype(np.float32)
    digest = tiny.facts.digest
    vector = direction_of(difference, reference, model_digest=digest).to_bytes()
    scores = [extract_pb2.LayerScore(layer=layer, auc=0.9, norm=0.5) for layer in range(tiny.shape.layer_count)]
    concept = extract_pb2.Concept(
        name="rush",
        model_digest=digest,
        ready=True,
        layers=scores,
        vector_key=vector_key("rush"),
        vector_sha256=hashlib.sha256(vector).hexdigest(),
    )
    return {
        reference_key(reference_digest(digest)): reference.to_bytes(),
        vector_key("rush"): vector,
        concept_key(digest, "rush"): json_format.MessageToJson(concept).encode(),
    }


@pytest_asyncio.fixture
async def bench(tiny: LoadedModel, computed: dict[str, bytes]) -> AsyncIterator[Bench]:
    store = MemoryStore()
    for key, data in computed.items():
        await store.put(key, data)
    async with AsyncExitStack() as stack:
        server = RpcServer("127.0.0.1:0")
        settings = Settings(grpc_addr=await server.bind())
        parts = await stack.enter_async_context(open_generate(settings, store, tiny))
        parts.add_to(server)
        await server.start()
        stack.push_async_callback(server.stop, 0)
        channel = await stack.enter_async_context(open_channel(settings.grpc_addr))
        ear = Ear(tiny)
        stack.callback(ear.close)
        shelf = ReferenceShelf(ear, store)
        concepts = ConceptShelf(ear, store, shelf)
        renderer = CountingRenderer(Renderer(generate_pb2_grpc.GenerateServiceStub(channel), ear))
        yield Bench(store, concepts, TasteShelf(ear, store, shelf), renderer, ear, shelf, tiny.facts.digest)


def asked(**fields: object) -> extract_pb2.StartStudyRequest:
    values = {"concept": "rush", "strengths": [-1.0, 1.0], "prompts": ["jazz", "rock"], "clip_s": 1.0} | fields
    return extract_pb2.StartStudyRequest(**values)  # type: ignore[arg-type]


async def finished(studies: Studies, study_id: str) -> extract_pb2.Study:
    async with asyncio.timeout(60):
        return [study async for study in studies.watch(study_id)][-1]


async def until(studies: Studies, study_id: str, done: int) -> None:
    async with asyncio.timeout(60):
        async for study in studies.watch(study_id):
            if study.progress.done >= done:
                return


async def test_a_calibration_runs_by_itself_and_is_in_force_at_the_end(bench: Bench) -> None:
    studies = bench.studies()
    started = await studies.start(asked())
    assert started.state == RUNNING
    study = await finished(studies, started.study_id)
    assert study.state == COMPLETED
    assert (study.progress.done, study.progress.total, study.reused) == (8, 8, 0)
    stored = (await bench.concepts.get("rush")).calibration
    assert [point.strength for point in stored.points] == [-1.0, 0.0, 1.0]
    assert stored == study.calibration
    assert stored.points[1].effect == 0.0
    assert all(point.log_likelihood < 0 for point in stored.points)
    assert [(knot.position, knot.strength) for knot in stored.remap if knot.position == 0] == [(0.0, 0.0)]
    again = await studies.start(asked())
    assert again.state == COMPLETED, "the same study is not made twice"
    assert len(bench.renderer.made) == 8


async def test_cancelled_half_way_and_resumed_it_makes_only_what_is_missing(bench: Bench) -> None:
    studies = bench.studies()
    bench.renderer.pause_s = 0.1
    started = await studies.start(asked())
    await until(studies, started.study_id, 2)
    cancelled = await studies.cancel(started.study_id)
    assert cancelled.state == CANCELLED
    done = cancelled.progress.done
    assert 2 <= done < 8
    await asyncio.sleep(0.3)
    assert (await studies.get(started.study_id)).progress.done == done, "a cancelled study stands still"
    assert not (await bench.concepts.get("rush")).HasField("calibration")
    resumed = await studies.start(asked())
    assert resumed.study_id == started.study_id
    study = await finished(studies, resumed.study_id)
    assert (study.state, study.reused, study.progress.done) == (COMPLETED, done, 8)
    assert len({one.key for one in bench.renderer.made}) == 8
    assert len(bench.renderer.made) <= 8 + 2, "at most the renderings in hand are made again"


async def test_what_was_resumed_is_what_an_uninterrupted_run_measures(bench: Bench) -> None:
    studies = bench.studies()
    started = await studies.start(asked())
    await until(studies, started.study_id, 3)
    await studies.cancel(started.study_id)
    resumed = await finished(studies, (await studies.start(asked())).study_id)
    await bench.store.delete(f"studies/{started.study_id}.json")
    whole = await finished(studies, (await studies.start(asked())).study_id)
    for one, other in zip(resumed.calibration.points, whole.calibration.points, strict=True):
        assert one == other


async def test_after_a_crash_somebody_else_goes_on(bench: Bench) -> None:
    first = bench.studies(lease_s=0.3)
    bench.renderer.pause_s = 0.1
    started = await first.start(asked())
    await until(first, started.study_id, 2)
    await first.close()  # as a process that ends: the study stays marked as running
    second = bench.studies(lease_s=0.3)
    assert await second.take_over() == 0, "its lease has not run out yet"
    await asyncio.sleep(0.4)
    assert await second.take_over() == 1
    study = await finished(second, started.study_id)
    assert study.state == COMPLETED
    assert study.reused >= 2


async def test_another_replicas_patrol_goes_on_with_anybodys_study_unasked(bench: Bench) -> None:
    bench.renderer.pause_s = 0.1
    first = bench.studies(lease_s=0.3)
    with acting_as("o-alice"):  # her concepts and studies lie below her own prefix
        store = OwnedStore(bench.store)
        for name in ("rush",):
            key = concept_key(bench.digest, name)
            await store.put(key, (await bench.store.get(key)).data)
        hers = replace(bench, store=store)
        first = hers.studies(lease_s=0.3)
        started = await first.start(asked())
        await until(first, started.study_id, 2)
    await first.close()
    living = hers.studies(lease_s=0.3)
    patrol = asyncio.create_task(living.patrol())
    try:
        with acting_as("o-alice"):
            study = await finished(living, started.study_id)
            assert study.state == COMPLETED
            assert study.reused >= 2
            assert not await store.exists(study_key("nothing"))
        assert [key async for key in bench.store.keys("study-open/")] == [], "nobody need look at it again"
        with pytest.raises(NotFound):
            await living.get(started.study_id)
    finally:
        patrol.cancel()
        await asyncio.gather(patrol, return_exceptions=True)


async def test_a_study_that_cannot_be_read_does_not_keep_the_patrol_from_the_others(bench: Bench) -> None:
    bench.renderer.pause_s = 0.1
    first = bench.studies(lease_s=0.2)
    started = await first.start(asked())
    await until(first, started.study_id, 2)
    await first.close()
    await bench.store.put("study-open/s-0", b"")  # its document is gone
    await bench.store.put("study-open/s-1.o-bob", b"")
    await asyncio.sleep(0.3)
    second = bench.studies(lease_s=0.2)
    assert await second.take_over() == 1
    assert (await finished(second, started.study_id)).state == COMPLETED


# --- reference studies


async def test_a_reference_is_made_of_the_music_it_is_given_and_is_in_force(bench: Bench) -> None:
    before = await bench.shelf.get()
    taste = await make_taste(bench, {index: noise(3.5, index) for index in range(3)})
    studies = bench.studies()
    wanted = extract_pb2.StartStudyRequest(
        kind=extract_pb2.STUDY_KIND_REFERENCE,
        music=[extract_pb2.MusicSource(taste_id=taste.taste_id)],
        prompts=["jazz", "rock"],
        clip_s=1.0,
    )
    study = await finished(studies, (await studies.start(wanted)).study_id)
    assert (study.state, study.progress.done) == (COMPLETED, 5)
    assert (study.reference.source, study.reference.piece_count) == ("given", 5)
    after = await bench.shelf.get()
    assert after.pieces is not None
    assert after.pieces.shape[0] == 5
    assert after.mean == pytest.approx(after.pieces.mean(axis=0), rel=1e-4, abs=1e-4)
    assert not np.allclose(after.mean, before.mean)
    assert (await bench.shelf.describe()).study_id == study.study_id
    again = await make_taste(bench, {index: noise(3.5, index) for index in range(3)})
    assert again.vector_sha256 != taste.vector_sha256
    assert again.vector_key != taste.vector_key, "what was made before keeps its vector"
    shrunk = await make_taste(bench, {0: noise(3.5, 9)}, whitening=steering_pb2.WHITENING_SHRUNK)
    plain = await make_taste(bench, {0: noise(3.5, 9)})
    assert shrunk.vector_sha256 != plain.vector_sha256


async def test_a_reference_study_is_resumed_and_hears_no_piece_twice(bench: Bench) -> None:
    wanted = extract_pb2.StartStudyRequest(
        kind=extract_pb2.STUDY_KIND_REFERENCE, prompts=[f"music {index}" for index in range(6)], clip_s=1.0
    )
    first = bench.studies()
    started = await first.start(wanted)
    await until(first, started.study_id, 2)
    cancelled = await first.cancel(started.study_id)
    assert cancelled.state == CANCELLED
    done = cancelled.progress.done
    assert not await bench.store.exists(given_reference_key(bench.digest))
    second = bench.studies()
    study = await finished(second, (await second.start(wanted)).study_id)
    assert (study.study_id, study.state, study.reused) == (started.study_id, COMPLETED, done)


async def test_a_reference_of_too_little_or_unknown_music_is_refused(bench: Bench) -> None:
    studies, kind = bench.studies(), extract_pb2.STUDY_KIND_REFERENCE
    with pytest.raises(InvalidInput, match="not varied music"):
        await studies.start(extract_pb2.StartStudyRequest(kind=kind, prompts=["jazz"]))
    with pytest.raises(NotFound):
        await studies.start(
            extract_pb2.StartStudyRequest(kind=kind, music=[extract_pb2.MusicSource(taste_id="t-none")])
        )
    with pytest.raises(InvalidInput, match="and not both"):
        await studies.start(extract_pb2.StartStudyRequest(kind=kind, music=[extract_pb2.MusicSource()]))
    with pytest.raises(InvalidInput, match="names its music"):
        await studies.start(extract_pb2.StartStudyRequest(kind=kind, concept="rush"))
    with pytest.raises(InvalidInput, match="a reference study hears"):
        await studies.start(asked(music=[extract_pb2.MusicSource(taste_id="t-none")]))


async def test_shrunk_whitening_needs_a_reference_that_keeps_its_pieces(bench: Bench) -> None:
    with pytest.raises(FailedPrecondition, match="reference study"):
        await make_taste(bench, {0: noise(3.5)}, whitening=steering_pb2.WHITENING_SHRUNK)


# --- concepts of music


async def concept_of(bench: Bench, **fields: object) -> extract_pb2.Concept:
    request = extract_pb2.ComputeConceptRequest(name="sound", **fields)  # type: ignore[arg-type]
    return [response async for response in bench.concepts.compute(request)][-1].concept


async def keep_taste(bench: Bench, taste_id: str, means: np.ndarray) -> extract_pb2.MusicSource:  # type: ignore[type-arg]
    """A taste whose tracks of one clip were heard as `means` `[tracks, layers, hidden]`: the tiny codec is deaf to what music is."""
    cache, one = TrackCache(bench.store, model_digest=bench.digest), np.ones(1, np.float32)
    taste = steering_pb2.TasteSummary(taste_id=taste_id, model_digest=bench.digest)
    for index, mean in enumerate(means.astype(np.float32)):
        sha256 = hashlib.sha256(mean.tobytes()).hexdigest()
        taste.tracks.add(title=str(index), sha256=sha256, clip_count=1)
        heard = TrackStatistics(
            means=mean[None],
            starts_s=0 * one,
            ends_s=one,
            rms=one,
            meters=np.zeros((1, COLUMN_COUNT), np.float32),
            variances=np.ones_like(mean[None]),
        )
        await cache.keep(sha256, heard)
    await bench.store.put(taste_key(taste_id), json_format.MessageToJson(taste).encode())
    return extract_pb2.MusicSource(taste_id=taste_id)


async def test_a_concept_is_made_of_two_playlists(bench: Bench, tiny: LoadedModel) -> None:
    chance = np.random.default_rng(0)
    shape = (tiny.shape.layer_count, tiny.shape.hidden_size)
    truth = np.zeros(shape)
    truth[1] = chance.normal(size=shape[1])  # only layer 1 knows it
    high = await keep_taste(bench, "t-high", chance.normal(size=(5, *shape)) + 2 * truth)
    low = await keep_taste(bench, "t-low", chance.normal(size=(4, *shape)) - 2 * truth)
    pair = extract_pb2.MusicPair(positive=high, negative=low)
    concept = await concept_of(bench, music_pairs=[pair])
    assert concept.made_by == "music"
    assert list(concept.music_pairs) == [pair]
    assert not concept.unusable_reason, "pieces that were left out are told apart"
    assert concept.layers[1].auc == 1.0
    assert concept.layer_gains[1] == 1.0
    assert concept.natural_strength > 0
    direction = Direction.from_bytes((await bench.store.get(concept.vector_key)).data)
    row = direction.per_layer[1]
    assert row @ truth[1] / np.linalg.norm(row) / np.linalg.norm(truth[1]) > 0.95, "towards the first"
    turned = await concept_of(bench, music_pairs=[extract_pb2.MusicPair(positive=low, negative=high)])
    flipped = Direction.from_bytes((await bench.store.get(turned.vector_key)).data)
    assert flipped.per_layer == pytest.approx(-direction.per_layer, abs=1e-4)


async def test_a_concept_of_music_that_does_not_differ_is_unusable(bench: Bench, tiny: LoadedModel) -> None:
    chance = np.random.default_rng(1)
    shape = (tiny.shape.layer_count, tiny.shape.hidden_size)
    sides = [await keep_taste(bench, name, chance.normal(size=(1, *shape))) for name in ("t-one", "t-two")]
    concept = await concept_of(bench, music_pairs=[extract_pb2.MusicPair(positive=sides[0], negative=sides[1])])
    assert "0.50" in concept.unusable_reason, "one piece against one proves nothing"


async def test_tracks_of_an_older_version_must_be_heard_again(bench: Bench, tiny: LoadedModel) -> None:
    shape = (tiny.shape.layer_count, tiny.shape.hidden_size)
    source = await keep_taste(bench, "t-old", np.ones((1, *shape)))
    shelf = MusicShelf(bench.ear, bench.store)
    (piece,) = await shelf.pieces(source)
    cache = TrackCache(bench.store, model_digest=bench.digest)
    known = await cache.find(piece.track_sha256)
    assert known is not None
    await cache.keep(piece.track_sha256, replace(known, variances=None))
    with pytest.raises(FailedPrecondition, match="heard again"):
        await shelf.hear(piece)


async def test_a_concept_may_have_words_and_music(bench: Bench, tiny: LoadedModel) -> None:
    shape = (tiny.shape.layer_count, tiny.shape.hidden_size)
    taste = await keep_taste(bench, "t-mine", np.random.default_rng(0).normal(size=(2, *shape)))
    sides = [extract_pb2.MusicSource(taste_id=taste.taste_id, track_indices=[i]) for i in (0, 1)]
    concept = await concept_of(
        bench,
        pairs=[extract_pb2.PromptPair(positive="high flute", negative="low drum")],
        music_pairs=[extract_pb2.MusicPair(positive=sides[0], negative=sides[1])],
    )
    assert concept.made_by.endswith("+music")


async def test_music_pairs_that_cannot_be_used_are_refused_by_name(bench: Bench) -> None:
    taste = await make_taste(bench, {0: noise(3.5)})
    here = extract_pb2.MusicSource(taste_id=taste.taste_id)
    with pytest.raises(InvalidInput, match="pairs of music"):
        await concept_of(bench)
    with pytest.raises(InvalidInput, match="on both sides"):
        await concept_of(bench, music_pairs=[extract_pb2.MusicPair(positive=here, negative=here)])
    beyond = extract_pb2.MusicSource(taste_id=taste.taste_id, track_indices=[3])
    with pytest.raises(InvalidInput, match="no track 3"):
        await concept_of(bench, music_pairs=[extract_pb2.MusicPair(positive=here, negative=beyond)])
    gone = extract_pb2.MusicSource(take_id="nobody")
    with pytest.raises(NotFound, match="no take nobody"):
        await concept_of(bench, music_pairs=[extract_pb2.MusicPair(positive=here, negative=gone)])


async def test_a_take_is_a_piece(bench: Bench, tiny: LoadedModel) -> None:
    """Its tokens are read as `generate` writes them."""
    codes = np.random.default_rng(1).integers(0, 50, size=(tiny.shape.codebook_count, 60))
    await bench.store.put(take_codes_key("mine"), codes_document(codes, ""))
    take = generate_pb2.Take(request_id="mine", model=generate_pb2.ModelInfo(digest=bench.digest))
    await bench.store.put(take_key("mine"), json_format.MessageToJson(take).encode())
    shelf = MusicShelf(bench.ear, bench.store)
    (piece,) = await shelf.pieces(extract_pb2.MusicSource(take_id="mine"))
    heard = hear_codes(tiny, torch.from_numpy(codes))
    assert (await shelf.hear(piece)).mean == pytest.approx(heard.mean.numpy().astype(np.float32), rel=1e-5)


async def test_a_failed_study_says_why_and_can_be_started_again(bench: Bench) -> None:
    studies = bench.studies()
    bench.renderer.fails = True
    study = await finished(studies, (await studies.start(asked())).study_id)
    assert (study.state, study.error.reason) == (FAILED, "TOLD_TO_FAIL")
    bench.renderer.fails = False
    assert (await finished(studies, (await studies.start(asked())).study_id)).state == COMPLETED


async def test_a_caller_who_waits_and_leaves_cancels_it(bench: Bench) -> None:
    studies = bench.studies()
    bench.renderer.pause_s = 0.1
    following = studies.follow(asked())
    study = await anext(following)
    await following.aclose()
    assert (await studies.get(study.study_id)).state == CANCELLED


async def test_a_layer_scan_renders_the_best_layers_all_and_one_to_all(bench: Bench) -> None:
    studies = bench.studies()
    wanted = asked(kind=extract_pb2.STUDY_KIND_LAYER_SCAN, strengths=[], prompts=["jazz"])
    study = await finished(studies, (await studies.start(wanted)).study_id)
    assert study.state == COMPLETED
    labels = [one.label for one in study.renderings]
    assert labels[-2:] == ["all", "one_to_all"]
    assert sorted(labels[:3]) == ["0", "1", "2"]
    assert not study.HasField("calibration")
    assert study.progress.total == 1 + 2 * 5
    steered = {(one.form, one.strength) for one in bench.renderer.made}
    assert {strength for form, strength in steered if form == "one_to_all"} == {-1.5, 1.5}


async def test_a_concepts_ladder_and_scan_follow_its_natural_strength(bench: Bench) -> None:
    concept = await bench.concepts.get("rush")
    concept.natural_strength = 4.0
    await bench.concepts.save(concept)
    studies = bench.studies()
    study = await finished(studies, (await studies.start(asked(strengths=[], prompts=["jazz"]))).study_id)
    tried = [point.strength for point in study.calibration.points]
    assert tried == [-5.2, -3.2, -1.8, -0.8, 0.0, 0.8, 1.8, 3.2, 5.2]


async def test_a_taste_is_calibrated_and_its_range_is_kept_beside_it(bench: Bench) -> None:
    taste = await make_taste(bench, {0: noise(4.0)})
    studies = bench.studies()
    wanted = extract_pb2.StartStudyRequest(taste_id=taste.taste_id, strengths=[-1.0, 1.0], prompts=["jazz"], clip_s=1.0)
    study = await finished(studies, (await studies.start(wanted)).study_id)
    assert study.state == COMPLETED
    assert await bench.store.exists(taste_calibration_key(taste.taste_id, taste.vector_sha256))


async def test_subjects_that_cannot_be_studied_are_refused_by_name(bench: Bench) -> None:
    studies = bench.studies()
    with pytest.raises(InvalidInput, match="and not both"):
        await studies.start(extract_pb2.StartStudyRequest())
    with pytest.raises(NotFound):
        await studies.start(asked(concept="nobody"))
    with pytest.raises(NotFound):
        await studies.get("s-nothing")
    concept = await bench.concepts.get("rush")
    concept.unusable_reason = "its two sides do not separate"
    await bench.concepts.save(concept)
    with pytest.raises(FailedPrecondition, match="do not separate") as caught:
        await studies.start(asked())
    assert caught.value.reason == "CONCEPT_UNUSABLE"


async def test_a_concept_that_does_not_separate_is_stored_as_unusable_with_its_figure(bench: Bench) -> None:
    # The second pair says the opposite of the first: what one of them teaches is wrong for the other.
    pairs = [
        extract_pb2.PromptPair(positive="fast drums", negative="slow drums"),
        extract_pb2.PromptPair(positive="slow drums", negative="fast drums"),
    ]
    async for response in bench.concepts.compute(extract_pb2.ComputeConceptRequest(name="muddle", pairs=pairs)):
        concept = response.concept
    stored = await bench.concepts.get("muddle")
    assert stored == concept
    best = max(layer.auc for layer in stored.layers)
    assert best < 0.6
    assert f"{best:.2f}" in stored.unusable_reason
    with pytest.raises(FailedPrecondition, match="do not separate"):
        await bench.studies().start(asked(concept="muddle"))


async def test_two_sides_of_the_same_words_are_refused(bench: Bench) -> None:
    pairs = [extract_pb2.PromptPair(positive="jazz", negative="jazz ")]
    with pytest.raises(InvalidInput, match="nothing to steer by"):
        async for _ in bench.concepts.compute(extract_pb2.ComputeConceptRequest(name="nothing", pairs=pairs)):
            pass


# --- tastes of bad input


def noise(length_s: float, seed: int = 0) -> np.ndarray:  # type: ignore[type-arg]
    return (0.1 * np.random.default_rng(seed).normal(size=round(length_s * 16_000))).astype(np.float32)


async def make_taste(
    bench: Bench,
    tracks: dict[int, np.ndarray],  # type: ignore[type-arg]
    *,
    taste_id: str = "t-test",
    **options: object,
) -> steering_pb2.TasteSummary:
    """One clip per track, through the real extraction."""
    from resonance.v1 import audio_pb2, ingest_pb2

    plan: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
    shas = {index: hashlib.sha256(samples.tobytes()).hexdigest() for index, samples in tracks.items()}

    async def requests() -> AsyncIterator[extract_pb2.ExtractTasteRequest]:
        announced = [
            extract_pb2.ExtractionTrack(
                index=index, sha256=shas[index], clip_count=1, title=str(index), duration_s=len(samples) / 16_000
            )
            for index, samples in tracks.items()
        ]
        start = extract_pb2.ExtractionStart(
            taste_id=taste_id,
            tracks=announced,
            options=steering_pb2.TasteOptions(**options),  # type: ignore[arg-type]
        )
        yield extract_pb2.ExtractTasteRequest(start=start)
        for index in await plan:
            samples = tracks[index]
            opening = ingest_pb2.ClipOpening(track_index=index, clip_index=0, sample_count=len(samples))
            yield extract_pb2.ExtractTasteRequest(clip=opening)
            for begin in range(0, len(samples), 16_000):
                part = samples[begin : begin + 16_000]
                chunk = audio_pb2.AudioChunk(sample_count=len(part), data=part.astype("<f4").tobytes())
                yield extract_pb2.ExtractTasteRequest(chunk=chunk)

    extraction = Extraction(bench.ear, bench.store, bench.shelf, running_max=4, describer=MeterDescriber())
    faults: list[str] = []
    async for response in extraction.run(requests()):
        if response.HasField("plan"):
            plan.set_result(list(response.plan.track_indices))
        if response.HasField("track_fault"):
            faults.append(response.track_fault.fault.reason)
        if response.HasField("taste"):
            taste = response.taste
            assert not faults
            return taste
    raise AssertionError(faults)


async def test_a_taste_of_silence_is_refused(bench: Bench) -> None:
    with pytest.raises(InvalidInput) as caught:
        await make_taste(bench, {0: np.zeros(80_000, dtype=np.float32)})
    assert caught.value.reason == "NO_USABLE_TRACK"


async def test_a_taste_of_one_second_is_refused_with_the_least_length(bench: Bench) -> None:
    with pytest.raises(InvalidInput, match="at least 3 s") as caught:
        await make_taste(bench, {0: noise(1.0)})
    assert caught.value.reason == "TOO_LITTLE_MUSIC"


async def test_twenty_identical_files_are_the_taste_of_one_and_say_so(bench: Bench) -> None:
    same = noise(3.5)
    many = await make_taste(bench, dict.fromkeys(range(20), same))
    assert many.notices == ["all 20 tracks are the same music: this is the taste of one track"]
    one = await make_taste(bench, {0: same})
    assert not one.notices
    assert many.vector_sha256 == one.vector_sha256
    assert sum(weight for track in many.tracks for weight in track.clip_weights) == pytest.approx(1)


async def test_a_repeated_track_counts_once_beside_others(bench: Bench) -> None:
    first, second = noise(3.5, 1), noise(3.5, 2)
    doubled = await make_taste(bench, {0: first, 1: second, 2: first})
    plain = await make_taste(bench, {0: first, 1: second})
    assert doubled.vector_sha256 == plain.vector_sha256
    assert "1 of the 3 tracks" in doubled.notices[0]


async def test_contrast_mean_and_whitening_are_three_directions(bench: Bench) -> None:
    tracks = {0: noise(3.5, 1), 1: noise(3.5, 2)}
    contrast = await make_taste(bench, tracks)
    mean = await make_taste(bench, tracks, direction_kind=steering_pb2.DIRECTION_KIND_MEAN)
    whitened = await make_taste(bench, tracks, whitening=steering_pb2.WHITENING_DIAGONAL)
    assert len({one.vector_sha256 for one in (contrast, mean, whitened)}) == 3
    assert contrast.split_half_cosine < mean.split_half_cosine, "a plain mean is what all music shares"


async def test_a_taste_is_described_in_figures_and_words(bench: Bench) -> None:
    taste = await make_taste(bench, {0: noise(4.0)})
    assert taste.character.source == "meters"
    assert taste.character.brightness_hz == pytest.approx(4000, rel=0.1), (
        "white noise at 16 kHz has its centroid at 4 kHz"
    )
    assert taste.character.loudness_dbfs == pytest.approx(-20, abs=0.5)
    assert "bright" in taste.character.words
    assert taste.description.startswith("Bright") or "bright" in taste.description
