"""Graceful stop of training loops on SIGTERM or Ctrl-C.

A loop ends its step and writes its checkpoint. No process outlives the recipe.
"""

from __future__ import annotations

import ctypes
import signal
import sys
from typing import Final

STOPPED: Final = 128 + signal.SIGTERM  # the exit status of a stage that was stopped and will go on
_PR_SET_PDEATHSIG: Final = 1


class Stop:
    """`asked` becomes true at the first SIGTERM or SIGINT; the loop looks at it once a step. A second signal ends the process."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    def _ask(self, number: int, _frame: object) -> None:
        self.asked = True
        signal.signal(number, signal.SIG_DFL)


def end_with_parent() -> None:
    """Run in a child before it starts: when the recipe is killed, Linux sends the stage a SIGTERM; elsewhere nothing happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
