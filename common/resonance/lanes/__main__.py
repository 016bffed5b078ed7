"""Prints the JSON Schema of lanes files: `python -m resonance.lanes > docs/lanes.schema.json`."""

from __future__ import annotations

import json

from resonance.lanes.document import schema

print(json.dumps(schema(), indent=2))
