"""Provenance texts of sound files: machine-made, model and recipe."""

from __future__ import annotations

import json

from google.protobuf import json_format

from resonance.v1 import generate_pb2

SOFTWARE = "Resonance"
ARTIST = "Resonance: made by a machine"
TITLE_MAX = 200


def provenance_texts(
    music: generate_pb2.GenerationStarted | generate_pb2.Take, *, is_live: bool = False
) -> dict[str, str]:
    """The texts for `wav_header`, by INFO chunk.

    The comment ends with the recipe, seed and played strengths as one line of JSON. Date and id are left out,
    so that the same seed gives the same bytes. The file of a live performance (`is_live`, or a take that was performed) has its first
    recipe.
    """
    made = f"This music was made by a machine: {music.model.model_id} through {music.model.backend}"
    made += f", whose weights are under {music.model.weights_license}" if music.model.weights_license else ""
    made += ". Its beginning is a sound that its user gave" if music.HasField("origin_sound") else ""
    if music.HasField("narration"):
        made += f". The words in it are spoken by a machine, too: voice {music.narration.voice_id}"
    is_live = is_live or was_played_live(music)
    label = "It was played live and began with this recipe" if is_live else "Recipe"
    title = ", ".join(prompt.text for prompt in music.recipe.prompts) or "untitled"
    # The long text comes last: libsndfile reads neither texts of 2 kB or more nor those after them.
    return {
        "IART": ARTIST,
        "ISFT": SOFTWARE,
        "INAM": title if len(title) <= TITLE_MAX else title[: TITLE_MAX - 1] + "…",
        "ICMT": f"{made}. {label}: {_to_recipe_json(music)}",
    }


def was_played_live(music: generate_pb2.GenerationStarted | generate_pb2.Take) -> bool:
    """True for a take that was kept of a performance."""
    return isinstance(music, generate_pb2.Take) and music.is_performed


def is_loop(music: generate_pb2.GenerationStarted | generate_pb2.Take) -> bool:
    """True for a loop, whose files have no fades."""
    return music.HasField("loop") if isinstance(music, generate_pb2.Take) else music.is_loop


def speech_texts(text: str, *, voice_id: str, terms: str) -> dict[str, str]:
    """The texts of a file of speech without music, by INFO chunk. `terms` is the licence of the voice's weights, if it is known."""
    under = f", whose weights are under {terms}" if terms else ""
    return {
        "IART": ARTIST,
        "ISFT": SOFTWARE,
        "INAM": text if len(text) <= TITLE_MAX else text[: TITLE_MAX - 1] + "…",
        "ICMT": f"These words were spoken by a machine: voice {voice_id}{under}.",
    }


def _to_recipe_json(music: generate_pb2.GenerationStarted | generate_pb2.Take) -> str:
    recipe = {
        "recipe": json_format.MessageToDict(music.recipe, preserving_proto_field_name=True),
        "seed": music.seed,
        "origin_sound": music.origin_sound.sha256 or [],
        "loop": is_loop(music) or [],
        "played": [json_format.MessageToDict(use, preserving_proto_field_name=True) for use in music.played],
    }
    if music.HasField("narration"):
        recipe["narration"] = json_format.MessageToDict(music.narration, preserving_proto_field_name=True)
    return json.dumps({name: value for name, value in recipe.items() if value != []}, sort_keys=True)
