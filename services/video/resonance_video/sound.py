"""Length of a song, by counting its samples: headers of strangers' files are not trusted."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av

from resonance.errors import InvalidInput


def sound_duration(song: Path) -> tuple[Fraction, int]:
    """The exact length of a song in seconds and its sampling rate. It reads an untrusted file: call it in a child process alone.

    Raises:
        InvalidInput: the file has no sound track.
    """
    with av.open(str(song), metadata_errors="ignore") as container:
        if not container.streams.audio:
            raise InvalidInput("the song has no sound track", reason="NO_SOUND")
        stream = container.streams.audio[0]
        count = sum(frame.samples for frame in container.decode(audio=0))
        return Fraction(count, stream.rate), int(stream.rate)
