"""VibeNet (Shim 2025) through ONNX: embeddings and attributes.

VibeNet is an EfficientNet-B0 trained on the Free Music Archive. The ONNX file comes from its wheel.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np
from librosa.filters import mel
from numpy.typing import NDArray

RATE_HZ: Final = 16_000
ATTRIBUTES: Final = ("acousticness", "danceability", "energy", "instrumentalness", "liveness", "speechiness", "valence")
_WINDOW, _HOP, _FFT, _MELS = 640, 320, 1024, 128
_FLOOR_DB: Final = 80.0
_EMBEDDING: Final = "layer_norm"  # after the pooled features, before the trunk that only predicts attributes


class Vibenet:
    """`hear` gives the pooled features, `[1280]`, and the attributes."""

    tag_names: Sequence[str] = ATTRIBUTES

    def __init__(self, folder: Path) -> None:
        """`folder` is the unpacked wheel."""
        onnx, onnxruntime = import_module("onnx"), import_module("onnxruntime")

        model = onnx.load(folder / "vibenet" / "artifacts" / "efficientnet_model.onnx")
        model.graph.output.append(onnx.ValueInfoProto(name=_EMBEDDING))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session: Any = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self._mels = mel(sr=RATE_HZ, n_fft=_FFT, n_mels=_MELS, fmin=0.0, fmax=8000.0).astype(np.float32)

    def hear(self, audio: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Of mono audio at 16 kHz."""
        tags, embedding = self._session.run(["out", _EMBEDDING], {"x": self._log_mel(audio)[None]})
        return embedding[0], tags[0]

    def _log_mel(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """`[128, frames]` in dB, 80 below the loudest at most, as the package computes it."""
        frames = np.lib.stride_tricks.sliding_window_view(audio, _WINDOW)[::_HOP]
        window = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
        power = np.abs(np.fft.rfft(frames * window, n=_FFT, axis=-1)) ** 2
        decibels = 10 * np.log10(np.maximum(self._mels @ power.T, 1e-10))
        return np.maximum(decibels, decibels.max() - _FLOOR_DB).astype(np.float32)
