"""Stored document of a calibration job: request, results, lease holder."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from google.protobuf import json_format

from resonance.v1 import extract_pb2


@dataclass(slots=True)
class CalibrationJobDocument:
    """A calibration job as it is stored.

    `results` are the measured parts by key, `owner` is the process that holds the lease, and `heartbeats` counts its renewals. `version` is
    the stored object's, for compare-and-swap; `writing` orders the writes of one process.
    """

    calibration_job: extract_pb2.CalibrationJob
    request: extract_pb2.StartCalibrationJobRequest
    results: dict[str, Any] = field(default_factory=dict)
    owner: str = ""
    heartbeats: int = 0
    version: str = ""
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def to_bytes(self) -> bytes:
        """The document as JSON."""
        values = {
            "calibration_job": json_format.MessageToDict(self.calibration_job),
            "request": json_format.MessageToDict(self.request),
            "results": self.results,
            "owner": self.owner,
            "heartbeats": self.heartbeats,
        }
        return json.dumps(values).encode()

    @classmethod
    def from_bytes(cls, data: bytes, version: str) -> CalibrationJobDocument:
        """Reads `to_bytes`; `version` is the stored object's."""
        values = json.loads(data)
        return cls(
            calibration_job=json_format.ParseDict(values["calibration_job"], extract_pb2.CalibrationJob()),
            request=json_format.ParseDict(values["request"], extract_pb2.StartCalibrationJobRequest()),
            results=values["results"],
            owner=values["owner"],
            heartbeats=values["heartbeats"],
            version=version,
        )
