"""Refits the remaps of shipped sliders from their stored calibrations.

    python scripts/refresh_steering.py

Run it after a change of how a remap is fitted. It measures nothing, and it changes nothing else.
"""

from __future__ import annotations

from google.protobuf import json_format

from resonance.v1 import extract_pb2
from resonance_extract.calibration.safe_range import remap_from
from resonance_extract.concepts.shipped import FOLDER


def main() -> None:
    """Rewrites the documents in place, and prints the knots."""
    for path in sorted(FOLDER.glob("concepts/*/*.json")):
        concept = json_format.Parse(path.read_bytes(), extract_pb2.Concept())
        if not concept.HasField("calibration"):
            continue
        limits = concept.calibration
        remap = remap_from(limits.points, low=limits.strength_min, high=limits.strength_max)
        del limits.remap[:]
        limits.remap.extend(remap)
        path.write_text(json_format.MessageToJson(concept, indent=None))
        knots = ", ".join(f"{knot.position:.2f}: {knot.strength:.3g}" for knot in remap)
        print(f"{concept.name}: {knots}")


if __name__ == "__main__":
    main()
