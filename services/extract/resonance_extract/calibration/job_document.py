"""A calibration job as it lies in the store: what was asked, what was measured so far, and who works on it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from google.protobuf import json_format

from resonance.v1 import extract_pb2


@dataclass(slots=True)
class CalibrationJobDocument:
    """A calibration job as it is stored: the message, what was asked, what was measured, who works on it, and how often they said so."""

    calibration_job: extract_pb2.CalibrationJob
    request: extract_pb2.StartCalibrationJobRequest
    cells: dict[str, Any] = field(default_factory=dict)
    owner: str = ""
    beat: int = 0
    version: str = ""
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def to_bytes(self) -> bytes:
        """As JSON."""
        values = {
            "calibration_job": json_format.MessageToDict(self.calibration_job),
            "request": json_format.MessageToDict(self.request),
            "cells": self.cells,
            "owner": self.owner,
            "beat": self.beat,
        }
        return json.dumps(values).encode()

    @classmethod
    def from_bytes(cls, data: bytes, version: str) -> CalibrationJobDocument:
        """Reads `to_bytes`; `version` is the stored object's."""
        values = json.loads(data)
        return cls(
            calibration_job=json_format.ParseDict(values["calibration_job"], extract_pb2.CalibrationJob()),
            request=json_format.ParseDict(values["request"], extract_pb2.StartCalibrationJobRequest()),
            cells=values["cells"],
            owner=values["owner"],
            beat=values.get("beat", 0),
            version=version,
        )
