"""AudioCraft backend: tokens, audio and hidden states equal AudioCraft's.

This lane runs where AudioCraft is installed (`make audiocraft` runs it); the default environment cannot hold AudioCraft's companions.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import torch

pytest.importorskip(
    "audiocraft", reason="AudioCraft is not installed; `make audiocraft` installs it and runs this lane"
)
pytestmark = pytest.mark.filterwarnings("ignore")

from support.gates import (  # noqa: E402
    MOMENTS,
    SLOT_COUNTS,
    TakeSpec,
    check_bits_in_company,
    check_streamed_audio,
    check_strength_zero_and_resuming,
    check_tokens_in_company,
)
from support.takes import codes_alone  # noqa: E402
from torch import Tensor  # noqa: E402

from resonance.errors import Unsupported  # noqa: E402
from resonance.settings import Settings  # noqa: E402
from resonance_model.activations import read_codes  # noqa: E402
from resonance_model.chroma import Chroma, ChromaPlan  # noqa: E402
from resonance_model.delays import count_steps, delayed_inputs  # noqa: E402
from resonance_model.loaded_model import LoadedModel  # noqa: E402
from resonance_model.loaders.audiocraft import decoder_layers, to_loaded_model  # noqa: E402
from resonance_model.steering.recorder import ActivationRecorder, forward_hooks  # noqa: E402

PROMPT = "calm piano music"


def tiny_library(*, lstm: int = 2, channel_count: int = 1, is_melody: bool = False) -> Any:
    """A MusicGen of AudioCraft's own classes with the published architecture at a tiny size and random weights."""
    from audiocraft.models import EncodecModel, MusicGen
    from audiocraft.models.encodec import InterleaveStereoCompressionModel
    from audiocraft.models.lm import LMModel
    from audiocraft.modules import SEANetDecoder, SEANetEncoder
    from audiocraft.modules.codebooks_patterns import DelayedPatternProvider
    from audiocraft.modules.conditioners import ConditionFuser, ConditioningProvider, LUTConditioner
    from audiocraft.quantization import ResidualVectorQuantizer

    torch.manual_seed(3)
    books = 4 * channel_count
    conditioners: dict[str, Any] = {
        "description": LUTConditioner(n_bins=128, dim=12, output_dim=32, tokenizer="whitespace")
    }
    fused: dict[str, list[str]] = {"cross": ["description"], "prepend": [], "sum": [], "input_interpolate": []}
    if is_melody:
        conditioners["self_wav"] = build_melody_conditioner()
        fused |= {"cross": [], "prepend": ["self_wav", "description"]}
    lm = LMModel(
        DelayedPatternProvider(n_q=books, delays=[book // channel_count for book in range(books)]),
        ConditioningProvider(conditioners),
        ConditionFuser(fused),
        n_q=books,
        card=64,
        dim=32,
        num_heads=4,
        hidden_scale=4,
        num_layers=3,
        norm_first=True,
        norm="layer_norm",
        bias_proj=False,
        bias_ff=False,
        bias_attn=False,
        cross_attention=not is_melody,
        activation="gelu",
        causal=True,
        custom=False,
        memory_efficient=True,
    )
    for table in lm.emb:
        torch.nn.init.normal_(table.weight)
    seanet: dict[str, Any] = {
        "n_filters": 4,
        "n_residual_layers": 1,
        "dimension": 16,
        "ratios": [8, 5, 4, 2],
        "norm": "weight_norm",
        "lstm": lstm,
    }
    quantizer = ResidualVectorQuantizer(dimension=16, bins=64, n_q=4)
    for layer in quantizer.vq.layers:
        layer._codebook.embed.normal_()
        layer._codebook.inited.fill_(1)
    codec: Any = EncodecModel(
        SEANetEncoder(**seanet), SEANetDecoder(**seanet), quantizer, frame_rate=50, sample_rate=16_000, channels=1
    )
    if channel_count == 2:
        codec = InterleaveStereoCompressionModel(codec)
    return MusicGen("tiny", codec.eval(), lm.eval(), max_duration=30)


class Separator(torch.nn.Module):
    """Separator with the interface of Demucs' `apply_model`: slow changes are drums and bass, the rest is half song, half others."""

    sources = ("drums", "bass", "other", "vocals")
    samplerate, audio_channels, segment = 22_050, 2, 1.0

    def __init__(self) -> None:
        super().__init__()
        self.anchor = torch.nn.Parameter(torch.zeros(1))

    def valid_length(self, length: int) -> int:
        return length

    def forward(self, mix: Tensor) -> Tensor:
        low = torch.nn.functional.avg_pool1d(mix, 33, stride=1, padding=16)
        return torch.stack([low, low, (mix - low) / 2, (mix - low) / 2], dim=1)


def build_melody_conditioner() -> Any:
    """AudioCraft's own melody conditioner, with a separator of one filter in place of `htdemucs`, which must be downloaded."""
    from audiocraft.modules.conditioners import ChromaStemConditioner
    from demucs import pretrained

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pretrained, "get_model", lambda _name: Separator().eval())
        return ChromaStemConditioner(
            output_dim=32, sample_rate=16_000, n_chroma=12, radix2_exp=11, duration=2.0, argmax=True, device="cpu"
        )


@pytest.fixture(scope="module", autouse=True)
def blank_spacy() -> Iterator[None]:
    """AudioCraft's word tokenizer asks spaCy for a downloaded model; a blank one splits words as well."""
    import spacy

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spacy, "load", lambda _name: spacy.blank("en"))
        yield


KINDS: dict[str, dict[str, Any]] = {
    "codec-without-lstm": {"lstm": 0},
    "codec-with-lstm": {"lstm": 2},
    "stereo": {"channel_count": 2},
    "melody": {"is_melody": True},
    "stereo-melody": {"channel_count": 2, "is_melody": True},
}


@pytest.fixture(scope="module", params=list(KINDS))
def model(request: pytest.FixtureRequest) -> LoadedModel:
    return to_loaded_model(tiny_library(**KINDS[request.param]), "tiny", Settings(), keep_library=True)


@pytest.fixture(scope="module")
def library_codes(model: LoadedModel) -> Any:
    """Codes of AudioCraft's own `generate` for a take, computed once."""
    known: dict[str, Tensor] = {}

    def ask(model: LoadedModel, spec: TakeSpec) -> Tensor:
        if spec.prompt not in known:
            known[spec.prompt] = generated(model, spec)
        return known[spec.prompt]

    return ask


def generated(model: LoadedModel, spec: TakeSpec) -> Tensor:
    """Codes `[codebooks, frames]`, greedily, with guidance 3; the take's pitch classes replace the conditioner's."""
    lm = model.library.lm
    with pytest.MonkeyPatch.context() as patch, torch.inference_mode():
        if spec.melody is not None:
            conditioner = lm.condition_provider.conditioners["self_wav"]
            silence = torch.zeros(2048, 12)
            silence[:, 0] = 1.0
            classes = torch.stack([spec.melody, silence[: len(spec.melody)]])
            patch.setattr(conditioner, "_compute_wav_embedding", lambda _wav, _rate: classes)
        attributes, _ = model.library._prepare_tokens_and_attributes(
            [spec.prompt], None, None if spec.melody is None else [torch.ones(1, 16_000)]
        )
        codes: Tensor = lm.generate(
            None, attributes, num_samples=1, max_gen_len=spec.frame_count, use_sampling=False, cfg_coef=3.0
        )
    return codes[0]


@pytest.mark.parametrize("slot_count", SLOT_COUNTS)
@pytest.mark.parametrize("moment", MOMENTS)
def test_tokens_in_company_are_those_alone_and_audiocrafts(
    model: LoadedModel, slot_count: int, moment: str, library_codes: Any
) -> None:
    check_tokens_in_company(model, slot_count, moment, library_codes)


@pytest.mark.parametrize("slot_count", SLOT_COUNTS)
@pytest.mark.parametrize("moment", MOMENTS)
def test_company_changes_no_bit(model: LoadedModel, slot_count: int, moment: str) -> None:
    check_bits_in_company(model, slot_count, moment)


def test_streaming_equals_audiocrafts_own_decoding(model: LoadedModel) -> None:
    def one_shot(codes: Tensor) -> Tensor:
        with torch.inference_mode():
            whole: Tensor = model.library.compression_model.decode(codes[None])[0]
        return whole

    check_streamed_audio(model, one_shot)


@pytest.mark.parametrize("prefix", [1, 3, 4, 15])
def test_strength_zero_and_resuming_change_nothing(model: LoadedModel, prefix: int) -> None:
    check_strength_zero_and_resuming(model, prefix)


def a_sound() -> Tensor:
    """A scale of plucked notes with noise, `[samples]` at 16 kHz, 3 s."""
    seconds = torch.arange(48_000) / 16_000
    notes = 220 * 2 ** (torch.tensor([0, 2, 4, 5, 7, 9, 11, 12])[(seconds * 2.6).long() % 8] / 12)
    phase = torch.cumsum(notes / 16_000, 0) * 6.2832
    noise = torch.randn(48_000, generator=torch.Generator().manual_seed(1)) * 0.02
    return (torch.sin(phase) + 0.3 * torch.sin(2 * phase)) * 0.4 + noise


def test_a_sound_gives_audiocrafts_pitch_classes_and_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """From samples through Demucs and chroma to tokens; only Demucs' random shift is fixed."""
    from demucs import apply

    monkeypatch.setattr(apply, "apply_model", partial(apply.apply_model, shifts=0))
    model = to_loaded_model(tiny_library(is_melody=True), "tiny", Settings(), keep_library=True)
    sound, library = a_sound(), model.library
    assert model.melody_chroma is not None
    conditioner = library.lm.condition_provider.conditioners["self_wav"]
    with torch.inference_mode():
        theirs = conditioner._compute_wav_embedding(sound[None, None], 16_000)[0]
        attributes, _ = library._prepare_tokens_and_attributes([PROMPT], None, [sound[None]])
        codes = library.lm.generate(None, attributes, max_gen_len=20, use_sampling=False, cfg_coef=3.0)[0]
    ours = model.melody_chroma.classes(sound)
    assert torch.equal(ours, theirs)
    assert ours.argmax(1).unique().numel() > 2, "several notes"
    assert torch.equal(codes_alone(model, PROMPT, frame_count=20, melody=ours), codes)
    assert not torch.equal(codes_alone(model, PROMPT, frame_count=20), codes)


@pytest.mark.parametrize("sample_count", [100, 9_000, 16_384, 48_000])
def test_our_chroma_is_transformers_and_audiocrafts(sample_count: int) -> None:
    """Both libraries' extractors need torchaudio, which this lane has."""
    from audiocraft.modules.chroma import ChromaExtractor
    from transformers import MusicgenMelodyFeatureExtractor

    sound = a_sound()[:sample_count]
    plan = ChromaPlan(sample_rate_hz=32_000, window_samples=4096, hop_samples=1024)
    ours = Chroma(plan)(sound)
    extractor = MusicgenMelodyFeatureExtractor(sampling_rate=32_000, hop_length=1024, n_fft=4096)
    theirs = extractor(sound.numpy(), sampling_rate=32_000, return_tensors="pt")["input_features"][0]
    assert torch.equal(ours, theirs)
    assert torch.equal(ours, ChromaExtractor(32_000, radix2_exp=12, argmax=True)(sound[None])[0])


def test_our_pass_records_what_hooks_on_lm_transformer_layers_record(model: LoadedModel) -> None:
    from audiocraft.modules.conditioners import ConditioningAttributes, WavCondition

    lm, books = model.library.lm, model.config.codebook_count
    codes = torch.randint(0, 64, (books, 40))
    channels = model.config.channel_count
    recorder = ActivationRecorder(model.config.layer_count, model.config.hidden_size)
    inputs = delayed_inputs(codes, start_token=64, step_count=count_steps(40, books, channels), channel_count=channels)
    attributes = [ConditioningAttributes(text={"description": PROMPT})]
    attributes[0].wav["self_wav"] = WavCondition(torch.zeros(1, 1, 1), torch.tensor([0]), [16_000], [None])
    conditioning = model.decoder.condition([(model.encode_text([PROMPT])[0], 1.0)])
    hooks = forward_hooks(decoder_layers(model.library), recorder, first_position=conditioning.prefix_count)
    with torch.inference_mode(), hooks:
        conditions = lm.condition_provider(lm.condition_provider.tokenize(attributes))
        lm(inputs[None], [], conditions)
    ours, theirs = read_codes(model, codes, prompt=PROMPT), recorder.stats()
    torch.testing.assert_close(ours.mean, theirs.mean, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(ours.variance, theirs.variance, atol=1e-4, rtol=1e-3)


def test_the_debug_model_generates_with_hooks_and_is_refused_with_its_reasons() -> None:
    """AudioCraft's `debug` normalises after its products, as no published checkpoint does."""
    from audiocraft.models import MusicGen

    library = MusicGen.get_pretrained("debug", device="cpu")
    library.set_generation_params(duration=1.0, use_sampling=False)
    recorder = ActivationRecorder(2, 16)
    with forward_hooks(decoder_layers(library), recorder):
        sound = library.generate(["drums"])
    assert sound.shape[-1] > 0
    assert recorder.stats().count > 10
    with pytest.raises(Unsupported, match="normalises after"):
        to_loaded_model(library, "debug", Settings())
