"""Bodies: limits, faults, and mapping to gRPC requests."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resonance.errors import FieldViolation, InvalidInput
from resonance.rpc.validation import validate
from resonance_gateway.http.bodies import MalformedError, parse
from resonance_gateway.routes.concepts import ConceptBody
from resonance_gateway.routes.generations import GenerationBody, to_generate_request
from resonance_gateway.routes.recipes import to_recipe
from resonance_gateway.routes.rooms import JoiningBody
from resonance_gateway.routes.tastes import TasteBody, to_submit_request
from resonance_gateway.schema.rest_names import to_rest_field

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = sorted(GenerationBody.model_fields)


@given(st.dictionaries(st.sampled_from(FIELDS), JSON_VALUES))
def test_any_json_is_a_body_or_a_named_fault(value: dict) -> None:
    faults = _find_faults(json.dumps(value).encode())
    assert all(fault.field and fault.reason.isupper() and fault.message for fault in faults)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_body_a_fault_or_malformed(content: bytes) -> None:
    with pytest.raises((InvalidInput, MalformedError)):
        parse(TasteBody, content)


@given(
    st.builds(
        dict,
        prompt=st.text(min_size=1, max_size=60).filter(str.strip),
        duration_s=st.floats(1, 300),
        seed=st.none() | st.integers(0, 2**53 - 1),
        chunk_s=st.none() | st.floats(0.2, 2.5),
        taste_strength=st.floats(-8, 8),
        taste_id=st.none() | st.from_regex(r"[a-z0-9_-]{1,64}", fullmatch=True),
    )
)
def test_what_the_body_accepts_the_services_accept(value: dict) -> None:
    body = parse(GenerationBody, json.dumps(value).encode())
    validate(to_generate_request(body, "id"))


def test_find_faults_lists_are_named_by_their_place() -> None:
    text = b'{"prompt": "x", "tastes": [{"taste_id": "a"}, {"taste_id": "B", "layer_gains": {"1": 9, "x": 1}}]}'
    with pytest.raises(InvalidInput) as caught:
        parse(GenerationBody, text)
    assert {(fault.field, fault.reason) for fault in caught.value.violations} == {
        ("tastes[1].taste_id", "MALFORMED"),
        ("tastes[1].layer_gains.1", "TOO_LARGE"),
        ("tastes[1].layer_gains.x", "WRONG_TYPE"),
    }


def test_a_range_must_end_after_it_starts() -> None:
    options = {"mix_mode": "time_select", "ranges": [{"track_index": 0, "start_s": 5, "end_s": 5}]}
    with pytest.raises(InvalidInput) as caught:
        parse(TasteBody, json.dumps({"url": "https://youtu.be/x", "options": options}).encode())
    assert [(fault.field, fault.reason) for fault in caught.value.violations] == [("options.ranges[0]", "EMPTY_RANGE")]


def test_time_select_needs_ranges() -> None:
    with pytest.raises(InvalidInput):
        parse(TasteBody, b'{"url": "https://youtu.be/x", "options": {"mix_mode": "time_select"}}')


def test_stars_lie_between_one_and_five_or_are_none() -> None:
    body = parse(TasteBody, b'{"url": "https://youtu.be/x", "options": {"stars": [5, 0, 1]}}')
    assert list(to_submit_request(body, "r").options.stars) == [5, 0, 1]
    with pytest.raises(InvalidInput) as caught:
        parse(TasteBody, b'{"url": "https://youtu.be/x", "options": {"stars": [1, 6]}}')
    assert [(fault.field, fault.reason) for fault in caught.value.violations] == [("options.stars[1]", "TOO_LARGE")]


@pytest.mark.parametrize(
    ("key", "reason", "message"),
    [("", "TOO_SHORT", "must have at least 16 characters"), ("short", "TOO_SHORT", "must have at least 16 characters")],
)
def test_a_text_below_its_least_length_is_told_that_length(key: str, reason: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(JoiningBody, json.dumps({"token": "t" * 26, "member_key": key}).encode())
    fault = caught.value.violations[0]
    assert (fault.field, fault.reason, fault.message) == ("member_key", reason, message)


def test_an_empty_text_is_told_as_missing() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(JoiningBody, b'{"token": ""}')
    assert (caught.value.violations[0].reason, caught.value.violations[0].message) == ("REQUIRED", "must not be empty")


def test_a_concept_needs_a_pair() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(ConceptBody, b'{"name": "rain", "pairs": []}')
    assert (caught.value.violations[0].field, caught.value.violations[0].reason) == ("pairs", "REQUIRED")


@pytest.mark.parametrize("key", ["C major", "F# minor", "bb Minor", "Eb", "f sharp minor", "Am"])
def test_tempo_and_key_reach_the_recipe(key: str) -> None:
    body = parse(
        GenerationBody, json.dumps({"prompt": "a", "bpm": 92.5, "key": key, "negative_prompt": "drums"}).encode()
    )
    recipe = to_recipe(body)
    assert (recipe.bpm, recipe.key, recipe.negative_prompt) == (92.5, key, "drums")
    validate(recipe)


@pytest.mark.parametrize(("field", "value"), [("bpm", 39.9), ("bpm", 241), ("key", "H major"), ("key", "C lydian")])
def test_a_tempo_out_of_range_and_a_key_that_is_none_are_faults(field: str, value: object) -> None:
    faults = _find_faults(json.dumps({"prompt": "a", field: value}).encode())
    assert [fault.field for fault in faults] == [field]


def test_the_short_form_of_one_taste_comes_after_the_list() -> None:
    body = parse(GenerationBody, b'{"prompt": "x", "tastes": [{"taste_id": "a"}], "taste_id": "b"}')
    assert [(use.taste_id, use.strength) for use in to_recipe(body).tastes] == [("a", 1.0), ("b", 1.0)]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("recipe.prompts[0].text", "prompt"),
        ("recipe.tastes[1].strength", "tastes[1].strength"),
        ("header.title", "title"),
        ("duration_s", "duration_s"),
    ],
)
def test_fields_of_grpc_requests_have_their_rest_names_in_faults(path: str, name: str) -> None:
    assert to_rest_field(path) == name


def _find_faults(text: bytes) -> tuple[FieldViolation, ...]:
    try:
        parse(GenerationBody, text)
    except InvalidInput as error:
        return error.violations
    except MalformedError:  # JSON that Python writes and no other reader takes: lone surrogates
        return ()
    return ()


def test_a_repeated_key_is_a_fault_at_its_place() -> None:
    text = b'{"prompt": "a", "prompt": "b", "sliders": {"tempo": 1, "tempo": 0.5}, "tastes": [{"taste_id": "a", "taste_id": "a"}]}'
    faults = _find_faults(text)
    assert {(fault.field, fault.reason) for fault in faults} == {
        ("prompt", "REPEATED"),
        ("sliders.tempo", "REPEATED"),
        ("tastes[0].taste_id", "REPEATED"),
    }


def test_repeated_keys_are_told_beside_other_faults() -> None:
    faults = _find_faults(b'{"prompt": "a", "prompt": "", "duration_s": 900, "seed": ' + b"9" * 400 + b"}")
    assert {fault.field for fault in faults} == {"prompt", "duration_s", "seed"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"prompt": "a", "seed": 18446744073709551616}', "must be at most 9007199254740991"),
        ('{"prompt": "a", "duration_s": 0.5}', "must be at least 1"),
        ('{"prompt": "a", "chunk_s": 3}', "must be at most 2.5"),
    ],
)
def test_bounds_are_printed_as_people_write_them(body: str, message: str) -> None:
    (fault,) = _find_faults(body.encode())
    assert fault.message == message
