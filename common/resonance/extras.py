"""Missing extras: one sentence instead of an import's traceback."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def missing_extra_named(extra: str) -> Iterator[None]:
    """Ends the process with a sentence where an import inside misses a package of that extra; our own modules are never excused."""
    try:
        yield
    except ModuleNotFoundError as failure:
        if not (told := missing_extra(failure, extra)):
            raise
        sys.exit(f"resonance: {told}")


def missing_extra(failure: ModuleNotFoundError, extra: str) -> str:
    """The sentence that names the extra of a missing package; empty where a module of ours is missing."""
    module = (failure.name or "").partition(".")[0]
    if not module or module.startswith("resonance"):
        return ""
    return (
        f"the package {module} is not installed; it comes with the extra {extra!r}: "
        f"pip install 'resonance-music[{extra}]', or pip install '.[{extra}]' in the source folder"
    )
