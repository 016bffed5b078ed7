"""MusicGen checkpoints through AudioCraft, where it is installed (`make audiocraft`)."""

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
    return to_loaded_model(library, name, settings, keep_library=keep_library)


def to_loaded_model(library: Any, name: str, settings: Settings, *, keep_library: bool = False) -> LoadedModel:
    """LoadedModel of an `audiocraft.models.MusicGen`."""
    lm, compression = library.lm.float(), library.compression_model
    # A stereo checkpoint's compression model wraps the model that codes each channel.
    channel_count = compression.channels
    coder = compression if channel_count == 1 else compression.model
    _check_architecture(lm, name, channel_count)
    conditioner = lm.condition_provider.conditioners["description"]
    melody = _find_melody_conditioner(lm)
    decoder_config = _read_config(lm, conditioner, channel_count)
    card = load_card(name, Path(name))
    description = ModelDescription(
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
        controls=card.controls,
    )
    return LoadedModel(
        description=description,
        config=decoder_config,
        decoder=Decoder(_convert_weights(lm, conditioner, melody, settings), decoder_config),
        encode_text=_build_text_encoder(conditioner),
        codec=Codec(build_codec_parts(coder), channel_count),
        melody_chroma=_build_chroma_extractor(melody) if melody is not None else None,
        library=library if keep_library else None,
    )


def _find_melody_conditioner(lm: Any) -> Any:
    """The chroma conditioner of a melody checkpoint; None in text checkpoints."""
    conditioners = lm.condition_provider.conditioners
    return dict(conditioners.items()).get("self_wav")


def _build_chroma_extractor(melody: Any) -> ChromaExtractor:
    """Chroma extractor with the library's own Demucs, which removes drums and bass as in training. The pitch classes are ours.

    AudioCraft runs Demucs at a random shift; here the shift is fixed, so that the same melody always gives the same classes.
    """
    from demucs.apply import apply_model
    from demucs.audio import convert_audio

    separator = melody.demucs
    plan = ChromaPlan(
        sample_rate_hz=melody.sample_rate, window_samples=melody.chroma.winlen, hop_samples=melody.chroma.winhop
    )
    chroma = Chroma(plan)

    def classes(samples: Tensor) -> Tensor:
        sound = samples[None, None].to(melody.device)
        sound = convert_audio(sound, plan.sample_rate_hz, separator.samplerate, separator.audio_channels)
        stems = apply_model(separator, sound, device=melody.device, shifts=0)[:, melody.stem_indices]
        return chroma(convert_audio(stems.sum(1), separator.samplerate, plan.sample_rate_hz, 1)[0, 0].cpu())

    return ChromaExtractor(sample_rate_hz=plan.sample_rate_hz, classes=classes)


def decoder_layers(library: Any) -> Sequence[nn.Module]:
    """Decoder layers, for forward hooks."""
    layers: Sequence[nn.Module] = library.lm.transformer.layers
    return layers


def _check_architecture(lm: Any, name: str, channel_count: int) -> None:
    """Raises Unsupported for an architecture that no published checkpoint has.

    Published ones normalise first, have no biases, and delay each channel's codebook k by k frames.
    """
    layer, melody = lm.transformer.layers[0], _find_melody_conditioner(lm)
    fused = {"description": "cross"} if melody is None else {"description": "prepend", "self_wav": "prepend"}
    faults = [
        (not layer.norm_first, "normalises after its products"),
        (layer.linear1.bias is not None, "has biases"),
        (layer.activation is not nn.functional.gelu, "has another activation than GELU"),
        ((layer.cross_attention is None) != (melody is not None), "has no cross-attention, or has it beside a melody"),
        (
            list(lm.pattern_provider.delays)
            != [codebook_delay(book, channel_count) for book in range(lm.num_codebooks)],
            "has another delay pattern",
        ),
        (
            set(lm.condition_provider.conditioners) - {"self_wav"} != {"description"},
            "has conditions besides its text and a melody",
        ),
        (
            any(lm.fuser.cond2fuse.get(name) != method for name, method in fused.items()),
            "joins its conditions in another way",
        ),
        (melody is not None and not _has_published_chroma(melody), "computes chroma in another way"),
    ]
    found = [text for is_fault, text in faults if is_fault]
    if found:
        raise Unsupported(f"{name} cannot be run: it {', '.join(found)}", reason="UNKNOWN_ARCHITECTURE")


def _has_published_chroma(melody: Any) -> bool:
    """True for twelve classes, one a frame, in a prefix of fixed length without mask: what `MusicGen.get_pretrained` makes."""
    chroma = getattr(melody, "chroma", None)
    return (
        chroma is not None
        and chroma.argmax
        and (chroma.n_chroma, chroma.nfft) == (CLASS_COUNT, chroma.winlen)
        and melody.match_len_on_eval
        and not melody._use_masking
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


def _convert_weights(lm: Any, conditioner: Any, melody: Any, settings: Settings) -> DecoderWeights:
    def cast(tensor: Tensor) -> Tensor:
        return tensor.detach().to(settings.device, DTYPES[settings.precision]).contiguous()

    def matrix(*parts: Tensor) -> Linear:
        return build_linear(torch.cat(parts).detach().to(settings.device), settings.precision)

    bridge = conditioner.output_proj
    is_linear = isinstance(bridge, nn.Linear)
    return DecoderWeights(
        embeddings=cast(torch.cat([table.weight for table in lm.emb])),
        layers=tuple(_convert_layer(layer, cast, matrix) for layer in lm.transformer.layers),
        final_norm=(cast(lm.out_norm.weight), cast(lm.out_norm.bias)),
        heads=matrix(*(head.weight for head in lm.linears)),
        text_weight=cast(bridge.weight if is_linear else torch.eye(lm.dim)),
        text_bias=cast(bridge.bias if is_linear else torch.zeros(lm.dim)),
        melody=None
        if melody is None
        else MelodyWeights(
            weight=cast(melody.output_proj.weight),
            bias=cast(melody.output_proj.bias),
            null=cast(melody.output_proj.weight[:, 0] + melody.output_proj.bias),
            frame_count=melody.chroma_len,
        ),
    )


def _convert_layer(layer: Any, cast: Callable[[Tensor], Tensor], matrix: Callable[..., Linear]) -> LayerWeights:
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


def _build_text_encoder(conditioner: Any) -> EncodeText:
    """T5 for published checkpoints; a lookup table for AudioCraft's own small models."""
    if hasattr(conditioner, "t5"):
        return T5Text(conditioner.t5_tokenizer, conditioner.t5)

    @torch.inference_mode()
    def look_up(texts: Sequence[str]) -> list[Tensor]:
        return [conditioner.embed(conditioner.tokenizer([text])[0])[0] for text in texts]

    return look_up


def build_codec_parts(compression: Any) -> CodecParts:
    """Parts of AudioCraft's EnCodec. Its decoder is one Sequential: convolution, LSTM where there is one, the rest."""
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
        receptive_field=derive_receptive_field(
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
