"""Writes anew what the shipped sliders' calibrations derive from their stored points: the remap, and the first prototype's figure.

    python scripts/refresh_steering.py

Run after a change of how these are made. Nothing is measured, and nothing else changes.
"""

from __future__ import annotations

from google.protobuf import json_format

from resonance.v1 import extract_pb2
from resonance_extract.calibration.safe_range import PROTOTYPE_UPPER, remap_from
from resonance_extract.concepts.shipped import FOLDER, digests_so_far, write_superseded


def main() -> None:
    """Rewrites the documents in place, and tells the knots."""
    so_far = digests_so_far()
    for path in sorted(FOLDER.glob("concepts/*/*.json")):
        concept = json_format.Parse(path.read_bytes(), extract_pb2.Concept())
        if not concept.HasField("calibration"):
            continue
        limits = concept.calibration
        remap = remap_from(limits.points, low=limits.strength_min, high=limits.strength_max)
        del limits.remap[:]
        limits.remap.extend(remap)
        limits.prototype_upper = PROTOTYPE_UPPER
        path.write_text(json_format.MessageToJson(concept, indent=None))
        told = ", ".join(f"{knot.position:.2f}: {knot.strength:.3g}" for knot in remap)
        print(f"{concept.name}: {told}")
    write_superseded(so_far)


if __name__ == "__main__":
    main()
