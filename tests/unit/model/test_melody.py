"""Melody checkpoints: chroma, the prefix, changes during a performance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from support.checkpoints import TINY_MELODY, make_checkpoint
from support.takes import PROMPTS, build_sequence, codes_alone, record_read_sizes, run
from torch import Tensor
from transformers.audio_utils import chroma_filter_bank

from resonance.settings import Settings
from resonance_model.activations import read_codes
from resonance_model.chroma import Chroma, ChromaPlan, chroma_filters
from resonance_model.decoder.batch_step import advance
from resonance_model.decoder.sequence import TokenSequence
from resonance_model.delays import count_steps, delayed_inputs
from resonance_model.loaded_model import LoadedModel
from resonance_model.loaders.transformers import load_transformers
from resonance_model.model_info import to_model_info
from resonance_model.steering.recorder import ActivationRecorder, forward_hooks

RATE = 16_000


@pytest.fixture(scope="module")
def melody(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    folder: Path = make_checkpoint(tmp_path_factory.mktemp("models") / "melody", TINY_MELODY)
    return load_transformers(str(folder), Settings(), keep_library=True)


def build_melody(*classes: int) -> Tensor:
    """Pitch classes `[frames, 12]`."""
    return F.one_hot(torch.tensor(classes), 12).float()


def tones(*midi: int, seconds: float = 1.0) -> Tensor:
    """One second of each note, with two overtones: `[samples]`."""
    at = torch.arange(round(RATE * seconds)) / RATE
    pitches = [440 * 2 ** ((note - 69) / 12) for note in midi]
    return torch.cat([sum(torch.sin(6.28319 * k * hz * at) / k for k in (1, 2, 3)) * 0.2 for hz in pitches])  # type: ignore[misc]


@pytest.mark.parametrize(("rate", "window"), [(32_000, 16_384), (16_000, 8_192), (44_100, 4_096)])
def test_the_filters_are_the_librarys(rate: int, window: int) -> None:
    theirs = chroma_filter_bank(sampling_rate=rate, num_frequency_bins=window, tuning=0, num_chroma=12)
    np.testing.assert_allclose(chroma_filters(sample_rate_hz=rate, window_samples=window), theirs, atol=1e-12)


def test_notes_give_their_pitch_classes() -> None:
    """tests/audiocraft_lane compares the classes with both libraries' extractors, which need torchaudio."""
    classes = Chroma(ChromaPlan(sample_rate_hz=RATE, window_samples=4096, hop_samples=1024))(tones(60, 64, 67, 71, 57))
    middles = [round((second + 0.5) * RATE / 1024) for second in range(5)]
    assert classes[middles].argmax(dim=1).tolist() == [0, 4, 7, 11, 9]
    assert classes.shape == (5 * RATE // 1024 + 1, 12)
    assert torch.equal(classes.sum(dim=1), torch.ones(len(classes)))


def test_a_rising_tone_gives_the_librarys_own_classes() -> None:
    """Classes by transformers' MusicgenMelodyFeatureExtractor (5.23, torchaudio 2.11), one hexadecimal digit a frame."""
    at = torch.arange(4 * RATE) / RATE
    sound = torch.sin(6.28319 * (110 * at + 90 * at**2)) + 0.5 * torch.sin(6.28319 * 523.25 * at) * (at % 1 > 0.5)
    classes = Chroma(ChromaPlan(sample_rate_hz=RATE, window_samples=4096, hop_samples=1024))(sound * 0.4)
    digits = "".join(f"{int(pitch):x}" for pitch in classes.argmax(dim=1))
    assert digits == "bb023457899ab00123345566778899aaabb0001112233334445556666777788"


@pytest.mark.parametrize("sample_count", [0, 1, 100, 4096])
def test_the_shortest_sounds_and_silence_have_classes_too(sample_count: int) -> None:
    classes = Chroma(ChromaPlan(sample_rate_hz=RATE, window_samples=4096, hop_samples=1024))(torch.zeros(sample_count))
    assert classes.argmax(dim=1).unique().tolist() == [0]


def test_a_checkpoint_says_whether_it_follows_a_melody(melody: LoadedModel, tiny: LoadedModel) -> None:
    assert to_model_info(melody, Settings()).capabilities.melody
    assert not to_model_info(tiny, Settings()).capabilities.melody
    assert melody.melody_chroma is not None
    assert melody.melody_chroma.sample_rate_hz == RATE
    assert len(melody.melody_chroma.classes(tones(60, 62))) == 2 * RATE // 2048 + 1


def test_another_melody_makes_other_music(melody: LoadedModel) -> None:
    takes = [
        codes_alone(melody, PROMPTS[0], frame_count=20, melody=pitches)
        for pitches in (None, build_melody(0, 4, 7), build_melody(2, 5))
    ]
    assert not torch.equal(takes[0], takes[1])
    assert not torch.equal(takes[1], takes[2])


def test_a_short_melody_is_repeated_and_a_long_one_cut(melody: LoadedModel) -> None:
    short, long = build_melody(1, 5, 8), build_melody(*(1, 5, 8) * 7, 0, 0, 0)
    assert torch.equal(
        codes_alone(melody, PROMPTS[0], frame_count=16, melody=short),
        codes_alone(melody, PROMPTS[0], frame_count=16, melody=long),
    )


@pytest.mark.parametrize("pitches", [None, build_melody(0, 4, 7)])
def test_our_pass_records_what_forward_hooks_record_behind_the_prefix(
    melody: LoadedModel, pitches: Tensor | None
) -> None:
    """The library's layers return tuples, and read melody and text as positions of their own, which are not recorded."""
    library, frames = melody.library, TINY_MELODY.melody_frames
    codes = torch.randint(0, melody.config.vocabulary_size, (4, 40))
    steps = count_steps(40, 4)
    inputs = delayed_inputs(codes, start_token=melody.config.start_token, step_count=steps)
    states = melody.encode_text([PROMPTS[0]])[0][None]
    classes = (build_melody(0) if pitches is None else pitches).repeat(frames, 1)[:frames]
    recorder = ActivationRecorder(melody.config.layer_count, melody.config.hidden_size)
    first = frames + states.shape[1]
    layers = library.decoder.model.decoder.layers
    with torch.inference_mode(), forward_hooks(layers, recorder, first_position=first):
        known = torch.cat([library.audio_enc_to_dec_proj(classes)[None], library.enc_to_dec_proj(states)], dim=1)
        library.decoder(input_ids=inputs, encoder_hidden_states=known)
    theirs = recorder.stats()
    if pitches is None:
        ours = read_codes(melody, codes, prompt=PROMPTS[0])
    else:
        sequence = build_sequence(melody, PROMPTS[0], frame_count=40, melody=pitches)
        sequence.slot.recorder = ActivationRecorder(melody.config.layer_count, melody.config.hidden_size)
        with torch.inference_mode():
            melody.decoder.read(sequence.slot, inputs)
        ours = sequence.slot.recorder.stats()
    assert ours.count == theirs.count == steps
    torch.testing.assert_close(ours.mean, theirs.mean, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(ours.variance, theirs.variance, atol=1e-5, rtol=1e-3)


def test_steering_is_what_hooks_add_behind_the_prefix(melody: LoadedModel) -> None:
    torch.manual_seed(5)
    steering = torch.randn(melody.config.layer_count, 2, melody.config.hidden_size) * 0.3
    sequence = build_sequence(melody, PROMPTS[0], frame_count=12, steering=steering)
    inputs = torch.randint(0, 64, (4, 9))
    frames, library = TINY_MELODY.melody_frames, melody.library
    states = melody.encode_text([PROMPTS[0]])[0][None]
    first = frames + states.shape[1]

    def adding(index: int) -> Any:
        def hook(_module: Any, _inputs: Any, output: Any) -> Any:
            output[0][0, first:] += steering[index, 0]
            return output

        return hook

    layers = library.decoder.model.decoder.layers
    handles = [layer.register_forward_hook(adding(index)) for index, layer in enumerate(layers)]
    with torch.inference_mode():
        ours = melody.decoder.read(sequence.slot, inputs, with_logits=True)
        nothing = library.audio_enc_to_dec_proj(build_melody(0).repeat(frames, 1))[None]
        known = torch.cat([nothing, library.enc_to_dec_proj(states)], dim=1)
        theirs = library.decoder(input_ids=inputs, encoder_hidden_states=known).logits[:, first:]
    for handle in handles:
        handle.remove()
    assert ours is not None
    torch.testing.assert_close(ours[0].transpose(0, 1), theirs, atol=1e-4, rtol=1e-4)


def test_the_unconditional_branchs_prefix_changes_its_logits(melody: LoadedModel) -> None:
    """Its prefix is zeros for text and frames without melody. It attracts attention, so that no shortcut may leave it out."""
    sequence = build_sequence(melody, PROMPTS[1], frame_count=5, melody=build_melody(3))
    bare = build_sequence(melody, PROMPTS[1], frame_count=5, melody=build_melody(3))
    prefix = bare.slot.conditioning.prefix
    assert prefix is not None
    assert not prefix[1, : TINY_MELODY.melody_frames].eq(0).all()
    assert prefix[1, TINY_MELODY.melody_frames :].eq(0).all()
    with torch.inference_mode():
        whole = melody.decoder.advance([sequence.slot], sequence.inputs()[None])[0, 1]
        prefix[1, : TINY_MELODY.melody_frames] = 0
        assert not torch.allclose(melody.decoder.advance([bare.slot], bare.inputs()[None])[0, 1], whole, atol=1e-4)


def test_a_long_take_keeps_its_prefix_when_the_window_moves(melody: LoadedModel) -> None:
    options: dict[str, Any] = {"frame_count": 70, "window_steps": 40, "context_frames": 18, "temperature": 1.0}
    pitches = build_melody(0, 4, 7)
    sequence = build_sequence(melody, PROMPTS[0], melody=pitches, **options)
    run(melody, [sequence])
    assert sequence.slot.prefix_left == 0
    assert 0 < sequence.slot.music_length <= 40
    begun = build_sequence(melody, PROMPTS[0], melody=pitches, **options)
    given = np.full((4, 70), -1)
    given[:, :60] = sequence.frames(0, 60)
    begun.start_from_tokens(given)
    prefill_all(begun)
    run(melody, [begun])
    assert torch.equal(begun.frames(0, 70), sequence.frames(0, 70))


@pytest.mark.parametrize("slice_steps", [1, 7, 64, 1000])
def test_a_prefix_that_is_read_in_slices_gives_the_same_tokens(melody: LoadedModel, slice_steps: int) -> None:
    pitches = build_melody(2, 9)
    sequence = build_sequence(melody, PROMPTS[1], frame_count=12, melody=pitches)
    slices = prefill_all(sequence, slice_steps)
    assert slices == -(-sequence.slot.conditioning.prefix_count // slice_steps)
    run(melody, [sequence])
    assert torch.equal(sequence.frames(0, 12), codes_alone(melody, PROMPTS[1], frame_count=12, melody=pitches))


@pytest.mark.parametrize("step", [0, 1, 4, 30])
def test_a_changed_prompt_acts_as_if_it_had_been_there_from_the_start(melody: LoadedModel, step: int) -> None:
    """The music so far is read again behind the new prefix: the next logits are those of a fresh reading."""
    sequence = build_sequence(melody, PROMPTS[0], frame_count=60, temperature=1.0, melody=build_melody(0, 7))
    inputs = []
    with torch.inference_mode():
        for _ in range(step):
            inputs.append(sequence.inputs())
            advance(melody.decoder, [sequence])
        sequence.set_conditioning(
            melody.decoder.condition([(melody.encode_text([PROMPTS[1]])[0], 1.0)], build_melody(0, 7))
        )
        prefill_all(sequence)
        ours = melody.decoder.advance([sequence.slot], sequence.inputs()[None])[0]
        fresh = build_sequence(melody, PROMPTS[1], frame_count=60, melody=build_melody(0, 7))
        theirs = melody.decoder.read(fresh.slot, torch.stack([*inputs, sequence.inputs()], dim=1), with_logits=True)
    assert theirs is not None
    torch.testing.assert_close(ours, theirs[:, -1], atol=1e-4, rtol=1e-4)


def test_after_a_change_no_more_is_read_again_than_a_moved_window_keeps(melody: LoadedModel) -> None:
    sequence = build_sequence(melody, PROMPTS[0], frame_count=60, temperature=1.0, window_steps=50, context_frames=20)
    with torch.inference_mode():
        for _ in range(45):
            advance(melody.decoder, [sequence])
    sequence.set_conditioning(melody.decoder.condition([(melody.encode_text([PROMPTS[1]])[0], 1.0)]))
    prefill_all(sequence)
    assert sequence.slot.music_length == 20 + melody.config.delay_max
    run(melody, [sequence])
    assert sequence.is_finished


def test_a_reset_drops_the_music_that_was_to_be_read_again_behind_a_new_prefix(melody: LoadedModel) -> None:
    """One control may bring another melody and a reset."""
    sequence = build_sequence(melody, PROMPTS[0], frame_count=60, temperature=1.0, melody=build_melody(0, 7))
    with torch.inference_mode():
        for _ in range(30):
            advance(melody.decoder, [sequence])
    sequence.set_conditioning(melody.decoder.condition([(melody.encode_text([PROMPTS[0]])[0], 1.0)], build_melody(4)))
    sequence.reset()
    prefill_all(sequence)
    assert sequence.slot.music_length == 0


def test_a_moving_window_reads_its_prefix_in_slices_too(melody: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = record_read_sizes(melody, monkeypatch)
    sequence = build_sequence(
        melody, PROMPTS[1], frame_count=400, melody=build_melody(0), window_steps=200, context_frames=100
    )
    states = melody.encode_text([PROMPTS[1]])[0].repeat(8, 1)  # as long a prefix as a real checkpoint's
    sequence.slot.conditioning = melody.decoder.condition([(states, 1.0)], build_melody(0))
    assert sequence.slot.conditioning.prefix_count > 64
    prefill_all(sequence)
    read_by_step = []
    with torch.inference_mode():
        while not sequence.is_finished:
            sizes.clear()
            advance(melody.decoder, [sequence])
            read_by_step.append(sum(sizes))
    assert max(read_by_step) <= 2 * 16


def test_a_text_of_weight_zero_changes_nothing(melody: LoadedModel) -> None:
    """The text of weight zero must stand behind the other for positions to be the same."""
    first, second = melody.encode_text([PROMPTS[0], PROMPTS[1]])
    sequence, other = (build_sequence(melody, PROMPTS[0], frame_count=4) for _ in range(2))
    other.slot.conditioning = melody.decoder.condition([(first, 1.0), (second, 1e-30)])
    assert other.slot.conditioning.bias is not None
    with torch.inference_mode():
        melody.decoder.read_prefix(sequence.slot, 1000)
        melody.decoder.read_prefix(other.slot, 1000)
        count = sequence.slot.length
        for one, same in zip(sequence.slot.caches, other.slot.caches, strict=True):
            torch.testing.assert_close(one[:, 0, :, :count], same[:, 0, :, :count], atol=1e-4, rtol=1e-4)
        both = melody.decoder.advance([other.slot], other.inputs()[None])
        even = build_sequence(melody, PROMPTS[0], frame_count=4)
        even.slot.conditioning = melody.decoder.condition([(first, 1.0), (second, 1.0)])
        assert not torch.allclose(both, melody.decoder.advance([even.slot], even.inputs()[None]), atol=1e-3)


def prefill_all(sequence: TokenSequence, slice_steps: int = 7) -> int:
    """Prefills a sequence; returns the number of slices."""
    slices = 0
    with torch.inference_mode():
        while sequence.needs_prefill:
            sequence.prefill(slice_steps)
            slices += 1
    return slices
