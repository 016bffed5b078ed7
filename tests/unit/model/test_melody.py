"""Melody checkpoints: what they hear of a tune, conditions before the music, and what changes while it plays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from support.checkpoints import TINY_MELODY, make_checkpoint
from support.takes import PROMPTS, build_sequence, codes_alone, run, sizes_read
from torch import Tensor
from transformers.audio_utils import chroma_filter_bank

from resonance.settings import Settings
from resonance_model.activations import read_codes
from resonance_model.chroma import Chroma, ChromaPlan, chroma_filters
from resonance_model.decoder.sequence import TokenSequence, advance
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


def tune_of(*classes: int) -> Tensor:
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


def test_notes_are_heard_as_their_classes() -> None:
    """The very classes that both libraries' extractors give is held by tests/audiocraft_lane, where torchaudio is at hand."""
    heard = Chroma(ChromaPlan(sample_rate_hz=RATE, window_samples=4096, hop_samples=1024))(tones(60, 64, 67, 71, 57))
    middles = [round((second + 0.5) * RATE / 1024) for second in range(5)]
    assert heard[middles].argmax(dim=1).tolist() == [0, 4, 7, 11, 9]
    assert heard.shape == (5 * RATE // 1024 + 1, 12)
    assert torch.equal(heard.sum(dim=1), torch.ones(len(heard)))


def test_a_rising_tone_gives_the_librarys_own_classes() -> None:
    """What transformers' MusicgenMelodyFeatureExtractor (5.23, torchaudio 2.11) made of this sound, one hexadecimal digit a frame."""
    at = torch.arange(4 * RATE) / RATE
    sound = torch.sin(6.28319 * (110 * at + 90 * at**2)) + 0.5 * torch.sin(6.28319 * 523.25 * at) * (at % 1 > 0.5)
    heard = Chroma(ChromaPlan(sample_rate_hz=RATE, window_samples=4096, hop_samples=1024))(sound * 0.4)
    told = "".join(f"{int(pitch):x}" for pitch in heard.argmax(dim=1))
    assert told == "bb023457899ab00123345566778899aaabb0001112233334445556666777788"


@pytest.mark.parametrize("sample_count", [0, 1, 100, 4096])
def test_the_shortest_sounds_and_silence_have_classes_too(sample_count: int) -> None:
    heard = Chroma(ChromaPlan(sample_rate_hz=RATE, window_samples=4096, hop_samples=1024))(torch.zeros(sample_count))
    assert heard.argmax(dim=1).unique().tolist() == [0]


def test_a_checkpoint_says_whether_it_follows_a_tune(melody: LoadedModel, tiny: LoadedModel) -> None:
    assert to_model_info(melody, Settings()).capabilities.melody
    assert not to_model_info(tiny, Settings()).capabilities.melody
    assert melody.melody_chroma is not None
    assert melody.melody_chroma.sample_rate_hz == RATE
    assert len(melody.melody_chroma.classes(tones(60, 62))) == 2 * RATE // 2048 + 1


def test_another_tune_makes_other_music(melody: LoadedModel) -> None:
    takes = [
        codes_alone(melody, PROMPTS[0], frame_count=20, melody=tune) for tune in (None, tune_of(0, 4, 7), tune_of(2, 5))
    ]
    assert not torch.equal(takes[0], takes[1])
    assert not torch.equal(takes[1], takes[2])


def test_a_short_tune_is_repeated_and_a_long_one_cut(melody: LoadedModel) -> None:
    short, long = tune_of(1, 5, 8), tune_of(*(1, 5, 8) * 7, 0, 0, 0)
    assert torch.equal(
        codes_alone(melody, PROMPTS[0], frame_count=16, melody=short),
        codes_alone(melody, PROMPTS[0], frame_count=16, melody=long),
    )


@pytest.mark.parametrize("tune", [None, tune_of(0, 4, 7)])
def test_our_pass_hears_what_forward_hooks_hear_behind_the_conditions(melody: LoadedModel, tune: Tensor | None) -> None:
    """The library's layers return tuples, and read tune and text as positions of their own: those are no music, and are not heard."""
    library, frames = melody.library, TINY_MELODY.melody_frames
    codes = torch.randint(0, melody.config.vocabulary_size, (4, 40))
    steps = count_steps(40, 4)
    inputs = delayed_inputs(codes, start_token=melody.config.start_token, step_count=steps)
    states = melody.encode_text([PROMPTS[0]])[0][None]
    classes = (tune_of(0) if tune is None else tune).repeat(frames, 1)[:frames]
    recorder = ActivationRecorder(melody.config.layer_count, melody.config.hidden_size)
    first = frames + states.shape[1]
    layers = library.decoder.model.decoder.layers
    with torch.inference_mode(), forward_hooks(layers, recorder, first_position=first):
        known = torch.cat([library.audio_enc_to_dec_proj(classes)[None], library.enc_to_dec_proj(states)], dim=1)
        library.decoder(input_ids=inputs, encoder_hidden_states=known)
    theirs = recorder.stats()
    if tune is None:
        ours = read_codes(melody, codes, prompt=PROMPTS[0])
    else:
        sequence = build_sequence(melody, PROMPTS[0], frame_count=40, melody=tune)
        sequence.slot.recorder = ActivationRecorder(melody.config.layer_count, melody.config.hidden_size)
        with torch.inference_mode():
            melody.decoder.read(sequence.slot, inputs)
        ours = sequence.slot.recorder.stats()
    assert ours.count == theirs.count == steps
    torch.testing.assert_close(ours.mean, theirs.mean, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(ours.variance, theirs.variance, atol=1e-5, rtol=1e-3)


def test_steering_is_what_hooks_add_behind_the_conditions(melody: LoadedModel) -> None:
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
        nothing = library.audio_enc_to_dec_proj(tune_of(0).repeat(frames, 1))[None]
        known = torch.cat([nothing, library.enc_to_dec_proj(states)], dim=1)
        theirs = library.decoder(input_ids=inputs, encoder_hidden_states=known).logits[:, first:]
    for handle in handles:
        handle.remove()
    assert ours is not None
    torch.testing.assert_close(ours[0].transpose(0, 1), theirs, atol=1e-4, rtol=1e-4)


def test_the_unconditional_rows_conditions_are_not_nothing(melody: LoadedModel) -> None:
    """Its prefix is zeros for text, and frames of no tune: it attracts attention, so no shortcut may leave it out."""
    sequence = build_sequence(melody, PROMPTS[1], frame_count=5, melody=tune_of(3))
    bare = build_sequence(melody, PROMPTS[1], frame_count=5, melody=tune_of(3))
    prefix = bare.slot.conditioning.prefix
    assert prefix is not None
    assert not prefix[1, : TINY_MELODY.melody_frames].eq(0).all()
    assert prefix[1, TINY_MELODY.melody_frames :].eq(0).all()
    with torch.inference_mode():
        whole = melody.decoder.advance([sequence.slot], sequence.inputs()[None])[0, 1]
        prefix[1, : TINY_MELODY.melody_frames] = 0
        assert not torch.allclose(melody.decoder.advance([bare.slot], bare.inputs()[None])[0, 1], whole, atol=1e-4)


def test_a_long_take_keeps_its_conditions_when_the_window_moves(melody: LoadedModel) -> None:
    options: dict[str, Any] = {"frame_count": 70, "window_steps": 40, "context_frames": 18, "temperature": 1.0}
    tune = tune_of(0, 4, 7)
    sequence = build_sequence(melody, PROMPTS[0], melody=tune, **options)
    run(melody, [sequence])
    assert sequence.slot.prefix_left == 0
    assert 0 < sequence.slot.music_length <= 40
    begun = build_sequence(melody, PROMPTS[0], melody=tune, **options)
    given = np.full((4, 70), -1)
    given[:, :60] = sequence.frames(0, 60)
    begun.start_from_tokens(given)
    prefill_all(begun)
    run(melody, [begun])
    assert torch.equal(begun.frames(0, 70), sequence.frames(0, 70))


@pytest.mark.parametrize("slice_steps", [1, 7, 64, 1000])
def test_conditions_that_are_read_in_slices_give_the_same_tokens(melody: LoadedModel, slice_steps: int) -> None:
    tune = tune_of(2, 9)
    sequence = build_sequence(melody, PROMPTS[1], frame_count=12, melody=tune)
    slices = prefill_all(sequence, slice_steps)
    assert slices == -(-sequence.slot.conditioning.prefix_count // slice_steps)
    run(melody, [sequence])
    assert torch.equal(sequence.frames(0, 12), codes_alone(melody, PROMPTS[1], frame_count=12, melody=tune))


@pytest.mark.parametrize("step", [0, 1, 4, 30])
def test_a_prompt_that_changes_is_followed_as_if_it_had_been_there_all_the_time(melody: LoadedModel, step: int) -> None:
    """The music so far is read again behind the new conditions: the next logits are those of a fresh reading."""
    sequence = build_sequence(melody, PROMPTS[0], frame_count=60, temperature=1.0, melody=tune_of(0, 7))
    inputs = []
    with torch.inference_mode():
        for _ in range(step):
            inputs.append(sequence.inputs())
            advance(melody.decoder, [sequence])
        sequence.set_conditioning(melody.decoder.condition([(melody.encode_text([PROMPTS[1]])[0], 1.0)], tune_of(0, 7)))
        prefill_all(sequence)
        ours = melody.decoder.advance([sequence.slot], sequence.inputs()[None])[0]
        fresh = build_sequence(melody, PROMPTS[1], frame_count=60, melody=tune_of(0, 7))
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


def test_a_reset_forgets_the_music_that_was_to_be_read_again_behind_new_conditions(melody: LoadedModel) -> None:
    """One control may bring another tune and a reset."""
    sequence = build_sequence(melody, PROMPTS[0], frame_count=60, temperature=1.0, melody=tune_of(0, 7))
    with torch.inference_mode():
        for _ in range(30):
            advance(melody.decoder, [sequence])
    sequence.set_conditioning(melody.decoder.condition([(melody.encode_text([PROMPTS[0]])[0], 1.0)], tune_of(4)))
    sequence.reset()
    prefill_all(sequence)
    assert sequence.slot.music_length == 0


def test_a_moving_window_reads_its_conditions_in_slices_too(
    melody: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = sizes_read(melody, monkeypatch)
    sequence = build_sequence(
        melody, PROMPTS[1], frame_count=400, melody=tune_of(0), window_steps=200, context_frames=100
    )
    states = melody.encode_text([PROMPTS[1]])[0].repeat(8, 1)  # as long a prefix as a real checkpoint's
    sequence.slot.conditioning = melody.decoder.condition([(states, 1.0)], tune_of(0))
    assert sequence.slot.conditioning.prefix_count > 64
    prefill_all(sequence)
    read_by_step = []
    with torch.inference_mode():
        while not sequence.is_finished:
            sizes.clear()
            advance(melody.decoder, [sequence])
            read_by_step.append(sum(sizes))
    assert max(read_by_step) <= 2 * 16


def test_two_texts_of_which_one_weighs_nothing_sound_like_the_other(melody: LoadedModel) -> None:
    """By their weights in the attention; the second must stand behind the first for positions to be the same."""
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
    """Reads what is to be read; returns in how many slices."""
    slices = 0
    with torch.inference_mode():
        while sequence.needs_prefill:
            sequence.prefill(slice_steps)
            slices += 1
    return slices
