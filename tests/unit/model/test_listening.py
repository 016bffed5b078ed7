"""Our listening pass hears what forward hooks on the library's own layers hear."""

from __future__ import annotations

import torch

from resonance_model.delays import delayed_inputs, step_count_of
from resonance_model.listen import hear_clip, hear_codes, render_and_hear
from resonance_model.listening import Heard, Listener, forward_hooks
from resonance_model.loaded import LoadedModel

PROMPT = "calm piano music"


def heard_by_hooks(model: LoadedModel, codes: torch.Tensor) -> Heard:
    library, listener = model.library, Listener(model.shape.layer_count, model.shape.hidden_size)
    steps = step_count_of(codes.shape[1], model.shape.codebook_count)
    inputs = delayed_inputs(codes, start_token=model.shape.start_token, step_count=steps)
    states = model.encode_text([PROMPT])[0][None]
    with torch.inference_mode(), forward_hooks(library.decoder.model.decoder.layers, listener):
        projected = library.enc_to_dec_proj(states)
        library.decoder(
            input_ids=inputs, encoder_hidden_states=projected, encoder_attention_mask=torch.ones(projected.shape[:2])
        )
    return listener.heard()


def test_our_pass_hears_what_forward_hooks_hear(tiny: LoadedModel) -> None:
    codes = torch.randint(0, tiny.shape.vocabulary_size, (4, 60))
    ours, theirs = hear_codes(tiny, codes, prompt=PROMPT), heard_by_hooks(tiny, codes)
    torch.testing.assert_close(ours.mean, theirs.mean, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(ours.variance, theirs.variance, atol=1e-5, rtol=1e-3)
    assert ours.count == theirs.count == 63


def test_listening_while_generating_hears_what_reading_the_result_hears(tiny: LoadedModel) -> None:
    (codes, generated), *_ = render_and_hear(tiny, [PROMPT, "jazz"], frame_count=30, seed=5)
    read = hear_codes(tiny, codes, prompt=PROMPT)
    torch.testing.assert_close(generated.mean, read.mean, atol=1e-5, rtol=1e-4)


def test_hooks_are_gone_after_listening(tiny: LoadedModel) -> None:
    layers = tiny.library.decoder.model.decoder.layers
    with forward_hooks(layers, Listener(3, 32)):
        assert all(layer._forward_hooks for layer in layers)
    assert not any(layer._forward_hooks for layer in layers)


def test_a_clip_is_heard_the_same_twice(tiny: LoadedModel) -> None:
    samples = torch.rand(16_000) - 0.5
    assert torch.equal(hear_clip(tiny, samples).mean, hear_clip(tiny, samples).mean)
