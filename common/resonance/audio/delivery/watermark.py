"""Inaudible watermark: a keyed pattern of small gains over time and frequency, with a payload of 24 bits.

Spread spectrum in the magnitude of a short-time Fourier transform. Time is cut into slots of 64 ms, the band from 500 to 4500 Hz into
32 bands. Each of these tiles is made louder or softer by a fraction of a decibel, by the sign of a keyed pseudo-random chip. The
change is a gain, so that it lies below the sound in its own tile, and it is smaller where the sound is steady (`_depth_db`). The
pattern repeats every 3 s: a third of its tiles are fixed and give the position, the others carry four symbols of eight bits, each one
of 256 orthogonal Walsh codes (three bytes of payload and their checksum).
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

HOP_S = 0.016
SLOT_S = 0.064
LOW_HZ, BAND_HZ, BANDS = 500.0, 125.0, 32
SLOTS = 48
PERIOD_S = SLOTS * SLOT_S
SYMBOLS, CODE_LENGTH = 4, 256
PAYLOAD_BYTES = 3
# Whoever runs this product can read the mark. An operator who wants a mark that others can neither read nor write sets a key.
PUBLIC_KEY = "resonance"
_TILES = SLOTS * BANDS
_SYNC_TILES = _TILES - SYMBOLS * CODE_LENGTH
# Depth in decibels: a share of how much the band's level moves from frame to frame by itself, within these bounds.
DEPTH_SHARE, DEPTH_DB_MIN, DEPTH_DB_MAX = 0.28, 0.3, 1.1
_DEPTH_MEMORY = 0.9


@dataclass(frozen=True, slots=True)
class Pattern:
    """The keyed layout: which tiles give the position, and which belong to each symbol. Tiles are numbered slot by slot."""

    sync_tiles: NDArray[np.int64]
    sync_chips: NDArray[np.float64]
    symbol_tiles: NDArray[np.int64]  # [symbols, code length]
    symbol_chips: NDArray[np.float64]  # [symbols, code length]

    @classmethod
    def of(cls, key: str) -> Pattern:
        order = np.argsort(_keyed_numbers(key, "order", _TILES), kind="stable")
        chips = np.where(_keyed_numbers(key, "chips", _TILES) & np.uint64(1), 1.0, -1.0)
        shape = (SYMBOLS, CODE_LENGTH)
        return cls(
            order[:_SYNC_TILES],
            chips[:_SYNC_TILES],
            order[_SYNC_TILES:].reshape(shape),
            chips[_SYNC_TILES:].reshape(shape),
        )

    def chips(self, payload: bytes) -> NDArray[np.float64]:
        """The chips +1 and -1 of a payload of three bytes, `[slots, bands]`."""
        tiles = np.zeros(_TILES)
        tiles[self.sync_tiles] = self.sync_chips
        for symbol, value in enumerate(with_checksum(payload)):
            tiles[self.symbol_tiles[symbol]] = self.symbol_chips[symbol] * walsh(value)
        return tiles.reshape(SLOTS, BANDS)


class Embedder:
    """Gains of successive spectra. A frame's slot is told by the time of its middle, so that every sample rate has the same slots."""

    def __init__(self, sample_rate_hz: int, hop: int, *, key: str, payload: bytes) -> None:
        self._chips = Pattern.of(key or PUBLIC_KEY).chips(payload)
        self._hop_s = hop / sample_rate_hz
        width_hz = sample_rate_hz / (2 * hop)
        self._first = round(LOW_HZ / width_hz)
        self._width = round(BAND_HZ / width_hz)
        self._bins = slice(self._first, self._first + BANDS * self._width)
        self._frame = 0
        self._level_db: NDArray[np.float64] | None = None
        self._motion_db = np.full(BANDS, DEPTH_DB_MIN / DEPTH_SHARE)

    def apply(self, spectra: NDArray[np.complex128]) -> None:
        """Marks the spectra `[channels, frames, bins]` in place; the same gains for all channels."""
        band = spectra[:, :, self._bins]
        if band.shape[2] < BANDS * self._width:
            return  # a rate below 9 kHz has no room for the band
        split = band.reshape(*band.shape[:2], BANDS, self._width)
        power = (split.real**2 + split.imag**2).sum(axis=(0, 3))
        levels = 10 * np.log10(power + 1e-12)
        gains = np.empty_like(levels)
        for index, level in enumerate(levels):
            middle_s = self._frame * self._hop_s  # a frame spans the hop before this time and the hop after it
            slot = int(middle_s / SLOT_S + 1e-9) % SLOTS
            gains[index] = self._chips[slot] * self._depth_db(level)
            self._frame += 1
        split *= 10 ** (gains / 20)[None, :, :, None]
        spectra[:, :, self._bins] = split.reshape(band.shape)

    def _depth_db(self, level: NDArray[np.float64]) -> NDArray[np.float64]:
        """The depth in each band `[bands]`: a steady tone gets little, because the ear hears a quiver in it; noise gets more."""
        if self._level_db is not None:
            moved = np.minimum(np.abs(level - self._level_db), 12.0)
            self._motion_db += (1 - _DEPTH_MEMORY) * (moved - self._motion_db)
        self._level_db = level
        return np.clip(DEPTH_SHARE * self._motion_db, DEPTH_DB_MIN, DEPTH_DB_MAX)


def with_checksum(payload: bytes) -> bytes:
    """The payload and its checksum: the four symbols."""
    if len(payload) != PAYLOAD_BYTES:
        raise ValueError(f"a payload has {PAYLOAD_BYTES} bytes, not {len(payload)}")
    return payload + (zlib.crc32(payload) & 0xFF).to_bytes(1, "big")


def walsh(value: int) -> NDArray[np.float64]:
    """Row `value` of the Walsh-Hadamard matrix of order 256."""
    places = np.arange(CODE_LENGTH, dtype=np.uint16) & np.uint16(value)
    return 1.0 - 2.0 * (np.bitwise_count(places) % 2)


def _keyed_numbers(key: str, purpose: str, count: int) -> NDArray[np.uint64]:
    """Pseudo-random 64-bit numbers from SHA-256 in counter mode: the same on every machine and under every version of numpy."""
    blocks = [
        hashlib.sha256(f"resonance watermark 1|{purpose}|{index}|{key}".encode()).digest()
        for index in range(count // 4 + 1)
    ]
    return np.frombuffer(b"".join(blocks), ">u8")[:count].astype(np.uint64)
