"""Names by which calibration jobs, their workflows and their activities meet in the engine."""

from __future__ import annotations

from dataclasses import dataclass

from resonance.durable import Work
from resonance.v1 import extract_pb2

CALIBRATE = "Calibrate"
SCAN_LAYERS = "ScanLayers"
MAKE_REFERENCE = "MakeReference"
_KINDS = {
    extract_pb2.CALIBRATION_JOB_KIND_RANGE: CALIBRATE,
    extract_pb2.CALIBRATION_JOB_KIND_LAYERS: SCAN_LAYERS,
    extract_pb2.CALIBRATION_JOB_KIND_REFERENCE: MAKE_REFERENCE,
}


@dataclass(frozen=True, slots=True)
class TaskQueues:
    """Task queues of one model: a job waits for a process that has its model loaded."""

    model_digest: str

    @property
    def documents(self) -> str:
        """Workflows, and activities that read and write documents: they never wait behind a rendering."""
        return f"calibration-{self.model_digest[:16]}"

    @property
    def parts(self) -> str:
        """Renderings and readings that a caller asked for."""
        return f"{self.documents}-parts"

    @property
    def background(self) -> str:
        """Renderings and readings that give way to listeners, and must not keep callers' waiting meanwhile."""
        return f"{self.documents}-background"


def derive_work_id(owner: str, calibration_job_id: str) -> str:
    """Id of a job's work. The same subject and conditions have the same job id for every owner."""
    return f"{calibration_job_id}.{owner}" if owner else calibration_job_id


def build_work(
    owner: str, calibration_job_id: str, request: extract_pb2.StartCalibrationJobRequest, model_digest: str
) -> Work:
    """The work of a calibration job."""
    queues = TaskQueues(model_digest)
    return Work(
        kind=_KINDS[request.kind],
        work_id=derive_work_id(owner, calibration_job_id),
        owner=owner,
        task_queue=queues.documents,
        argument={
            "calibration_job_id": calibration_job_id,
            "owner": owner,
            "parts_queue": queues.background if request.is_background else queues.parts,
        },
    )
