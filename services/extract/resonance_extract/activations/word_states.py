"""Activations for comparing prompt pairs: cross-attention output, or hidden states for melody models."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from resonance_extract.activations.worker import ActivationWorker
from resonance_model.steering.recorder import ActivationStats

Array = NDArray[np.float32]


def word_reading(worker: ActivationWorker) -> str:
    """The activations that pairs of words are read from.

    `cross_attention` is the output of each layer's attention to the text, without what earlier layers made of the words. `same_music` is
    the layers' whole states: models that follow a melody read the text as a prefix and do not attend to it.
    """
    return "same_music" if worker.model.melody_chroma else "cross_attention"


def to_state(stats: ActivationStats, worker: ActivationWorker) -> Array:
    """The state `[layers, hidden]` of a reading, as `word_reading` says."""
    state = stats.words if word_reading(worker) == "cross_attention" else stats.mean
    assert state is not None, "a decoder that attends to its text records the attention's output"
    found: Array = state.numpy().astype(np.float32)
    return found
