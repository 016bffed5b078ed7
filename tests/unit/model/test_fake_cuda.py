"""Fake CUDA tensors: steps, readings and the codec's stream.

They show that nothing mixes devices and that the host waits for nothing but the step's tokens. They show no numbers and no speed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import pytest
import torch
from support.fake_cuda import fake_cuda
from support.waiting import Waits
from torch import Tensor, nn

from resonance_model.codec.receptive_field import ReceptiveField
from resonance_model.codec.stream import Codec, CodecParts
from resonance_model.config import DecoderConfig
from resonance_model.decoder.cuda_graphs import run_eagerly
from resonance_model.decoder.decoder import CrossWeights, Decoder, DecoderWeights, LayerWeights, MelodyWeights
from resonance_model.decoder.kv_cache import CacheSlot
from resonance_model.decoder.sampling import Sampling
from resonance_model.decoder.sequence import TokenSequence
from resonance_model.decoder.static_batch import LENGTH_BLOCK, StaticBatch
from resonance_model.linear import DTYPES, FloatLinear, build_float_linear
from resonance_model.steering.adaptive import AdaptiveSteering
from resonance_model.steering.recorder import ActivationRecorder

_Module = TypeVar("_Module", bound=nn.Module)
SHAPE = DecoderConfig(
    layer_count=3,
    hidden_size=32,
    head_count=2,
    feed_forward_size=128,
    codebook_count=4,
    vocabulary_size=64,
    text_size=16,
    position_count_max=2048,
)


@pytest.fixture(autouse=True)
def fake() -> Iterator[None]:
    with fake_cuda():
        yield


@pytest.fixture(params=["fp32", "bf16", "fp16"])
def dtype(request: pytest.FixtureRequest) -> torch.dtype:
    return DTYPES[request.param]


def build_decoder(dtype: torch.dtype, *, is_melody: bool = False) -> Decoder:
    def tensor(*size: int) -> Tensor:
        return torch.zeros(size, dtype=dtype, device="cuda")

    def product(size_out: int, size_in: int) -> FloatLinear:
        made = build_float_linear(tensor(size_out, size_in))
        assert isinstance(made, FloatLinear)  # the packed ones are the CPU's
        return made

    hidden, inner = SHAPE.hidden_size, SHAPE.feed_forward_size
    norm = (tensor(hidden), tensor(hidden))
    cross = CrossWeights(
        norm=norm, query=product(hidden, hidden), key_value=product(2 * hidden, hidden), out=product(hidden, hidden)
    )
    layer = LayerWeights(
        self_norm=norm,
        self_qkv=product(3 * hidden, hidden),
        self_out=product(hidden, hidden),
        cross=None if is_melody else cross,
        feed_norm=norm,
        feed_in=product(inner, hidden),
        feed_out=product(hidden, inner),
    )
    melody = MelodyWeights(weight=tensor(hidden, 12), bias=tensor(hidden), null=tensor(hidden), frame_count=20)
    weights = DecoderWeights(
        embeddings=tensor(SHAPE.codebook_count * (SHAPE.vocabulary_size + 1), hidden),
        layers=(layer,) * SHAPE.layer_count,
        final_norm=norm,
        heads=product(SHAPE.codebook_count * SHAPE.vocabulary_size, hidden),
        text_weight=tensor(hidden, SHAPE.text_size),
        text_bias=tensor(hidden),
        melody=melody if is_melody else None,
    )
    return Decoder(weights, SHAPE)


def build_sequence_on(decoder: Decoder, *, tokens: int = 5, texts: int = 1) -> TokenSequence:
    """Text encodings and steering are made on the CPU, as in the product."""
    melody = torch.zeros(7, 12) if decoder.weights.melody is not None else None
    states = [(torch.zeros(tokens, SHAPE.text_size), 1.0 + index) for index in range(texts)]
    slot = CacheSlot(SHAPE, decoder.condition(states, melody))
    slot.steering = torch.zeros(SHAPE.layer_count, 2, SHAPE.hidden_size)
    sampling = Sampling(guidance_scale=3.0, temperature=1.0, top_k=20, seed=1)
    return TokenSequence(decoder, slot, sampling, frame_count=600, window_steps=1504, context_frames=750)


def launch(static_batch: StaticBatch, sequences: list[TokenSequence]) -> None:
    static_batch.assign([sequence.slot for sequence in sequences])
    tokens = torch.zeros(len(sequences), SHAPE.codebook_count, dtype=torch.long)
    static_batch.launch(
        [sequence.slot for sequence in sequences],
        tokens,
        [sequence.sampling for sequence in sequences],
        [sequence.step for sequence in sequences],
    )


@pytest.mark.parametrize("is_melody", [False, True])
def test_a_launched_step_waits_for_nothing(dtype: torch.dtype, is_melody: bool) -> None:
    decoder = build_decoder(dtype, is_melody=is_melody)
    static_batch = StaticBatch(decoder, run_eagerly, place_count=4, position_count=1504 + 600)
    static_batch.capture_graphs()
    sequences = [build_sequence_on(decoder, tokens=5 + index, texts=1 + index) for index in range(3)]
    with Waits() as waits, pytest.MonkeyPatch.context() as patched:
        patched.setattr(StaticBatch, "_write_inputs", lambda *_: None)  # numpy on the host, which fakes cannot be

        launch(static_batch, sequences[:1])
        launch(static_batch, sequences)  # others join
        sequences[0].slot.steering = torch.zeros(SHAPE.layer_count, 2, SHAPE.hidden_size)
        sequences[1].set_conditioning(build_sequence_on(decoder, tokens=100).slot.conditioning)
        while sequences[1].needs_prefill:
            sequences[1].prefill(64)
        sequences[2].slot.steering = None
        launch(static_batch, sequences)
        sequences[0].slot.length = LENGTH_BLOCK + 1  # a longer shape
        launch(static_batch, sequences[:2])
    assert waits.found == []


def test_reading_and_plain_steps_wait_for_nothing(dtype: torch.dtype) -> None:
    """A stretch, a step outside of the static batch, and recorders."""
    decoder = build_decoder(dtype)
    sequence, other = build_sequence_on(decoder), build_sequence_on(decoder)
    with Waits() as waits:
        other.slot.recorder = ActivationRecorder(SHAPE.layer_count, SHAPE.hidden_size)
        decoder.read(sequence.slot, torch.zeros(SHAPE.codebook_count, 30, dtype=torch.long).to("cuda"))
        logits = decoder.advance([sequence.slot, other.slot], torch.zeros(2, SHAPE.codebook_count).long().to("cuda"))
    assert waits.found == []
    assert (logits.device.type, logits.dtype) == ("cuda", torch.float32)


@pytest.mark.parametrize("is_clamp", [False, True])
@pytest.mark.parametrize("is_fading", [False, True])
def test_the_arithmetic_of_adaptive_steering_waits_for_nothing(is_clamp: bool, is_fading: bool) -> None:
    """Its Python numbers are read when it is made, from a CPU tensor; fake tensors have none, so that they are given here."""
    steering = torch.zeros(3, 2, 32)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(type(steering), "tolist", lambda tensor: [1.0] * len(tensor))
        adaptive = AdaptiveSteering(steering, torch.zeros(3), is_clamp=is_clamp)
    if is_fading:
        adaptive.continue_from(steering, torch.ones(3), steering.to("cuda"))
        adaptive.fade(0.5)
    with Waits() as waits:
        added = adaptive.addition(1, torch.zeros(2, 1, 32).to("cuda"), torch.zeros(2, 32).to("cuda"))
    assert added.device.type == "cuda"
    assert waits.found == []


def test_a_stream_of_the_codec_stays_on_the_device() -> None:
    """With small parts of our own: the library's convolutions read numbers from tensors, which fake ones do not have."""
    receptive_field = ReceptiveField(
        first_left=3, first_right=3, upsample_left=1, upsample_right=1, hop=2, channel_count=1
    )
    parts = CodecParts(
        encode=lambda samples: samples,
        embed=lambda codes: torch.zeros(1, 8, codes.shape[2]).to(codes.device),
        first=on_device(nn.Conv1d(8, 8, 7)),
        first_pad_mode="reflect",
        lstm=lambda frames, _state: (frames, (frames[-1:], frames[-1:])),
        upsample=on_device(nn.ConvTranspose1d(8, 1, 2, stride=2)),
        receptive_field=receptive_field,
    )
    stream = Codec(parts).open_stream()
    with Waits() as waits:
        pieces = [stream.push(torch.zeros(4, count, dtype=torch.long)) for count in (2, 10, 25)]
        pieces.append(stream.finish(torch.zeros(4, 3, dtype=torch.long)))
    assert waits.found == []
    assert all(piece.device.type == "cuda" for piece in pieces)
    assert sum(piece.shape[1] for piece in pieces) == 40 * receptive_field.hop


def on_device(module: _Module) -> _Module:
    """`Module.to`, which cannot move fake tensors."""
    for name, parameter in module.named_parameters():
        module._parameters[name] = nn.Parameter(parameter.detach().to("cuda"))
    return module
