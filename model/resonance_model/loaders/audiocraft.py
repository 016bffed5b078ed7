"""Loads MusicGen checkpoints through AudioCraft, where it is installed (`make audiocraft`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from resonance.errors import NotFound, Unsupported
from resonance.settings import Settings
from resonance_model.codec import Codec, CodecParts
from resonance_model.decoder import Decoder, DecoderWeights, LayerWeights
from resonance_model.delays import delay_of
from resonance_model.geometry import geometry_of
from resonance_model.loaded import LoadedModel, digest_of_state
from resonance_model.loaders.cards import card_of
from resonance_model.products import DTYPES, Product, product_of
from resonance_model.recurrence import recurrence_of
from resonance_model.shape import DecoderShape, ModelFacts, SamplingDefaults
from resonance_model.text import EncodeText, T5Text

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
    shape = _shape_of(lm, conditioner, channel_count)
    card = card_of(name, Path(name))
    facts = ModelFacts(
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
        facts=facts,
        shape=shape,
        decoder=Decoder(_weights_of(lm, conditioner, settings), shape),
        encode_text=_text_of(conditioner),
        codec=Codec(codec_parts(coder), channel_count),
        library=library if keep_library else None,
    )


def decoder_layers(library: Any) -> Sequence[nn.Module]:
    """The layers that forward hooks listen to."""
    layers: Sequence[nn.Module] = library.lm.transformer.layers
    return layers


def _check(lm: Any, name: str, channel_count: int) -> None:
    """Published text checkpoints normalise first, have no biases and delay each channel's codebook k by k frames; nothing else is read."""
    layer = lm.transformer.layers[0]
    faults = [
        (not layer.norm_first, "normalises after its products"),
        (layer.linear1.bias is not None, "has biases"),
        (layer.activation is not nn.functional.gelu, "has another activation than GELU"),
        (layer.cross_attention is None, "has no cross-attention"),
        (
            list(lm.pattern_provider.delays) != [delay_of(book, channel_count) for book in range(lm.num_codebooks)],
            "has another delay pattern",
        ),
        (set(lm.condition_provider.conditioners) != {"description"}, "has conditions besides its text"),
    ]
    told = [text for is_fault, text in faults if is_fault]
    if told:
        raise Unsupported(f"{name} cannot be run: it {', '.join(told)}", reason="UNKNOWN_ARCHITECTURE")


def _shape_of(lm: Any, conditioner: Any, channel_count: int) -> DecoderShape:
    layer = lm.transformer.layers[0]
    return DecoderShape(
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


def _weights_of(lm: Any, conditioner: Any, settings: Settings) -> DecoderWeights:
    def cast(tensor: Tensor) -> Tensor:
        return tensor.detach().to(settings.device, DTYPES[settings.precision]).contiguous()

    def matrix(*parts: Tensor) -> Product:
        return product_of(torch.cat(parts).detach().to(settings.device), settings.precision)

    bridge = conditioner.output_proj
    is_linear = isinstance(bridge, nn.Linear)
    return DecoderWeights(
        embeddings=cast(torch.cat([table.weight for table in lm.emb])),
        layers=tuple(_layer_of(layer, cast, matrix) for layer in lm.transformer.layers),
        final_norm=(cast(lm.out_norm.weight), cast(lm.out_norm.bias)),
        heads=matrix(*(head.weight for head in lm.linears)),
        text_weight=cast(bridge.weight if is_linear else torch.eye(lm.dim)),
        text_bias=cast(bridge.bias if is_linear else torch.zeros(lm.dim)),
    )


def _layer_of(layer: Any, cast: Callable[[Tensor], Tensor], matrix: Callable[..., Product]) -> LayerWeights:
    """AudioCraft keeps query, key and value in one matrix, for cross-attention too."""
    cross_query, cross_key, cross_value = layer.cross_attention.in_proj_weight.chunk(3)
    return LayerWeights(
        self_norm=(cast(layer.norm1.weight), cast(layer.norm1.bias)),
        self_qkv=matrix(layer.self_attn.in_proj_weight),
        self_out=matrix(layer.self_attn.out_proj.weight),
        cross_norm=(cast(layer.norm_cross.weight), cast(layer.norm_cross.bias)),
        cross_query=matrix(cross_query),
        cross_key_value=matrix(cross_key, cross_value),
        cross_out=matrix(layer.cross_attention.out_proj.weight),
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
        lstm=None if lstm is None else recurrence_of(lstm),
        upsample=nn.Sequential(*rest),
        geometry=geometry_of(
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
