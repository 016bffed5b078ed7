"""Golden clip: first second of tokens of one prompt.

The prompt is played without chance, and the tokens are stored beside the weights.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Final

import torch

from .codec import WEIGHTS
from .generate import Generator

PROMPT: Final = "fast energetic drums"
FRAMES: Final = 50
GUIDANCE: Final = 3.0


@torch.no_grad()
def golden_codes(folder: Path) -> list[list[int]]:
    """Codes [4][50] of the prompt: greedy, guided, in fp32 on one thread, through transformers' own loop."""
    generator = Generator(folder)
    kept: list[torch.Tensor] = []
    decode = generator.model.audio_encoder.decode

    def spy(audio_codes: torch.Tensor, *arguments: object, **options: object) -> object:
        kept.append(audio_codes)
        return decode(audio_codes, *arguments, **options)

    generator.model.audio_encoder.decode = spy
    generator.play([PROMPT], FRAMES / 50, 0, do_sample=False, guidance_scale=GUIDANCE)
    codes: list[list[int]] = kept[0][0, 0, :, :FRAMES].tolist()
    return codes


def main() -> None:
    """Write golden.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=WEIGHTS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found = {"prompt": PROMPT, "guidance_scale": GUIDANCE, "do_sample": False, "codes": golden_codes(arguments.folder)}
    (arguments.folder / "golden.json").write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
