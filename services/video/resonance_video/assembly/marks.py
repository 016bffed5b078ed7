"""Content credentials of a film: that a machine made it, from what, and with which makers; the song is an ingredient."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resonance.audio.delivery.credentials import CREATED, GENERATOR, Credentials

DRAWN = "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia"
TRAINED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
PLAN_LABEL = "org.resonance.video"
MEDIA_TYPES = {".mp4": "video/mp4", ".mov": "video/quicktime"}
_INGREDIENT = json.dumps({"title": "Song", "relationship": "componentOf"})


def sign_film(source: Path, target: Path, song: Path, manifest: Mapping[str, Any], credentials: Credentials) -> None:
    """Writes the film with its credentials. `manifest` may name `title`, `providers` and whatever else is to be known of its making."""
    import c2pa

    info = c2pa.C2paSignerInfo(credentials.algorithm.encode(), credentials.chain, credentials.key, None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the library about itself
        with c2pa.Signer.from_info(info) as signer, c2pa.Builder(_claim(manifest)) as builder:
            media_type = _media_type(song)
            if media_type is not None:
                with song.open("rb") as file:
                    builder.add_ingredient(_INGREDIENT, media_type, file)
            with source.open("rb") as film, target.open("w+b") as signed:
                builder.sign(signer, MEDIA_TYPES[source.suffix], film, signed)


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


def _media_type(song: Path) -> str | None:
    """The type of a sound file by its first bytes; None where credentials know no such type."""
    with song.open("rb") as file:
        head = file.read(12)
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "audio/wav"
    if head[4:8] == b"ftyp":
        return "audio/mp4"
    if head[:4] == b"fLaC":
        return "audio/flac"
    return "audio/mpeg" if head[:3] == b"ID3" or head[:1] == b"\xff" else None
