"""Messages to and from JSON, and their schema."""

from __future__ import annotations

import json
import math

import jsonschema
import pytest
from google.protobuf.json_format import ParseError

from resonance.v1 import extract_pb2, generate_pb2, jobs_pb2, steering_pb2
from resonance_gateway.schema.proto_json import enum_number, enum_word, fill_message, to_json, to_json_schema
from resonance_gateway.schema.rest_names import to_rest_field

MESSAGES = [jobs_pb2.Job, generate_pb2.Take, generate_pb2.ModelInfo, extract_pb2.Concept, steering_pb2.Recipe]


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.DESCRIPTOR.name)
def test_an_empty_message_fits_its_schema(kind: type) -> None:
    jsonschema.validate(json.loads(json.dumps(to_json(kind()))), to_json_schema(kind.DESCRIPTOR))


def test_a_full_message_fits_its_schema() -> None:
    weight = steering_pb2.TasteWeight(taste_id="a", strength=1, layer_gains={3: 0.5})
    take = generate_pb2.Take(
        request_id="r", seed=2**53 - 1, bpm=math.nan, recipe=steering_pb2.Recipe(tastes=[weight]), duration_s=2
    )
    take.create_time.FromSeconds(0)
    written = to_json(take)
    jsonschema.validate(json.loads(json.dumps(written, allow_nan=False)), to_json_schema(generate_pb2.Take.DESCRIPTOR))
    assert written["seed"] == 2**53 - 1
    assert written["bpm"] is None
    assert written["create_time"] == "1970-01-01T00:00:00Z"
    assert written["recipe"]["tastes"][0]["layer_gains"] == {"3": 0.5}


def test_enums_are_words_there_and_back() -> None:
    kind = jobs_pb2.DESCRIPTOR.enum_types_by_name["JobState"]
    words = [enum_word(kind, value.number) for value in kind.values]
    assert words[:2] == [None, "queued"]
    assert [enum_number(kind, word) for word in words if word] == list(range(1, 9))


def test_plain_values_fill_a_message_with_nested_enums_and_maps() -> None:
    values = {
        "tastes": [{"taste_id": "a", "layer_mode": "one_to_all", "layer_gains": {3: 0.5}, "strength": None}],
        "steering_rule": "clamp",
        "temperature": 0.7,
        "top_k": None,
    }
    recipe = fill_message(steering_pb2.Recipe(), values)
    (taste,) = recipe.tastes
    assert (taste.layer_mode, dict(taste.layer_gains)) == (steering_pb2.LAYER_MODE_ONE_TO_ALL, {3: 0.5})
    assert (recipe.steering_rule, recipe.temperature) == (steering_pb2.STEERING_RULE_CLAMP, 0.7)
    assert not recipe.HasField("top_k")


def test_a_field_that_the_message_does_not_have_is_a_bug() -> None:
    with pytest.raises(ParseError):
        fill_message(steering_pb2.Recipe(), {"tempo": 1})


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("tracks", "files"),
        ("tracks[3]", "files[3]"),
        ("track.filename", "files"),
        ("header.options.ranges[0].end_s", "options.ranges[0].end_s"),
        ("options.ranges[1].track_index", "options.ranges[1].track_index"),
        ("upload_ids[2]", "uploads[2]"),
        ("byte_count", "Upload-Length"),
        ("recipe.prompts[0].text", "prompt"),
    ],
)
def test_faults_name_the_fields_that_rest_clients_sent(path: str, name: str) -> None:
    assert to_rest_field(path) == name
