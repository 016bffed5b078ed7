"""Shared parts of several test folders."""

import os
from typing import Any

import pytest

# The long runs: `ROBUST=1 make test`. A sample of each runs on every push.
robust = pytest.mark.skipif(not os.environ.get("ROBUST"), reason="a long run: ROBUST=1 runs it")


def one_now_all_later(cases: list[Any]) -> list[Any]:
    """Parameters of which `make check` tries the first, and `make test` all."""
    later = (case if isinstance(case, tuple) else (case,) for case in cases[1:])
    return [cases[0], *(pytest.param(*case, marks=pytest.mark.slow) for case in later)]
