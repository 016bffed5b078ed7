"""Durable work on a workflow engine (Temporal): start, connect, submit, cancel.

The package knows no workflow. `Engine` imports the engine's client library on first use only; `activities` and `policies` are for
the `workflow.py` and `activities.py` of a service.
"""

from resonance.durable.changes import Changes
from resonance.durable.engine import Engine, WorkerPlan, open_engine
from resonance.durable.work import Schedule, Work, WorkFilter, WorkState

__all__ = ["Changes", "Engine", "Schedule", "Work", "WorkFilter", "WorkState", "WorkerPlan", "open_engine"]
