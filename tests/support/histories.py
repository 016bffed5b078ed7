"""Recorded histories of workflows, against which a changed workflow is replayed."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowHistory
from temporalio.worker import Replayer


async def replay(path: Path, workflows: Sequence[type]) -> None:
    """Runs the workflows' code along a recorded history. Raises NondeterminismError where it takes another way."""
    await Replayer(workflows=workflows).replay_workflow(WorkflowHistory.from_json("recorded", path.read_text()))


async def record_history(engine_url: str, work_id: str, path: Path) -> None:
    """Writes the history of work that has ended."""
    target, _, namespace = engine_url.removeprefix("temporal://").partition("/")
    client = await Client.connect(target, namespace=namespace)
    history = (await client.get_workflow_handle(work_id).fetch_history()).to_json_dict()
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(_without_places(history), separators=(",", ":")) + "\n")


def _without_places(value: Any) -> Any:
    """The history without names of machines, processes and files."""
    if isinstance(value, dict):
        hidden = {"identity": "worker", "stackTrace": ""}
        return {name: hidden.get(name, _without_places(one)) for name, one in value.items()}
    if isinstance(value, list):
        return [_without_places(one) for one in value]
    return re.sub(rf"\d*@?{re.escape(socket.gethostname())}", "worker", value) if isinstance(value, str) else value
