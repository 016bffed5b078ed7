"""Loads MusicGen checkpoints through AudioCraft, where it is installed (`make audiocraft`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from resonance.errors import NotFound, Unsupported
from resonance.settings import Settings
from resonance_model.chroma import CLASS_COUNT, Chroma, ChromaPlan
from resonance_model.codec.lstm import build_lstm
from resonance_model.codec.receptive_field import derive_receptive_field
from resonance_model.codec.stream import Codec, CodecParts
from resonance_model.config import DecoderConfig, ModelDescription, SamplingDefaults
from resonance_model.decoder.decoder import CrossWeights, Decoder, DecoderWeights, LayerWeights, MelodyWeights
from resonance_model.delays import codebook_delay
from resonance_model.linear import DTYPES, Linear, build_linear
from resonance_model.loaded_model import ChromaExtractor, LoadedModel, digest_of_state
from resonance_model.loaders.cards import load_card
from resonance_model.text_encoder import EncodeText, T5Text

_POSITIONS = 2048


def load_audiocraft(name: str, settings: Settings, *, keep_library: bool = False) -> LoadedModel:
    """Loads a checkpoint by `MusicGen.get_pretrained`: a hub id, or a folder with AudioCraft's two state dicts.

    Raises:
        NotFound: there is no such checkpoint.
        Unsupported: the checkpoint has an architecture that no published text MusicGen has.
    """
    from audiocraft.models import MusicGen

    try:
        library = MusicGen.get_pretrained(name, device=settings.device)
    except (OSError, ValueError) as failure:
        raise NotFound(f"AudioCraft finds no MusicGen checkpoint {name!r}", reason="NO_SUCH_MODEL") from failure
    return take_apart(library, name, settings, keep_library=keep_library)


def take_apart(library: Any, name: str, settings: Settings, *, keep_library: bool = False) -> LoadedModel:
    """An `audiocraft.models.MusicGen` as a LoadedModel."""
    lm, compression = library.lm.float(), library.compression_model
    # A stereo checkpoint's compression model wraps the one that codes each of its channels.
    channel_count = compression.channels
    coder = compression if channel_count == 1 else compression.model
    _check(lm, name, channel_count)
    conditioner = lm.condition_provider.conditioners["description"]
    tune = _tune_of(lm)
    decoder_config = _read_config(lm, conditioner, channel_count)
    card = load_card(name, Path(name))
    facts = ModelDescription(
        model_id=name,
        digest=digest_of_state({**lm.state_dict(), **_prefixed(compression)}, {"delays": lm.pattern_provider.delays}),
        backend="audiocraft",
        sample_rate_hz=compression.sample_rate,
        frame_rate_hz=int(compression.frame_rate),
        channel_count=channel_count,
        precision=settings.precision,
        sampling=SamplingDefaults(),
        weights_license=card.weights_license,
        training_data=card.training_data,
        limits_note=card.limits_note,
    )
    return LoadedModel(
        description=facts,
        config=decoder_config,
        decoder=Decoder(_weights_of(lm, conditioner, tune, settings), decoder_config),
        encode_text=_text_of(conditioner),
        codec=Codec(codec_parts(coder), channel_count),
        melody_chroma=_build_chroma_extractor(tune) if tune is not None else None,
        library=library if keep_library else None,
    )


def _tune_of(lm: Any) -> Any:
    """What listens to tunes in melody checkpoints; None in text checkpoints."""
    conditioners = lm.condition_provider.conditioners
    return dict(conditioners.items()).get("self_wav")


def _build_chroma_extractor(tune: Any) -> ChromaExtractor:
    """The library's own Demucs takes drums and bass out of the tune, as in training; the pitch classes are ours.

    AudioCraft has Demucs listen at a random shift; here the same tune always gives the same classes.
    """
    from demucs.apply import apply_model
    from demucs.audio import convert_audio

    separator = tune.demucs
    plan = ChromaPlan(
        sample_rate_hz=tune.sample_rate, window_samples=tune.chroma.winlen, hop_samples=tune.chroma.winhop
    )
    chroma = Chroma(plan)

    def classes(samples: Tensor) -> Tensor:
        sound = samples[None, None].to(tune.device)
        sound = convert_audio(sound, plan.sample_rate_hz, separator.samplerate, separator.audio_channels)
        stems = apply_model(separator, sound, device=tune.device, shifts=0)[:, tune.stem_indices]
        return chroma(convert_audio(stems.sum(1), separator.samplerate, plan.sample_rate_hz, 1)[0, 0].cpu())

    return ChromaExtractor(sample_rate_hz=plan.sample_rate_hz, classes=classes)


def decoder_layers(library: Any) -> Sequence[nn.Module]:
    """The layers that forward hooks listen to."""
    layers: Sequence[nn.Module] = library.lm.transformer.layers
    return layers


def _check(lm: Any, name: str, channel_count: int) -> None:
    """Published text checkpoints normalise first, have no biases and delay each channel's codebook k by k frames; nothing else is read."""
    layer, tune = lm.transformer.layers[0], _tune_of(lm)
    fused = {"description": "cross"} if tune is None else {"description": "prepend", "self_wav": "prepend"}
    faults = [
        (not layer.norm_first, "normalises after its products"),
        (layer.linear1.bias is not None, "has biases"),
        (layer.activation is not nn.functional.gelu, "has another activation than GELU"),
        ((layer.cross_attention is None) != (tune is not None), "has no cross-attention, or has it beside a tune"),
        (
            list(lm.pattern_provider.delays)
            != [codebook_delay(book, channel_count) for book in range(lm.num_codebooks)],
            "has another delay pattern",
        ),
        (
            set(lm.condition_provider.conditioners) - {"self_wav"} != {"description"},
            "has conditions besides its text and a tune",
        ),
        (
            any(lm.fuser.cond2fuse.get(name) != method for name, method in fused.items()),
            "joins its conditions in another way",
        ),
        (tune is not None and not _hears_as_published(tune), "hears tunes in another way"),
    ]
    told = [text for is_fault, text in faults if is_fault]
    if told:
        raise Unsupported(f"{name} cannot be run: it {', '.join(told)}", reason="UNKNOWN_ARCHITECTURE")


def _hears_as_published(tune: Any) -> bool:
    """Twelve classes, one a frame, in a prefix of fixed length that nothing masks: what `MusicGen.get_pretrained` makes of a checkpoint."""
    chroma = getattr(tune, "chroma", None)
    return (
        chroma is not None
        and chroma.argmax
        and (chroma.n_chroma, chroma.nfft) == (CLASS_COUNT, chroma.winlen)
        and tune.match_len_on_eval
        and not tune._use_masking
    )


def _read_config(lm: Any, conditioner: Any, channel_count: int) -> DecoderConfig:
    layer = lm.transformer.layers[0]
    return DecoderConfig(
        layer_count=len(lm.transformer.layers),
        hidden_size=lm.dim,
        head_count=layer.self_attn.num_heads,
        feed_forward_size=layer.linear1.out_features,
        codebook_count=lm.num_codebooks,
        vocabulary_size=lm.card,
        text_size=conditioner.dim,
        position_count_max=_POSITIONS,
        channel_count=channel_count,
    )


def _weights_of(lm: Any, conditioner: Any, tune: Any, settings: Settings) -> DecoderWeights:
    def cast(tensor: Tensor) -> Tensor:
        return tensor.detach().to(settings.device, DTYPES[settings.precision]).contiguous()

    def matrix(*parts: Tensor) -> Linear:
        return build_linear(torch.cat(parts).detach().to(settings.device), settings.precision)

    bridge = conditioner.output_proj
    is_linear = isinstance(bridge, nn.Linear)
    return DecoderWeights(
        embeddings=cast(torch.cat([table.weight for table in lm.emb])),
        layers=tuple(_layer_of(layer, cast, matrix) for layer in lm.transformer.layers),
        final_norm=(cast(lm.out_norm.weight), cast(lm.out_norm.bias)),
        heads=matrix(*(head.weight for head in lm.linears)),
        text_weight=cast(bridge.weight if is_linear else torch.eye(lm.dim)),
        text_bias=cast(bridge.bias if is_linear else torch.zeros(lm.dim)),
        melody=None
        if tune is None
        else MelodyWeights(
            weight=cast(tune.output_proj.weight),
            bias=cast(tune.output_proj.bias),
            null=cast(tune.output_proj.weight[:, 0] + tune.output_proj.bias),
            frame_count=tune.chroma_len,
        ),
    )


def _layer_of(layer: Any, cast: Callable[[Tensor], Tensor], matrix: Callable[..., Linear]) -> LayerWeights:
    """AudioCraft keeps query, key and value in one matrix, for cross-attention too."""
    cross = None
    if layer.cross_attention is not None:
        query, key, value = layer.cross_attention.in_proj_weight.chunk(3)
        cross = CrossWeights(
            norm=(cast(layer.norm_cross.weight), cast(layer.norm_cross.bias)),
            query=matrix(query),
            key_value=matrix(key, value),
            out=matrix(layer.cross_attention.out_proj.weight),
        )
    return LayerWeights(
        self_norm=(cast(layer.norm1.weight), cast(layer.norm1.bias)),
        self_qkv=matrix(layer.self_attn.in_proj_weight),
        self_out=matrix(layer.self_attn.out_proj.weight),
        cross=cross,
        feed_norm=(cast(layer.norm2.weight), cast(layer.norm2.bias)),
        feed_in=matrix(layer.linear1.weight),
        feed_out=matrix(layer.linear2.weight),
    )


def _text_of(conditioner: Any) -> EncodeText:
    """T5 for published checkpoints; a lookup table for AudioCraft's own small models."""
    if hasattr(conditioner, "t5"):
        return T5Text(conditioner.t5_tokenizer, conditioner.t5)

    @torch.inference_mode()
    def look_up(texts: Sequence[str]) -> list[Tensor]:
        return [conditioner.embed(conditioner.tokenizer([text])[0])[0] for text in texts]

    return look_up


def codec_parts(compression: Any) -> CodecParts:
    """AudioCraft's EnCodec, taken apart. Its decoder is one Sequential: convolution, LSTM where there is one, the rest."""
    decoder = compression.decoder
    for module in decoder.modules():
        if nn.utils.parametrize.is_parametrized(module, "weight"):
            nn.utils.parametrize.remove_parametrizations(module, "weight")
        elif hasattr(module, "weight_g"):
            nn.utils.remove_weight_norm(module)
    first, *rest = decoder.model
    lstm = rest.pop(0).lstm if hasattr(rest[0], "lstm") else None
    convolution = first.conv.conv
    transposed = [layer for layer in rest if hasattr(layer, "convtr")]
    inner = [
        layer.conv.conv for block in rest if hasattr(block, "block") for layer in block.block if hasattr(layer, "conv")
    ]
    last = next(layer for layer in reversed(rest) if hasattr(layer, "conv"))
    has_group_norm = any(isinstance(module, nn.GroupNorm) for module in decoder.modules())

    def encode(samples: Tensor) -> Tensor:
        codes: Tensor = compression.encode(samples)[0]
        return codes

    return CodecParts(
        encode=encode,
        embed=lambda codes: compression.decode_latent(codes.transpose(0, 1)),
        first=convolution,
        first_pad_mode=first.pad_mode,
        lstm=None if lstm is None else build_lstm(lstm),
        upsample=nn.Sequential(*rest),
        geometry=derive_receptive_field(
            kernel=convolution.kernel_size[0],
            last_kernel=last.conv.conv.kernel_size[0],
            residual_kernel=max(layer.kernel_size[0] for layer in inner),
            ratios=decoder.ratios,
            residual_count=decoder.n_residual_layers,
            dilation_growth=max(2, *(layer.dilation[0] for layer in inner)),
            is_causal=first.causal,
            trim_right_ratio=transposed[0].trim_right_ratio,
            norm="time_group_norm" if has_group_norm else "weight_norm",
            channel_count=compression.channels,
        ),
    )


def _prefixed(compression: Any) -> dict[str, Tensor]:
    return {f"compression.{name}": tensor for name, tensor in compression.state_dict().items()}
