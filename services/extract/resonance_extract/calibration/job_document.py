"""Stored document of a calibration job: state, request, results."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from google.protobuf import json_format

from resonance.errors import DataLoss
from resonance.v1 import extract_pb2

RUNNING = extract_pb2.CALIBRATION_JOB_STATE_RUNNING
COMPLETED = extract_pb2.CALIBRATION_JOB_STATE_COMPLETED
FAILED = extract_pb2.CALIBRATION_JOB_STATE_FAILED
CANCELLED = extract_pb2.CALIBRATION_JOB_STATE_CANCELLED
FINAL = (COMPLETED, FAILED, CANCELLED)


@dataclass(slots=True)
class CalibrationJobDocument:
    """A calibration job as it is stored.

    `results` are the measured parts by key. `model_digest` is empty in a document that an earlier version of this service wrote.
    """

    calibration_job: extract_pb2.CalibrationJob
    request: extract_pb2.StartCalibrationJobRequest
    model_digest: str = ""
    results: dict[str, Any] = field(default_factory=dict)

    @property
    def is_running(self) -> bool:
        """True while the job is not final."""
        return bool(self.calibration_job.state == RUNNING)

    def to_bytes(self) -> bytes:
        """The document as JSON."""
        values = {
            "calibration_job": json_format.MessageToDict(self.calibration_job),
            "request": json_format.MessageToDict(self.request),
            "model_digest": self.model_digest,
            "results": self.results,
        }
        return json.dumps(values).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> CalibrationJobDocument:
        """Reads `to_bytes`. Fields that this version does not know are left out, as those of a newer version are.

        Raises:
            DataLoss: the bytes are no calibration job (CALIBRATION_JOB_UNREADABLE).
        """
        try:
            values = json.loads(data)
            return cls(
                calibration_job=json_format.ParseDict(
                    values["calibration_job"], extract_pb2.CalibrationJob(), ignore_unknown_fields=True
                ),
                request=json_format.ParseDict(
                    values["request"], extract_pb2.StartCalibrationJobRequest(), ignore_unknown_fields=True
                ),
                model_digest=values.get("model_digest", ""),
                results=values["results"],
            )
        except (ValueError, KeyError, TypeError, json_format.ParseError) as failure:
            message = "a calibration job's document cannot be read by this version"
            raise DataLoss(message, reason="CALIBRATION_JOB_UNREADABLE") from failure
