"""Recipes: defaults, slider strengths, safe ranges, vector checks."""

from __future__ import annotations

import pytest
from google.protobuf import json_format
from support.directions import direction_for, put_concept, put_taste

from resonance.errors import DataLoss, FailedPrecondition, InvalidInput, NotFound
from resonance.steering.ranges import UNCALIBRATED_SHARE
from resonance.store import MemoryStore
from resonance.store.keys import taste_calibration_key, taste_key
from resonance.v1 import extract_pb2, steering_pb2
from resonance_generate.conditions.recipes import RecipeResolver
from resonance_generate.conditions.vectors import Vectors
from resonance_model.loaded_model import LoadedModel


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def resolver(tiny: LoadedModel, store: MemoryStore) -> RecipeResolver:
    return RecipeResolver(tiny, Vectors(store, model_digest=tiny.description.digest, item_max=2))


def recipe(**fields: object) -> steering_pb2.Recipe:
    return steering_pb2.Recipe(prompts=[steering_pb2.WeightedPrompt(text="jazz")], **fields)  # type: ignore[arg-type]


async def test_defaults_are_filled_in_and_name_the_recipe(resolver: RecipeResolver) -> None:
    resolved = await resolver.resolve(recipe())
    assert resolved.recipe.guidance_scale == 3.0
    assert resolved.recipe.top_k == 250
    assert resolved.params.steering is None
    assert resolved.recipe_id == (await resolver.resolve(resolved.recipe)).recipe_id
    assert resolved.recipe_id != (await resolver.resolve(recipe(temperature=0.5))).recipe_id


async def test_a_taste_is_added_at_its_strength(
    resolver: RecipeResolver, store: MemoryStore, tiny: LoadedModel
) -> None:
    await put_taste(store, tiny, "t-one")
    use = steering_pb2.TasteWeight(taste_id="t-one", strength=0.75, layer_gains={0: 0.0})
    resolved = await resolver.resolve(recipe(tastes=[use]))
    assert resolved.params.steering is not None
    assert resolved.params.steering[:, 0, 0].tolist() == [0.0, 0.75, 0.75]
    assert not resolved.notices


@pytest.mark.parametrize(("asked", "held"), [(8.0, 1.0), (-8.0, -1.0)])
async def test_a_taste_that_nobody_has_calibrated_is_held_to_a_cautious_range(
    resolver: RecipeResolver, store: MemoryStore, tiny: LoadedModel, asked: float, held: float
) -> None:
    await put_taste(store, tiny, "t-one")
    use = steering_pb2.TasteWeight(taste_id="t-one", strength=asked)
    resolved = await resolver.resolve(recipe(tastes=[use]))
    assert resolved.params.steering is not None
    assert resolved.params.steering[0, 0, 0].item() == held
    notice = f"the taste was held to {held:g}: its safe range goes from -1 to 1, not to {asked:g}"
    assert resolved.notices == (notice,)
    use.unclamped = True
    free = await resolver.resolve(recipe(tastes=[use]))
    assert free.params.steering is not None
    assert (free.params.steering[0, 0, 0].item(), free.notices) == (asked, ())


async def test_a_taste_of_another_model_is_refused_with_a_sentence(
    resolver: RecipeResolver, store: MemoryStore, tiny: LoadedModel
) -> None:
    await put_taste(store, tiny, "t-other", digest="f" * 64)
    with pytest.raises(FailedPrecondition, match="make the taste again") as caught:
        await resolver.resolve(recipe(tastes=[steering_pb2.TasteWeight(taste_id="t-other", strength=1)]))
    assert caught.value.reason == "MODEL_MISMATCH"


async def test_a_damaged_vector_is_never_used(resolver: RecipeResolver, store: MemoryStore, tiny: LoadedModel) -> None:
    await put_taste(store, tiny, "t-hurt")
    await store.put("vectors/t-hurt.safetensors", direction_for(tiny).to_bytes()[:-1] + b"\x01")
    with pytest.raises(DataLoss):
        await resolver.resolve(recipe(tastes=[steering_pb2.TasteWeight(taste_id="t-hurt", strength=1)]))


async def test_unknown_names_and_layers_are_told(resolver: RecipeResolver) -> None:
    with pytest.raises(NotFound):
        await resolver.resolve(recipe(tastes=[steering_pb2.TasteWeight(taste_id="t-unknown", strength=1)]))
    with pytest.raises(NotFound):
        await resolver.resolve(recipe(concepts=[steering_pb2.ConceptWeight(name="unknown", strength=1)]))
    with pytest.raises(FailedPrecondition) as caught:
        await resolver.resolve(recipe(sliders=steering_pb2.Sliders(energy=0.5)))
    assert caught.value.retry_after_s is not None
    with pytest.raises(InvalidInput, match="layers 0 to 2"):
        await resolver.resolve(recipe(tastes=[steering_pb2.TasteWeight(taste_id="t", strength=1, layer_gains={7: 1})]))


async def test_a_strength_beyond_the_safe_range_is_held_to_it_and_said(
    resolver: RecipeResolver, store: MemoryStore, tiny: LoadedModel
) -> None:
    calibration = extract_pb2.Calibration(strength_min=-0.5, strength_max=1.25)
    await put_concept(store, tiny, "warm", calibration=calibration)
    use = steering_pb2.ConceptWeight(name="warm", strength=4)
    held = await resolver.resolve(recipe(concepts=[use]))
    assert held.params.steering is not None
    assert held.params.steering[0, 0, 0].item() == 1.25
    assert "held to 1.25" in held.notices[0]
    use.unclamped = True
    free = await resolver.resolve(recipe(concepts=[use]))
    assert free.params.steering is not None
    assert free.params.steering[0, 0, 0].item() == 4
    assert not free.notices


async def test_a_sliders_ends_are_the_safe_range(
    resolver: RecipeResolver, store: MemoryStore, tiny: LoadedModel
) -> None:
    await put_concept(store, tiny, "energy", calibration=extract_pb2.Calibration(strength_min=-0.5, strength_max=3))
    await put_concept(store, tiny, "tempo")
    for sliders, expected in (
        ({"energy": 1.0}, 3.0),
        ({"energy": -1.0}, -0.5),
        ({"energy": 0.5}, 1.5),
        ({"tempo": 1.0}, UNCALIBRATED_SHARE),
    ):
        steering = (await resolver.resolve(recipe(sliders=steering_pb2.Sliders(**sliders)))).params.steering
        assert steering is not None
        assert steering[0, 0, 0].item() == expected


async def test_an_unusable_concept_is_refused_with_its_reason(
    resolver: RecipeResolver, store: MemoryStore, tiny: LoadedModel
) -> None:
    await put_concept(store, tiny, "energy", unusable_reason="its two sides do not separate")
    with pytest.raises(FailedPrecondition, match="do not separate"):
        await resolver.resolve(recipe(sliders=steering_pb2.Sliders(energy=0.5)))


async def test_a_remap_bends_the_way_between_the_ends(
    resolver: RecipeResolver, store: MemoryStore, tiny: LoadedModel
) -> None:
    knots = [(-1.0, -2.0), (0.0, 0.0), (0.5, 0.25), (1.0, 3.0)]
    remap = [extract_pb2.RemapPoint(position=position, strength=strength) for position, strength in knots]
    calibration = extract_pb2.Calibration(strength_min=-2, strength_max=3, remap=remap)
    await put_concept(store, tiny, "energy", calibration=calibration)
    for position, expected in ((0.5, 0.25), (1.0, 3.0), (0.75, 1.625), (-0.5, -1.0)):
        steering = (await resolver.resolve(recipe(sliders=steering_pb2.Sliders(energy=position)))).params.steering
        assert steering is not None
        assert steering[0, 0, 0].item() == pytest.approx(expected)


async def test_a_taste_in_words_is_merged_into_the_prompt_and_said(
    resolver: RecipeResolver, store: MemoryStore, tiny: LoadedModel
) -> None:
    await put_taste(store, tiny, "t-words")
    stored = json_format.Parse((await store.get(taste_key("t-words"))).data, steering_pb2.TasteSummary())
    stored.character.words.extend(["slow", "warm"])
    await store.put(taste_key("t-words"), json_format.MessageToJson(stored).encode())
    use = steering_pb2.TasteWeight(taste_id="t-words", strength=0.0, in_words=True)
    resolved = await resolver.resolve(recipe(tastes=[use]))
    assert resolved.params.prompts == (("jazz, slow, warm", 1.0),)
    assert resolved.params.steering is None
    assert resolved.notices == ("the taste was put into words: slow, warm",)


async def test_a_taste_that_is_words_alone_is_always_said(
    resolver: RecipeResolver, store: MemoryStore, tiny: LoadedModel
) -> None:
    character = steering_pb2.TasteCharacter(words=["jazz", "slow"])
    summary = steering_pb2.TasteSummary(taste_id="t-worded", model_digest=tiny.description.digest, character=character)
    await store.put(taste_key("t-worded"), json_format.MessageToJson(summary).encode())
    resolved = await resolver.resolve(recipe(tastes=[steering_pb2.TasteWeight(taste_id="t-worded", strength=1.0)]))
    assert resolved.params.prompts == (("jazz, jazz, slow", 1.0),)
    assert resolved.params.steering is None
    assert resolved.notices == ("the taste was put into words: jazz, slow",)


async def test_a_calibrated_taste_is_held_to_its_range_unless_told_not_to(
    resolver: RecipeResolver, store: MemoryStore, tiny: LoadedModel
) -> None:
    await put_taste(store, tiny, "t-range")
    summary = json_format.Parse((await store.get(taste_key("t-range"))).data, steering_pb2.TasteSummary())
    limits = json_format.MessageToJson(extract_pb2.Calibration(strength_min=-1, strength_max=1.5)).encode()
    await store.put(taste_calibration_key("t-range", summary.vector_sha256), limits)
    use = steering_pb2.TasteWeight(taste_id="t-range", strength=4.0, layer_gains={0: 1.0})
    held = await resolver.resolve(recipe(tastes=[use]))
    assert held.params.steering is not None
    assert held.params.steering[0, 0, 0].item() == 1.5
    assert "held to 1.5" in held.notices[0]
    use.unclamped = True
    assert (await resolver.resolve(recipe(tastes=[use]))).params.steering[0, 0, 0].item() == 4.0  # type: ignore[index]


async def test_self_monitoring_needs_to_know_where_music_lies(
    resolver: RecipeResolver, store: MemoryStore, tiny: LoadedModel
) -> None:
    await put_taste(store, tiny, "t-old")  # a direction that was stored without baselines
    use = steering_pb2.TasteWeight(taste_id="t-old", strength=1.0)
    with pytest.raises(FailedPrecondition) as caught:
        await resolver.resolve(recipe(tastes=[use], steering_rule=steering_pb2.STEERING_RULE_EASE))
    assert caught.value.reason == "NO_BASELINES"


async def test_a_concept_acts_on_its_own_layers_unless_the_recipe_names_others(
    resolver: RecipeResolver, store: MemoryStore, tiny: LoadedModel
) -> None:
    await put_concept(store, tiny, "rush", layer_gains={0: 0.0, 1: 1.0, 2: 0.5})
    use = steering_pb2.ConceptWeight(name="rush", strength=0.4)
    steering = (await resolver.resolve(recipe(concepts=[use]))).params.steering
    assert steering is not None
    assert [float(layer) for layer in steering[:3, 0, 0]] == pytest.approx([0.0, 0.4, 0.2])
    use.layer_gains[1] = 2.0
    named = (await resolver.resolve(recipe(concepts=[use]))).params.steering
    assert named is not None
    assert [float(layer) for layer in named[:3, 0, 0]] == pytest.approx([0.4, 0.8, 0.4])


async def test_a_slider_acts_on_its_concepts_layers(
    resolver: RecipeResolver, store: MemoryStore, tiny: LoadedModel
) -> None:
    await put_concept(store, tiny, "energy", layer_gains={0: 0.0})
    steering = (await resolver.resolve(recipe(sliders=steering_pb2.Sliders(energy=1.0)))).params.steering
    assert steering is not None
    assert float(steering[0, 0, 0]) == 0.0
    assert float(steering[1, 0, 0]) == pytest.approx(UNCALIBRATED_SHARE)


async def test_an_uncalibrated_concept_is_held_to_half_of_what_its_words_do(
    resolver: RecipeResolver, store: MemoryStore, tiny: LoadedModel
) -> None:
    await put_concept(store, tiny, "rush", natural_strength=4.0)
    resolved = await resolver.resolve(recipe(concepts=[steering_pb2.ConceptWeight(name="rush", strength=7.0)]))
    assert "held to 2" in resolved.notices[0]


async def test_a_side_that_calibration_closed_is_told_and_plays_as_zero(
    resolver: RecipeResolver, store: MemoryStore, tiny: LoadedModel
) -> None:
    knots = [extract_pb2.RemapPoint(position=position, strength=max(0.0, position)) for position in (-1.0, 0.0, 1.0)]
    closed = extract_pb2.Calibration(strength_min=0, strength_max=1, remap=knots)
    await put_concept(store, tiny, "energy", calibration=closed)
    shut = await resolver.resolve(recipe(sliders=steering_pb2.Sliders(energy=-0.5)))
    assert shut.params.steering is None
    assert "energy does nothing below 0" in shut.notices[0]
    assert "no strength there at which the music holds" in shut.notices[0], (
        "a side is closed by its gates, and by nothing else"
    )
    opened = await resolver.resolve(recipe(sliders=steering_pb2.Sliders(energy=0.5)))
    assert not opened.notices
    kept = (steering_pb2.STEERING_KIND_SLIDER, "energy")
    assert [(use.kind, use.name, use.asked, use.strength) for use in (*shut.played, *opened.played)] == [
        (*kept, -0.5, 0.0),
        (*kept, 0.5, 0.5),
    ]


async def test_a_concept_at_a_position_goes_by_its_range_and_remap_as_a_slider_does(
    resolver: RecipeResolver, store: MemoryStore, tiny: LoadedModel
) -> None:
    await put_concept(store, tiny, "phrase-1", natural_strength=4.0)
    before = await resolver.resolve(recipe(concepts=[steering_pb2.ConceptWeight(name="phrase-1", position=0.5)]))
    knots = [(-1.0, 0.0), (0.0, 0.0), (0.5, 0.75), (1.0, 3.0)]
    remap = [extract_pb2.RemapPoint(position=position, strength=strength) for position, strength in knots]
    calibration = extract_pb2.Calibration(strength_min=0, strength_max=3, remap=remap)
    await put_concept(store, tiny, "phrase-1", natural_strength=4.0, calibration=calibration)
    after = await resolver.resolve(recipe(concepts=[steering_pb2.ConceptWeight(name="phrase-1", position=0.5)]))
    shut = await resolver.resolve(recipe(concepts=[steering_pb2.ConceptWeight(name="phrase-1", position=-1.0)]))
    kind = steering_pb2.STEERING_KIND_CONCEPT
    assert [(use.kind, use.asked, use.strength) for one in (before, after, shut) for use in one.played] == [
        (kind, 0.5, 1.0),  # half of the cautious end, which is half the natural strength
        (kind, 0.5, 0.75),
        (kind, -1.0, 0.0),
    ]
    assert not (*before.notices, *after.notices)
    assert "phrase-1 does nothing below 0" in shut.notices[0]
    nothing = await resolver.resolve(recipe(concepts=[steering_pb2.ConceptWeight(name="no-such", position=0.0)]))
    assert nothing.params.steering is None
    both = steering_pb2.ConceptWeight(name="phrase-1", strength=1.0, position=0.5)
    with pytest.raises(InvalidInput) as caught:
        await resolver.resolve(recipe(concepts=[both]))
    assert caught.value.violations[0].field == "recipe.concepts[0].position"
    assert caught.value.violations[0].reason == "TWO_STRENGTHS"


async def test_what_plays_is_told_beside_what_was_asked(
    resolver: RecipeResolver, store: MemoryStore, tiny: LoadedModel
) -> None:
    await put_concept(store, tiny, "warm", calibration=extract_pb2.Calibration(strength_min=-0.5, strength_max=1.25))
    await put_taste(store, tiny, "t-one")
    resolved = await resolver.resolve(
        recipe(
            concepts=[steering_pb2.ConceptWeight(name="warm", strength=8)],
            tastes=[steering_pb2.TasteWeight(taste_id="t-one", strength=2)],
        )
    )
    assert resolved.recipe.concepts[0].strength == 8
    strengths = [(use.name, use.asked, use.strength) for use in resolved.played]
    assert strengths == [("t-one", 2, 1), ("warm", 8, 1.25)], "a taste without a calibration is held to 1"
