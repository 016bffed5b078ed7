"""Child process of the embedded recognizer: one recording a line of standard input, one answer a line of standard output."""

from __future__ import annotations

import json
import math
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from faster_whisper import WhisperModel

# Below the model's own processes: a spoken wish may take half a second longer while music is made.
_NICENESS = 5
_LANGUAGE = "en"


def listen(model: WhisperModel, recording: Path, prompt: str) -> dict[str, Any]:
    """Transcribes the samples of a file, mono float32 at 16 kHz. Stretches without speech are left out before."""
    samples = np.fromfile(recording, "<f4")
    parts, _ = model.transcribe(samples, language=_LANGUAGE, beam_size=5, initial_prompt=prompt, vad_filter=True)
    found = [(part.text.strip(), part.avg_logprob, len(part.tokens)) for part in parts]
    tokens = sum(count for _, _, count in found)
    mean = sum(logprob * count for _, logprob, count in found) / tokens if tokens else -math.inf
    text = " ".join(text for text, _, _ in found).strip()
    return {"text": text, "language": _LANGUAGE, "confidence": round(math.exp(mean), 3)}


def main() -> None:
    """Answers until standard input ends, which it does with the parent."""
    os.nice(_NICENESS)
    model = WhisperModel(sys.argv[1], device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True)
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(listen(model, Path(asked["recording"]), asked["prompt"])), flush=True)


if __name__ == "__main__":
    main()
