"""Extraction benchmark: our pass, the library's forward, hooks during generation."""

from __future__ import annotations

from typing import Any

import torch

from benchmarks.arms import interleaved, ratio
from resonance_model.activations import NEUTRAL_PROMPT, read_codes
from resonance_model.delays import count_steps, delayed_inputs
from resonance_model.loaded_model import LoadedModel
from resonance_model.steering.recorder import ActivationRecorder, forward_hooks

SECONDS = 10


def measure(model: LoadedModel, *, rounds: int) -> dict[str, Any]:
    """A clip of ten seconds."""
    frames = SECONDS * model.description.frame_rate_hz
    codes = torch.randint(0, model.config.vocabulary_size, (model.config.codebook_count, frames))
    timings = interleaved(
        {
            "extraction_ours": lambda: read_codes(model, codes),
            "extraction_bare_forward": lambda: _bare(model, codes),
        },
        rounds=rounds,
    )
    generating = interleaved(
        {"extraction_hooks_while_generating": lambda: _hooks_while_generating(model, frames)}, rounds=2, warmups=0
    )
    return {
        "arms": {name: timing.as_json() for name, timing in (timings | generating).items()},
        "ratios": {
            "extraction_vs_bare_forward": ratio(timings["extraction_bare_forward"], timings["extraction_ours"]),
            "extraction_vs_generating": generating["extraction_hooks_while_generating"].median_s
            / timings["extraction_ours"].median_s,
        },
    }


@torch.inference_mode()
def _bare(model: LoadedModel, codes: torch.Tensor) -> None:
    """The library's decoder over the same inputs, without its heads and without recording."""
    steps = count_steps(codes.shape[1], model.config.codebook_count)
    inputs = delayed_inputs(codes, start_token=model.config.start_token, step_count=steps)
    states = model.library.enc_to_dec_proj(model.encode_text([NEUTRAL_PROMPT])[0][None])
    model.library.decoder.model(input_ids=inputs, encoder_hidden_states=states, use_cache=False)


@torch.inference_mode()
def _hooks_while_generating(model: LoadedModel, frames: int) -> None:
    """The slow alternative: generates the clip's length with hooks on every layer."""
    tokens = model.encode_text.tokenizer([NEUTRAL_PROMPT], return_tensors="pt")  # type: ignore[attr-defined]
    recorder = ActivationRecorder(model.config.layer_count, model.config.hidden_size)
    with forward_hooks(model.library.decoder.model.decoder.layers, recorder):
        model.library.generate(**tokens, guidance_scale=3.0, max_new_tokens=frames + 3)
