"""Names by which service, workflows and activities of a playlist meet in the engine."""

from __future__ import annotations

from resonance.durable import Work
from resonance_ingest.jobs.job import Job

# Workflows, and activities that read and write documents: they never wait behind a download.
TASK_QUEUE = "ingest"
# Activities with a downloader or decoder as a child process.
TRACKS_TASK_QUEUE = "ingest-tracks"
# Activities that stream a playlist's clips to `extract`.
EXTRACTION_TASK_QUEUE = "ingest-extraction"
MAKE_TASTE = "MakeTaste"
SWEEP = "SweepObjects"


def build_work(job: Job) -> Work:
    """The work of a job."""
    return Work(
        kind=MAKE_TASTE,
        work_id=job.job_id,
        owner=job.owner,
        task_queue=TASK_QUEUE,
        argument={"job_id": job.job_id, "owner": job.owner},
    )
