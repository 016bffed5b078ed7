"""Listening to one song: decoding in the jail, then analysis in a child process of low priority."""

from __future__ import annotations

from pathlib import Path

from resonance_video.models import KnownMusic, SongMap


async def listen(song: Path, known: KnownMusic | None = None, *, folder: Path | None = None) -> SongMap:
    """The map of a sound file. `folder` is where temporary files may lie; the children die when this call is cancelled.

    Raises:
        InvalidInput: the file is no sound, is damaged, or is shorter or longer than a video can be.
        DeadlineExceeded: decoding or analysis took too long.
    """
    raise NotImplementedError
