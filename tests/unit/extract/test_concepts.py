"""Concepts of words and music on real services; unusable concepts.

The model is the tiny one.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from google.protobuf import json_format
from support.extracting import Bench, asked, keep_taste, make_taste, noise

from resonance.errors import FailedPrecondition, InvalidInput, NotFound
from resonance.steering.direction import Direction
from resonance.store.keys import (
    take_codes_key,
    take_key,
    track_key,
)
from resonance.store.token_document import codes_document
from resonance.v1 import extract_pb2, generate_pb2
from resonance_extract.activations.configuration import track_digest
from resonance_extract.activations.stored_music import StoredMusic
from resonance_model.activations import read_codes
from resonance_model.loaded_model import LoadedModel


async def compute(bench: Bench, **fields: object) -> extract_pb2.Concept:
    request = extract_pb2.ComputeConceptRequest(name="sound", **fields)  # type: ignore[arg-type]
    return [response async for response in bench.concepts.compute(request)][-1].concept


async def test_a_concept_is_made_of_two_playlists(bench: Bench, tiny: LoadedModel) -> None:
    chance = np.random.default_rng(0)
    shape = (tiny.config.layer_count, tiny.config.hidden_size)
    truth = np.zeros(shape)
    truth[1] = chance.normal(size=shape[1])  # only layer 1 knows it
    high = await keep_taste(bench, "t-high", chance.normal(size=(5, *shape)) + 2 * truth)
    low = await keep_taste(bench, "t-low", chance.normal(size=(4, *shape)) - 2 * truth)
    pair = extract_pb2.MusicPair(positive=high, negative=low)
    concept = await compute(bench, music_pairs=[pair])
    assert concept.made_by == "music"
    assert list(concept.music_pairs) == [pair]
    assert not concept.unusable_reason, "held-out pieces separate"
    assert (concept.separation.part_count, concept.separation.auc) == (4, 1.0)
    assert not concept.notice
    assert concept.layers[1].auc == 1.0
    assert concept.layer_gains[1] == 1.0
    assert concept.natural_strength > 0
    direction = Direction.from_bytes((await bench.store.get(concept.vector_key)).data)
    row = direction.per_layer[1]
    assert row @ truth[1] / np.linalg.norm(row) / np.linalg.norm(truth[1]) > 0.95, "towards the first"
    turned = await compute(bench, music_pairs=[extract_pb2.MusicPair(positive=low, negative=high)])
    flipped = Direction.from_bytes((await bench.store.get(turned.vector_key)).data)
    assert flipped.per_layer == pytest.approx(-direction.per_layer, abs=1e-4)


async def test_one_piece_against_one_gets_a_notice_that_pairs_are_too_few(bench: Bench, tiny: LoadedModel) -> None:
    chance = np.random.default_rng(1)
    shape = (tiny.config.layer_count, tiny.config.hidden_size)
    sides = [await keep_taste(bench, name, chance.normal(size=(1, *shape))) for name in ("t-one", "t-two")]
    concept = await compute(bench, music_pairs=[extract_pb2.MusicPair(positive=sides[0], negative=sides[1])])
    assert not concept.unusable_reason
    assert concept.notice == "too few pairs to tell whether they separate: 1, and at least 4 are needed"
    assert (concept.separation.part_count, concept.separation.auc) == (1, 0.0)


async def test_music_that_does_not_differ_is_unusable(bench: Bench, tiny: LoadedModel) -> None:
    chance = np.random.default_rng(2)
    shape = (tiny.config.layer_count, tiny.config.hidden_size)
    sides = [await keep_taste(bench, name, chance.normal(size=(8, *shape))) for name in ("t-one", "t-two")]
    concept = await compute(bench, music_pairs=[extract_pb2.MusicPair(positive=sides[0], negative=sides[1])])
    assert concept.separation.part_count == 8
    assert "do not separate" in concept.unusable_reason
    assert not concept.notice


async def test_a_track_whose_statistics_are_gone_must_be_read_again(bench: Bench, tiny: LoadedModel) -> None:
    shape = (tiny.config.layer_count, tiny.config.hidden_size)
    source = await keep_taste(bench, "t-gone", np.ones((1, *shape)))
    music = StoredMusic(bench.worker, bench.store)
    (piece,) = await music.pieces(source)
    await bench.store.delete(track_key(track_digest(bench.digest, piece.key)))
    with pytest.raises(FailedPrecondition, match="read again"):
        await music.read(piece)


async def test_a_concept_may_have_words_and_music(bench: Bench, tiny: LoadedModel) -> None:
    shape = (tiny.config.layer_count, tiny.config.hidden_size)
    taste = await keep_taste(bench, "t-mine", np.random.default_rng(0).normal(size=(2, *shape)))
    sides = [extract_pb2.MusicSource(taste_id=taste.taste_id, track_indices=[i]) for i in (0, 1)]
    concept = await compute(
        bench,
        pairs=[extract_pb2.PromptPair(positive="high flute", negative="low drum")],
        music_pairs=[extract_pb2.MusicPair(positive=sides[0], negative=sides[1])],
    )
    assert concept.made_by.endswith("+music")


async def test_asked_for_again_a_concept_keeps_its_calibration_and_nothing_is_rendered(bench: Bench) -> None:
    pairs = [extract_pb2.PromptPair(positive="high flute", negative="low drum")]
    made = await compute(bench, pairs=pairs)
    made.calibration.strength_max = 0.7
    await bench.concepts.save(made)
    request = extract_pb2.ComputeConceptRequest(name="sound", pairs=pairs)
    assert [response.concept async for response in bench.concepts.compute(request)] == [made]
    await bench.store.delete(made.vector_key)
    again = await compute(bench, pairs=pairs)
    assert again.calibration == made.calibration, "the same vector was made anew"
    other = await compute(bench, pairs=[extract_pb2.PromptPair(positive="deep drum", negative="low drum")])
    assert not other.HasField("calibration")


async def test_music_pairs_that_cannot_be_used_are_refused_by_name(bench: Bench) -> None:
    taste = await make_taste(bench, {0: noise(3.5)})
    here = extract_pb2.MusicSource(taste_id=taste.taste_id)
    with pytest.raises(InvalidInput, match="pairs of music"):
        await compute(bench)
    with pytest.raises(InvalidInput, match="on both sides"):
        await compute(bench, music_pairs=[extract_pb2.MusicPair(positive=here, negative=here)])
    beyond = extract_pb2.MusicSource(taste_id=taste.taste_id, track_indices=[3])
    with pytest.raises(InvalidInput, match="no track 3"):
        await compute(bench, music_pairs=[extract_pb2.MusicPair(positive=here, negative=beyond)])
    gone = extract_pb2.MusicSource(take_id="unknown")
    with pytest.raises(NotFound, match="no take unknown"):
        await compute(bench, music_pairs=[extract_pb2.MusicPair(positive=here, negative=gone)])


async def test_a_take_is_a_piece(bench: Bench, tiny: LoadedModel) -> None:
    """Its tokens are read as `generate` writes them."""
    codes = np.random.default_rng(1).integers(0, 50, size=(tiny.config.codebook_count, 60))
    await bench.store.put(take_codes_key("mine"), codes_document(codes, ""))
    take = generate_pb2.Take(request_id="mine", model=generate_pb2.ModelInfo(digest=bench.digest))
    await bench.store.put(take_key("mine"), json_format.MessageToJson(take).encode())
    music = StoredMusic(bench.worker, bench.store)
    (piece,) = await music.pieces(extract_pb2.MusicSource(take_id="mine"))
    stats = read_codes(tiny, torch.from_numpy(codes))
    assert (await music.read(piece)).mean == pytest.approx(stats.mean.numpy().astype(np.float32), rel=1e-5)


async def test_a_concept_that_does_not_separate_is_stored_as_unusable_with_its_figure(bench: Bench) -> None:
    # The second pair is the opposite of the first, so the direction of one is wrong for the other.
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
        await bench.calibration_jobs().start(asked(concept="muddle"))


async def test_two_sides_of_the_same_words_are_refused(bench: Bench) -> None:
    pairs = [extract_pb2.PromptPair(positive="jazz", negative="jazz ")]
    with pytest.raises(InvalidInput, match="nothing to steer by"):
        async for _ in bench.concepts.compute(extract_pb2.ComputeConceptRequest(name="nothing", pairs=pairs)):
            pass


# --- tastes of bad input
