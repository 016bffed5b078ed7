"""Batched generation for the evaluation, through transformers' own classes.

Prompts become 16 kHz audio.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoProcessor, MusicgenForConditionalGeneration


class Generator:
    """An exported folder, loaded as any user would load it."""

    def __init__(self, folder: Path) -> None:
        self.processor = AutoProcessor.from_pretrained(folder)
        self.model = MusicgenForConditionalGeneration.from_pretrained(folder).eval()

    @torch.no_grad()
    def play(self, prompts: list[str], seconds: float, seed: int, **options: Any) -> list[NDArray[np.float32]]:
        """One clip per prompt."""
        torch.manual_seed(seed)
        inputs = self.processor(text=prompts, padding=True, return_tensors="pt")
        audio = self.model.generate(**inputs, max_new_tokens=round(seconds * 50) + 4, **options)
        return [clip[0].numpy() for clip in audio]
