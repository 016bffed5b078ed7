"""Lanes files: from takes and to requests without loss, edits, and files that are refused with every fault."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from resonance.errors import InvalidInput
from resonance.lanes import build_lanes_request, read_lanes, take_lanes, write_lanes
from resonance.lanes.document import schema
from resonance.v1 import generate_pb2, steering_pb2
from resonance_gateway.routes.generations import GenerationBody, to_generate_request
from resonance_gateway.routes.recipe_changes import to_generation_json

RATE_HZ = 16000
MODEL = generate_pb2.ModelInfo(model_id="little", digest="ab" * 32, take_duration_s_max=300)


def recipe_of(text: str = "calm piano", **fields: Any) -> steering_pb2.Recipe:
    return steering_pb2.Recipe(prompts=[steering_pb2.WeightedPrompt(text=text, weight=1)], **fields)


def taste(strength: float) -> list[steering_pb2.TasteWeight]:
    return [steering_pb2.TasteWeight(taste_id="mine", strength=strength)]


def performed() -> generate_pb2.Take:
    """A performance: two sliders, a taste that grows and goes, a concept, and other words."""
    take = generate_pb2.Take(
        request_id="night", seed=7, duration_s=12, model=MODEL, audio_sha256="cd" * 32, is_performed=True, chunk_s=0.2
    )
    take.format.sample_rate_hz = RATE_HZ
    take.recipe.CopyFrom(recipe_of(tastes=taste(0.5), sliders=steering_pb2.Sliders(energy=0.25)))
    concepts = [steering_pb2.ConceptWeight(name="rain", position=-0.5)]
    changes = {
        1.9: recipe_of(tastes=taste(1), sliders=steering_pb2.Sliders(energy=0.25, tempo=-0.5)),
        4.02: recipe_of("drums", tastes=taste(1), sliders=steering_pb2.Sliders(energy=0.25, tempo=-0.5), bpm=90),
        8.5: recipe_of("drums", concepts=concepts),
    }
    for at_s, recipe in changes.items():
        take.recipe_changes.add(sample_offset=round(at_s * RATE_HZ), recipe=recipe)
    return take


def test_a_file_of_a_take_asks_for_its_recipes_at_its_times() -> None:
    take = performed()
    lanes = read_lanes(write_lanes(take_lanes(take)))
    asked = build_lanes_request(lanes, MODEL)
    assert asked.notices == ()
    request = asked.request
    assert (request.seed, request.duration_s, request.chunk_s) == (7, 12, 0.2)
    assert request.recipe == take.recipe
    assert [change.start_s for change in request.recipe_changes] == [1.9, 4.02, 8.5]
    for made, kept in zip(request.recipe_changes, take.recipe_changes, strict=True):
        made.recipe.sliders.SetInParent(), kept.recipe.sliders.SetInParent()
        assert made.recipe == kept.recipe
    assert {(curve.kind, curve.name): curve.points for curve in lanes.curves} == {
        ("slider", "energy"): [(0, 0.25), (8.5, 0)],
        ("taste", "mine"): [(0, 0.5), (1.9, 1), (8.5, 0)],
        ("slider", "tempo"): [(1.9, -0.5), (8.5, 0)],
        ("concept", "rain"): [(8.5, -0.5)],
    }


def test_an_edit_at_a_time_leaves_the_request_before_it_as_it_was() -> None:
    known = json.loads(write_lanes(take_lanes(performed())))
    curve = next(curve for curve in known["curves"] if curve["name"] == "tempo")
    curve["points"] = [[1.9, -0.5], [6.0, 1.0]]
    before = build_lanes_request(take_lanes(performed()), MODEL).request
    after = build_lanes_request(read_lanes(json.dumps(known)), MODEL).request
    early = [[change for change in one.recipe_changes if change.start_s < 6] for one in (before, after)]
    assert early[0] == early[1]
    assert [change.start_s for change in after.recipe_changes] == [1.9, 4.02, 6.0, 8.5]
    assert after.recipe_changes[2].recipe.sliders.tempo == 1


def test_the_body_of_the_rest_interface_stands_for_the_same_request() -> None:
    request = build_lanes_request(take_lanes(performed()), MODEL, request_id="again").request
    body = GenerationBody.model_validate_json(json.dumps(to_generation_json(request)))
    built = to_generate_request(body, "again")
    for recipe in (built.recipe, *(change.recipe for change in built.recipe_changes)):
        recipe.steering_target = recipe.stacking = recipe.steering_rule = 0  # the body writes the defaults out
        for use in (*recipe.tastes, *recipe.concepts):
            use.layer_mode = 0
    assert built == request


def test_another_model_and_a_longer_piece_are_told() -> None:
    lanes = take_lanes(performed()).model_copy(update={"duration_s": 400.0})
    asked = build_lanes_request(
        lanes, generate_pb2.ModelInfo(model_id="big", digest="00" * 32, take_duration_s_max=300)
    )
    assert asked.request.duration_s == 300
    assert len(asked.notices) == 2
    assert "abababababab" in asked.notices[0]


def edited(**fields: Any) -> str:
    return json.dumps(json.loads(write_lanes(take_lanes(performed()))) | fields)


def curve(**fields: Any) -> list[dict[str, Any]]:
    return [{"kind": "slider", "name": "energy", "points": [[0, 0.5]]} | fields]


@pytest.mark.parametrize(
    ("text", "reason", "field"),
    [
        ("no file", "NOT_JSON", None),
        ("[]", "NOT_A_LANES_FILE", "format"),
        ('{"takes": []}', "NOT_A_LANES_FILE", "format"),
        (edited(version=2), "UNKNOWN_VERSION", "version"),
        (edited(colour="blue"), "UNKNOWN_FIELD", "colour"),
        (edited(seed=-1), "TOO_SMALL", "seed"),
        (edited(seed="7"), "WRONG_TYPE", "seed"),
        (edited(recipes=[]), "TOO_SHORT", "recipes"),
        (edited(recipes=[{"at_s": 1, "recipe": {}}]), "OUT_OF_ORDER", "recipes[0].at_s"),
        (edited(recipes=[{"at_s": 0, "recipe": {"mood": 1}}]), "UNKNOWN_FIELD", "recipes[0].recipe"),
        (edited(curves=curve(name="joy")), "UNKNOWN_VALUE", "curves[0].name"),
        (edited(curves=curve(points=[[0, 1.5]])), "TOO_LARGE", "curves[0].points"),
        (edited(curves=curve(points=[[2, 1], [1, 0]])), "OUT_OF_ORDER", "curves[0].points[1][0]"),
        (edited(curves=curve() + curve()), "CONFLICT", "curves[1]"),
    ],
)
def test_a_file_that_cannot_be_is_refused_with_its_fault(text: str, reason: str, field: str | None) -> None:
    with pytest.raises(InvalidInput) as refusal:
        read_lanes(text)
    assert refusal.value.reason == reason
    assert [fault.field for fault in refusal.value.violations[:1]] == ([field] if field else [])


def test_more_changes_than_a_take_can_have_are_refused() -> None:
    points = [[number / 10, number % 2] for number in range(1100)]
    lanes = read_lanes(edited(duration_s=200, curves=curve(points=points)))
    with pytest.raises(InvalidInput, match="at most 1024"):
        build_lanes_request(lanes, MODEL)


def test_the_schema_in_the_documents_is_that_of_the_code() -> None:
    kept = Path(__file__).parents[3] / "docs" / "lanes.schema.json"
    assert json.loads(kept.read_text()) == schema(), (
        "write it again: python -m resonance.lanes > docs/lanes.schema.json"
    )
