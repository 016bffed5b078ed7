"""Verification of a sound file: content credentials, tags and watermark."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resonance.audio.decode import DecodeLimits, decode_file
from resonance.audio.delivery import watermark_detection
from resonance.audio.delivery.credentials import COMPOSITE_TYPE, CREATED, RECIPE_LABEL, SOURCE_TYPE
from resonance.audio.provenance import ARTIST
from resonance.audio.sandbox import run_child
from resonance.errors import InvalidInput
from resonance.settings import Settings

_READ_S_MAX = 60.0
# What of a signature's faults means that the file was changed, and not that its signer is unknown.
_UNTRUSTED = "signingCredential.untrusted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The marks of a file. `is_marked` says that at least one of them tells that Resonance made the sound."""

    credentials: dict[str, Any]
    tags: dict[str, Any]
    watermark: dict[str, Any]

    @property
    def is_marked(self) -> bool:
        return any(part["found"] for part in (self.credentials, self.tags, self.watermark))

    def to_json(self) -> dict[str, Any]:
        """The report."""
        marks = {"content_credentials": self.credentials, "tags": self.tags, "watermark": self.watermark}
        return {"made_by_machine": self.is_marked, **marks}


async def verify_file(path: Path, settings: Settings) -> Verification:
    """The marks of a sound file. It is read in confined child processes.

    Raises:
        InvalidInput: the file cannot be decoded as sound.
    """
    with tempfile.TemporaryDirectory(prefix="verify-") as folder:
        decoded, read = await asyncio.gather(
            decode_file(
                path,
                Path(folder) / "pcm",
                sample_rate_hz=watermark_detection.RATE_HZ,
                limits=DecodeLimits.of(settings),
            ),
            _read_marks(path, Path(folder)),
        )
        watermark = await asyncio.to_thread(_find_watermark, decoded.samples(), settings)
    return Verification(credentials=_credentials(read["credentials"]), tags=_tags(read["tags"]), watermark=watermark)


async def _read_marks(path: Path, folder: Path) -> dict[str, Any]:
    source = os.path.abspath(path)  # noqa: ASYNC240  (no look at the disk but for the working folder)
    request = {"source": source, "cpu_s": _READ_S_MAX}
    module = "resonance.audio.delivery.verify_worker"
    result = await run_child(module, [json.dumps(request)], folder=folder, timeout_s=_READ_S_MAX)
    try:
        read: dict[str, Any] = json.loads(result.lines[-1])
    except (IndexError, ValueError):
        raise InvalidInput("the file's marks cannot be read", reason="UNREADABLE_MARKS") from None
    return read


def _find_watermark(samples: Any, settings: Settings) -> dict[str, Any]:
    """By the operator's key first, then by the public one."""
    found = watermark_detection.detect(samples, key=settings.watermark_key)
    if settings.watermark_key and not found.is_marked:
        found = watermark_detection.detect(samples)
    report = {"found": found.is_marked, "score": round(found.score, 2), "score_min": watermark_detection.SCORE_MIN}
    return report | ({"recipe_id_begins": found.payload.hex()} if found.is_marked else {})


def _tags(tags: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {
        name: tags[name] for name in ("title", "artist", "comment", "encoded_by", "encoder") if name in tags
    }
    says_so = found.get("artist") == ARTIST or found.get("comment", "").startswith("This music was made by a machine")
    return {"found": says_so, **found}


def _credentials(report: dict[str, Any]) -> dict[str, Any]:
    """The active manifest in short. `found` needs an unbroken signature that says that a machine made the sound."""
    manifest = report.get("manifests", {}).get(report.get("active_manifest"), {})
    if not manifest:
        return {"found": False} | ({"fault": report["fault"]} if "fault" in report else {})
    statuses = [status["code"] for status in report.get("validation_status", [])]
    data = {each["label"]: each["data"] for each in manifest.get("assertions", [])}
    actions = [action for label, each in data.items() if label.startswith("c2pa.actions") for action in each["actions"]]
    source = next((each.get("digitalSourceType", "") for each in actions if each["action"] == CREATED), "")
    is_whole = report.get("validation_state") in ("Valid", "Trusted")
    signature = manifest.get("signature_info", {})
    return {
        "found": is_whole and source in (SOURCE_TYPE, COMPOSITE_TYPE),
        "is_unchanged": is_whole,
        "is_signer_trusted": is_whole and _UNTRUSTED not in statuses,
        "digital_source_type": source,
        "signer": signature.get("common_name", ""),
        "issuer": signature.get("issuer", ""),
        "faults": [code for code in statuses if code != _UNTRUSTED],
        "recipe": data.get(RECIPE_LABEL, {}),
    }
