"""Names by which an adoption, its workflow and its activities meet in the engine."""

from __future__ import annotations

from resonance.durable import Work

ADOPT_MODEL = "AdoptModel"


def adoption_queue(model_digest: str) -> str:
    """Task queue of one model: its adoption waits for a process that has it loaded."""
    return f"adoption-{model_digest[:16]}"


def build_work(model_digest: str) -> Work:
    """The work of a model's adoption, which belongs to the installation and to no owner."""
    queue = adoption_queue(model_digest)
    return Work(kind=ADOPT_MODEL, work_id=queue, owner="", task_queue=queue, argument={"model_digest": model_digest})
