"""FluidSynth through ctypes: offline rendering of notes to audio.

Notes on codec frames become 16 kHz mono. Equal input gives equal samples.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .palette import DRUMS, PROGRAMS, VOLUMES
from .pieces import Note, channels

SAMPLE_RATE_HZ: Final = 16_000
FRAME_SAMPLES: Final = 320
PRE_ROLL_FRAMES: Final = 40
SOUND_FONTS: Final = (Path("/usr/share/sounds/sf2/FluidR3_GM.sf2"), Path("/usr/share/soundfonts/FluidR3_GM.sf2"))


class SoundFontMissing(FileNotFoundError):
    """The sound font or the library is not installed."""


class Synth:
    """A FluidSynth without reverb or chorus, so that silence is silence and a bar repeated is the same samples."""

    def __init__(self, gain: float = 0.5) -> None:
        name = ctypes.util.find_library("fluidsynth")
        font = next((path for path in SOUND_FONTS if path.exists()), None)
        if name is None or font is None:
            raise SoundFontMissing("install Debian's libfluidsynth3 and fluid-soundfont-gm, then render again")
        self._lib = _declared(ctypes.CDLL(name))
        self._settings = self._lib.new_fluid_settings()
        for key, number in (("synth.sample-rate", float(SAMPLE_RATE_HZ)), ("synth.gain", gain)):
            self._lib.fluid_settings_setnum(self._settings, key.encode(), number)
        for key, whole in (("synth.reverb.active", 0), ("synth.chorus.active", 0), ("synth.polyphony", 128)):
            self._lib.fluid_settings_setint(self._settings, key.encode(), whole)
        self._synth = self._lib.new_fluid_synth(self._settings)
        self._lib.fluid_synth_sfload(self._synth, str(font).encode(), 1)

    def render(self, notes: tuple[Note, ...], frames: int) -> NDArray[np.float32]:
        """`frames` codec frames of mono samples, shape [frames * 320]."""
        players = tuple(dict.fromkeys(note.player for note in notes))
        channel = channels(players)
        self._lib.fluid_synth_all_sounds_off(self._synth, -1)
        self._lib.fluid_synth_system_reset(self._synth)
        for player in players:
            if player != DRUMS:
                self._lib.fluid_synth_program_change(self._synth, channel[player], PROGRAMS[player])
            self._lib.fluid_synth_cc(self._synth, channel[player], 7, VOLUMES[player])
            self._lib.fluid_synth_cc(self._synth, channel[player], 10, 64)
        events = _events(notes, channel)
        chunks = [self._advance(PRE_ROLL_FRAMES)]
        now = 0
        for frame, is_on, number, key, velocity in events:
            if frame >= frames:
                break
            if frame > now:
                chunks.append(self._advance(frame - now))
                now = frame
            if is_on:
                self._lib.fluid_synth_noteon(self._synth, number, key, velocity)
            else:
                self._lib.fluid_synth_noteoff(self._synth, number, key)
        chunks.append(self._advance(frames - now))
        return np.concatenate(chunks)[PRE_ROLL_FRAMES * FRAME_SAMPLES :]

    def _advance(self, frames: int) -> NDArray[np.float32]:
        samples = frames * FRAME_SAMPLES
        left, right = np.zeros(samples, np.float32), np.zeros(samples, np.float32)
        self._lib.fluid_synth_write_float(self._synth, samples, left.ctypes.data, 0, 1, right.ctypes.data, 0, 1)
        return 0.5 * (left + right)


def _events(notes: tuple[Note, ...], channel: dict[str, int]) -> list[tuple[int, bool, int, int, int]]:
    events = [(note.start, True, channel[note.player], note.key, note.velocity) for note in notes]
    events += [(note.end, False, channel[note.player], note.key, 0) for note in notes]
    return sorted(events)  # releases (False) come before strokes of the same frame


def _declared(lib: ctypes.CDLL) -> ctypes.CDLL:
    pointer, text, number, whole = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_double, ctypes.c_int
    lib.new_fluid_settings.restype = pointer
    lib.new_fluid_synth.restype = pointer
    lib.new_fluid_synth.argtypes = [pointer]
    lib.fluid_settings_setnum.argtypes = [pointer, text, number]
    lib.fluid_settings_setint.argtypes = [pointer, text, whole]
    lib.fluid_synth_sfload.argtypes = [pointer, text, whole]
    lib.fluid_synth_system_reset.argtypes = [pointer]
    lib.fluid_synth_all_sounds_off.argtypes = [pointer, whole]
    lib.fluid_synth_program_change.argtypes = [pointer, whole, whole]
    lib.fluid_synth_cc.argtypes = [pointer, whole, whole, whole]
    lib.fluid_synth_noteon.argtypes = [pointer, whole, whole, whole]
    lib.fluid_synth_noteoff.argtypes = [pointer, whole, whole]
    lib.fluid_synth_write_float.argtypes = [pointer, whole, pointer, whole, whole, pointer, whole, whole]
    return lib
