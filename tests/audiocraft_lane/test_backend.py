"""The AudioCraft backend against AudioCraft itself: the same tokens, the same audio, the same hidden states.

This lane runs where AudioCraft is installed (`make audiocraft` runs it); the default environment cannot hold AudioCraft's companions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

pytest.importorskip(
    "audiocraft", reason="AudioCraft is not installed; `make audiocraft` installs it and runs this lane"
)
pytestmark = pytest.mark.filterwarnings("ignore")

from support.takes import codes_alone  # noqa: E402

from resonance.errors import Unsupported  # noqa: E402
from resonance.settings import Settings  # noqa: E402
from resonance_model.delays import delayed_inputs, step_count_of  # noqa: E402
from resonance_model.listen import hear_codes  # noqa: E402
from resonance_model.listening import Listener, forward_hooks  # noqa: E402
from resonance_model.loaded import LoadedModel  # noqa: E402
from resonance_model.loaders.audiocraft import decoder_layers, take_apart  # noqa: E402

PROMPT = "calm piano music"


def tiny_library(*, lstm: int) -> Any:
    """A MusicGen of AudioCraft's own classes with the published architecture at a tiny size and random weights."""
    from audiocraft.models import EncodecModel, MusicGen
    from audiocraft.models.lm import LMModel
    from audiocraft.modules import SEANetDecoder, SEANetEncoder
    from audiocraft.modules.codebooks_patterns import DelayedPatternProvider
    from audiocraft.modules.conditioners import ConditionFuser, ConditioningProvider, LUTConditioner
    from audiocraft.quantization import ResidualVectorQuantizer

    torch.manual_seed(3)
    conditioner = LUTConditioner(n_bins=128, dim=12, output_dim=32, tokenizer="whitespace")
    fuser = ConditionFuser({"cross": ["description"], "prepend": [], "sum": [], "input_interpolate": []})
    lm = LMModel(
        DelayedPatternProvider(n_q=4),
        ConditioningProvider({"description": conditioner}),
        fuser,
        n_q=4,
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
        cross_attention=True,
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
    codec = EncodecModel(
        SEANetEncoder(**seanet), SEANetDecoder(**seanet), quantizer, frame_rate=50, sample_rate=16_000, channels=1
    )
    return MusicGen("tiny", codec.eval(), lm.eval(), max_duration=30)


@pytest.fixture(scope="module", autouse=True)
def blank_spacy() -> Iterator[None]:
    """AudioCraft's word tokenizer asks spaCy for a downloaded model; a blank one splits words as well."""
    import spacy

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spacy, "load", lambda _name: spacy.blank("en"))
        yield


@pytest.fixture(scope="module", params=[0, 2], ids=["codec-without-lstm", "codec-with-lstm"])
def model(request: pytest.FixtureRequest) -> LoadedModel:
    return take_apart(tiny_library(lstm=request.param), "tiny", Settings(), keep_library=True)


def test_tokens_equal_audiocrafts_own(model: LoadedModel) -> None:
    from audiocraft.modules.conditioners import ConditioningAttributes

    attributes = [ConditioningAttributes(text={"description": PROMPT})]
    with torch.inference_mode():
        theirs = model.library.lm.generate(
            None, attributes, num_samples=1, max_gen_len=30, use_sampling=False, cfg_coef=3.0
        )
    assert torch.equal(codes_alone(model, PROMPT, frame_count=30), theirs[0])


def test_streaming_equals_audiocrafts_own_decoding(model: LoadedModel) -> None:
    codes = torch.randint(0, 64, (4, 60))
    with torch.inference_mode():
        whole = model.library.compression_model.decode(codes[None])[0]
    stream = model.codec.open_stream()
    parts = [stream.push(codes[:, :7]), stream.push(codes[:, 7:30]), stream.finish(codes[:, 30:])]
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, atol=1e-5, rtol=0)


def test_our_pass_hears_what_hooks_on_lm_transformer_layers_hear(model: LoadedModel) -> None:
    from audiocraft.modules.conditioners import ConditioningAttributes

    lm, codes = model.library.lm, torch.randint(0, 64, (4, 40))
    listener = Listener(model.shape.layer_count, model.shape.hidden_size)
    inputs = delayed_inputs(codes, start_token=64, step_count=step_count_of(40, 4))
    attributes = [ConditioningAttributes(text={"description": PROMPT})]
    with torch.inference_mode(), forward_hooks(decoder_layers(model.library), listener):
        conditions = lm.condition_provider(lm.condition_provider.tokenize(attributes))
        lm(inputs[None], [], conditions)
    ours, theirs = hear_codes(model, codes, prompt=PROMPT), listener.heard()
    torch.testing.assert_close(ours.mean, theirs.mean, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(ours.variance, theirs.variance, atol=1e-4, rtol=1e-3)


def test_the_debug_model_generates_with_hooks_and_is_refused_with_its_reasons() -> None:
    """AudioCraft's `debug` normalises after its products, as no published checkpoint does: we say so instead of playing wrongly."""
    from audiocraft.models import MusicGen

    library = MusicGen.get_pretrained("debug", device="cpu")
    library.set_generation_params(duration=1.0, use_sampling=False)
    listener = Listener(2, 16)
    with forward_hooks(decoder_layers(library), listener):
        sound = library.generate(["drums"])
    assert sound.shape[-1] > 0
    assert listener.heard().count > 10
    with pytest.raises(Unsupported, match="normalises after"):
        take_apart(library, "debug", Settings())
