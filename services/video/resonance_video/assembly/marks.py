"""Content credentials of a film: that a machine made it, from what, and with which makers; the song is an ingredient."""

from __future__ import annotations

import json
import mimetypes
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resonance.audio.delivery.credentials import CREATED, GENERATOR, Credentials

DRAWN = "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia"
TRAINED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
PLAN_LABEL = "org.resonance.video"
MEDIA_TYPE = "video/mp4"
_SONG_TYPES = {".wav": "audio/wav", ".flac": "audio/flac", ".mp3": "audio/mpeg", ".m4a": "audio/mp4"}


def sign_film(source: Path, target: Path, song: Path, manifest: Mapping[str, Any], credentials: Credentials) -> None:
    """Writes the film with its credentials. `manifest` may name `title`, `providers` and whatever else is to be known of its making."""
    import c2pa

    info = c2pa.C2paSignerInfo(credentials.algorithm.encode(), credentials.chain, credentials.key, None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the library about itself
        with c2pa.Signer.from_info(info) as signer, c2pa.Builder(_claim(manifest)) as builder:
            with song.open("rb") as file:
                builder.add_ingredient(
                    json.dumps({"title": "Song", "relationship": "componentOf"}), _media_type(song), file
                )
            with source.open("rb") as film, target.open("w+b") as signed:
                builder.sign(signer, MEDIA_TYPE, film, signed)


def _claim(manifest: Mapping[str, Any]) -> dict[str, Any]:
    providers = list(manifest.get("providers", ["embedded"]))
    created = {
        "action": CREATED,
        "digitalSourceType": DRAWN if providers == ["embedded"] else TRAINED,
        "softwareAgent": {"name": GENERATOR},
        "description": f"A music video made by a machine; scenes: {', '.join(providers)}"[:500],
    }
    return {
        "claim_generator_info": [{"name": GENERATOR, "version": "0.1.0"}],
        "title": str(manifest.get("title", GENERATOR))[:200],
        "assertions": [
            {"label": "c2pa.actions", "data": {"actions": [created]}},
            {"label": PLAN_LABEL, "data": dict(manifest)},
        ],
    }


def _media_type(song: Path) -> str:
    return _SONG_TYPES.get(song.suffix.lower()) or mimetypes.guess_type(song.name)[0] or "audio/wav"
