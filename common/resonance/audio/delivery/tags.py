"""File tags of delivered sound: title, artist, comment, cover."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf import json_format

from resonance.audio.provenance import is_loop, provenance_texts, was_played_live
from resonance.errors import DataLoss
from resonance.ids import canonical_digest, sha256_hex
from resonance.v1 import generate_pb2, steering_pb2

ALBUM = "Resonance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """The origin of a sound: its INFO texts (`provenance_texts`), recipe digest, model, and a cover as PNG or JPEG if there is one.

    `is_loop` says that the end goes on into the beginning; `is_composite` that a part of the sound was given by the user.
    """

    info: Mapping[str, str]
    recipe_id: str
    model_id: str = ""
    is_live: bool = False
    is_loop: bool = False
    is_composite: bool = False
    cover: bytes = field(default=b"", repr=False)

    @classmethod
    def of(cls, music: generate_pb2.GenerationStarted | generate_pb2.Take, *, is_live: bool = False) -> Provenance:
        return cls(
            info=provenance_texts(music, is_live=is_live),
            recipe_id=music.recipe_id or sha256_hex(json_format.MessageToJson(music.recipe).encode()),
            model_id=music.model.model_id,
            is_live=is_live or was_played_live(music),
            is_loop=is_loop(music),
            is_composite=music.HasField("origin_sound"),
        )

    @property
    def payload(self) -> bytes:
        """The three bytes that the watermark carries: the beginning of the recipe's digest."""
        try:
            return bytes.fromhex(self.recipe_id[:6].ljust(6, "0"))
        except ValueError:
            return bytes.fromhex(sha256_hex(self.recipe_id.encode())[:6])

    @property
    def tags(self) -> dict[str, str]:
        """The tags by FFmpeg's names."""
        names = {"INAM": "title", "IART": "artist", "ISFT": "encoded_by", "ICMT": "comment"}
        return {names[name]: text for name, text in self.info.items() if name in names} | {"album": ALBUM}


def provenance_of_wav(info: Mapping[str, str]) -> Provenance:
    """The provenance of one of our own WAV files by its INFO texts. Raises DataLoss where it has none."""
    comment = info.get("ICMT", "")
    if "Recipe: " not in comment and "began with this recipe: " not in comment:
        raise DataLoss("the stored sound does not say how it was made", reason="NO_PROVENANCE")
    model_id = comment.partition("by a machine: ")[2].partition(" through ")[0]
    document, recipe_id = _parse_recipe(comment.partition("ecipe: ")[2])
    return Provenance(
        info=info,
        recipe_id=recipe_id,
        model_id=model_id,
        is_loop="loop" in document,
        is_composite="origin_sound" in document,
    )


def _parse_recipe(text: str) -> tuple[dict[str, Any], str]:
    """The JSON in a comment, and the digest of its recipe as generate computes it."""
    try:
        document: dict[str, Any] = json.loads(text)
        recipe = json_format.ParseDict(document["recipe"], steering_pb2.Recipe())
    except (ValueError, KeyError, TypeError, json_format.ParseError) as failure:
        raise DataLoss("the recipe in the stored sound cannot be read", reason="NO_PROVENANCE") from failure
    return document, canonical_digest(json_format.MessageToDict(recipe))[:16]
