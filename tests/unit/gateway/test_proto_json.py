"""Messages as JSON: what is written fits the schema that the document shows."""

from __future__ import annotations

import json
import math

import jsonschema
import pytest

from resonance.v1 import extract_pb2, generate_pb2, jobs_pb2, steering_pb2
from resonance_gateway.messages import rest_field
from resonance_gateway.schema.proto_json import enum_number, enum_word, to_json, to_json_schema

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
    told = to_json(take)
    jsonschema.validate(json.loads(json.dumps(told, allow_nan=False)), to_json_schema(generate_pb2.Take.DESCRIPTOR))
    assert told["seed"] == 2**53 - 1
    assert told["bpm"] is None
    assert told["create_time"] == "1970-01-01T00:00:00Z"
    assert told["recipe"]["tastes"][0]["layer_gains"] == {"3": 0.5}


def test_enums_are_words_there_and_back() -> None:
    kind = jobs_pb2.DESCRIPTOR.enum_types_by_name["JobState"]
    words = [enum_word(kind, value.number) for value in kind.values]
    assert words[:2] == [None, "queued"]
    assert [enum_number(kind, word) for word in words if word] == list(range(1, 9))


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
def test_faults_are_told_under_the_names_that_rest_callers_used(path: str, name: str) -> None:
    assert rest_field(path) == name
