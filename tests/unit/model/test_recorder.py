"""Activation recorder: equal to hooks on the library's layers."""

from __future__ import annotations

import torch

from resonance_model.activations import generate_and_read, read_clip, read_codes
from resonance_model.delays import count_steps, delayed_inputs
from resonance_model.loaded_model import LoadedModel
from resonance_model.steering.recorder import ActivationRecorder, ActivationStats, forward_hooks

PROMPT = "calm piano music"


def stats_by_hooks(model: LoadedModel, codes: torch.Tensor) -> ActivationStats:
    library, recorder = model.library, ActivationRecorder(model.config.layer_count, model.config.hidden_size)
    steps = count_steps(codes.shape[1], model.config.codebook_count)
    inputs = delayed_inputs(codes, start_token=model.config.start_token, step_count=steps)
    states = model.encode_text([PROMPT])[0][None]
    with torch.inference_mode(), forward_hooks(library.decoder.model.decoder.layers, recorder):
        projected = library.enc_to_dec_proj(states)
        library.decoder(
            input_ids=inputs, encoder_hidden_states=projected, encoder_attention_mask=torch.ones(projected.shape[:2])
        )
    return recorder.stats()


def test_our_pass_records_what_forward_hooks_record(tiny: LoadedModel) -> None:
    codes = torch.randint(0, tiny.config.vocabulary_size, (4, 60))
    ours, theirs = read_codes(tiny, codes, prompt=PROMPT), stats_by_hooks(tiny, codes)
    torch.testing.assert_close(ours.mean, theirs.mean, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(ours.variance, theirs.variance, atol=1e-5, rtol=1e-3)
    assert ours.count == theirs.count == 63


def test_text_attention_is_what_the_librarys_cross_attention_adds(tiny: LoadedModel) -> None:
    """Only music that is read has it: generation records no text attention."""
    codes = torch.randint(0, tiny.config.vocabulary_size, (4, 60))
    given: list[torch.Tensor] = []
    handles = [
        layer.encoder_attn.register_forward_hook(lambda _module, _inputs, output: given.append(output[0][0].double()))
        for layer in tiny.library.decoder.model.decoder.layers
    ]
    stats_by_hooks(tiny, codes)
    for handle in handles:
        handle.remove()
    theirs = torch.stack([added.mean(dim=0) for added in given])
    ours = read_codes(tiny, codes, prompt=PROMPT)
    assert ours.words is not None
    torch.testing.assert_close(ours.words, theirs, atol=1e-6, rtol=1e-4)
    ((_, generated),) = generate_and_read(tiny, [PROMPT], frame_count=8, seed=5)
    assert generated.words is None


def test_recording_while_generating_equals_reading_the_result(tiny: LoadedModel) -> None:
    (codes, generated), *_ = generate_and_read(tiny, [PROMPT, "jazz"], frame_count=30, seed=5)
    read = read_codes(tiny, codes, prompt=PROMPT)
    torch.testing.assert_close(generated.mean, read.mean, atol=1e-5, rtol=1e-4)


def test_hooks_are_removed_after_recording(tiny: LoadedModel) -> None:
    layers = tiny.library.decoder.model.decoder.layers
    with forward_hooks(layers, ActivationRecorder(3, 32)):
        assert all(layer._forward_hooks for layer in layers)
    assert not any(layer._forward_hooks for layer in layers)


def test_a_clip_gives_the_same_statistics_twice(tiny: LoadedModel) -> None:
    samples = torch.rand(16_000) - 0.5
    assert torch.equal(read_clip(tiny, samples).mean, read_clip(tiny, samples).mean)
