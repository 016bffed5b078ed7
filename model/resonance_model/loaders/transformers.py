"""Loader of MusicGen checkpoints in transformers' layout.

It reads a folder or the hub's cache.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
import torch
from torch import Tensor, nn

from resonance.errors import NotFound, Unsupported
from resonance.settings import Settings
from resonance_model.chroma import CLASS_COUNT, Chroma, ChromaPlan
from resonance_model.codec.lstm import PackedLstm, build_lstm
from resonance_model.codec.receptive_field import derive_receptive_field
from resonance_model.codec.stream import Codec, CodecParts
from resonance_model.config import DecoderConfig, ModelDescription, SamplingDefaults
from resonance_model.decoder.decoder import CrossWeights, Decoder, DecoderWeights, LayerWeights, MelodyWeights, Norm
from resonance_model.linear import DTYPES, Linear, build_linear
from resonance_model.loaded_model import ChromaExtractor, LoadedModel, digest_of_state
from resonance_model.loaders.cards import load_card
from resonance_model.loaders.checkpoint_files import stored_dtype
from resonance_model.loaders.embedded import embedded_folder
from resonance_model.loaders.fit import check_fit, count_library_parameters, estimate_need, free_bytes, gib
from resonance_model.text_encoder import T5Text

_log = structlog.get_logger("model")


def load_transformers(name: str, settings: Settings, *, keep_library: bool = False) -> LoadedModel:
    """Loads a `MusicgenForConditionalGeneration` or `MusicgenMelodyForConditionalGeneration` checkpoint."""
    source = str(embedded_folder()) if name == "embedded" else name
    config = _read_configuration(source, name)
    decoder_config = _read_config(config)
    tell_need(name, source, config, settings)
    library, tokenizer = _read(source, config)
    description = _describe(name, library, settings.precision)
    decoder = Decoder(_convert_weights(library, settings), decoder_config)
    # The library's text encoder and codec are used as they are, in fp32; its decoder is freed.
    for module in (library.text_encoder, library.audio_encoder):
        detach_from_file(module)
        module.to(settings.device)
    move_padding_to_host(library.audio_encoder)
    codec = Codec(build_codec_parts(library.audio_encoder), decoder_config.channel_count)
    if not keep_library and isinstance(codec.parts.lstm, PackedLstm):
        library.audio_encoder.decoder.layers[1] = nn.Identity()  # its packed copy is in use
    return LoadedModel(
        description=description,
        config=decoder_config,
        decoder=decoder,
        encode_text=T5Text(tokenizer, library.text_encoder),
        codec=codec,
        melody_chroma=_build_chroma_extractor(source, config) if is_melody(config) else None,
        library=library if keep_library else None,
    )


def is_melody(config: Any) -> bool:
    """True for a configuration of MusicGen-Melody, whose conditions stand before the music."""
    return bool(config.model_type == "musicgen_melody")


def _build_chroma_extractor(source: str, config: Any) -> ChromaExtractor:
    """Chroma extractor with the checkpoint's own preprocessor configuration."""
    from transformers import FeatureExtractionMixin

    try:
        values, _ = FeatureExtractionMixin.get_feature_extractor_dict(source)
    except OSError:
        values = {}
    if config.num_chroma != CLASS_COUNT:
        raise Unsupported(f"{source} uses {config.num_chroma} pitch classes, not {CLASS_COUNT}", reason="NOT_MUSICGEN")
    published = ChromaPlan()
    plan = ChromaPlan(
        sample_rate_hz=int(values.get("sampling_rate", published.sample_rate_hz)),
        window_samples=int(values.get("n_fft", published.window_samples)),
        hop_samples=int(values.get("hop_length", published.hop_samples)),
    )
    return ChromaExtractor(sample_rate_hz=plan.sample_rate_hz, classes=Chroma(plan))


def _read_configuration(source: str, name: str) -> Any:
    from transformers import AutoConfig
    from transformers.utils import logging

    # Silences its progress bars, and its warning about MusicGen's special token, which is outside the vocabulary by design.
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        config = AutoConfig.from_pretrained(source)
    except (OSError, ValueError) as failure:
        raise NotFound(
            f"there is no MusicGen checkpoint {name!r}: give a folder or a hub id that is in the cache or can be reached",
            reason="NO_SUCH_MODEL",
        ) from failure
    if config.model_type not in {"musicgen", "musicgen_melody"}:
        raise Unsupported(f"{name} is a {config.model_type} checkpoint, not musicgen", reason="NOT_MUSICGEN")
    return config


def tell_need(name: str, source: str, config: Any, settings: Settings) -> None:
    """Tells the memory that the model needs beside what is free, and raises Unsupported where it does not fit on a CPU."""
    if not settings.device.startswith("cpu"):
        return
    library, decoder = count_library_parameters(config, source), _read_config(config)
    need, smaller = (
        estimate_need(config, decoder, precision, library=library) for precision in (settings.precision, "int8")
    )
    total, free = free_bytes()
    _log.info(
        "memory",
        needed=gib(need.least),
        each_further_take=gib(need.take),
        takes=settings.slots,
        free=gib(free),
        machine=gib(total),
    )
    if settings.memory_check == "on":
        check_fit(name, need, settings.precision, smaller, total=total, free=free)


def _read(source: str, config: Any) -> tuple[Any, Any]:
    from transformers import AutoTokenizer, MusicgenForConditionalGeneration, MusicgenMelodyForConditionalGeneration

    kind = MusicgenMelodyForConditionalGeneration if is_melody(config) else MusicgenForConditionalGeneration
    # In the type that is stored, the weights stay in the mapped file until they are converted, matrix by matrix.
    library = kind.from_pretrained(source, dtype=stored_dtype(source)).eval()
    return library, AutoTokenizer.from_pretrained(source)


def detach_from_file(module: nn.Module) -> None:
    """Copies weights in place, in fp32. A single weight that lies in the mapped checkpoint would keep all of it in memory."""

    def copied(tensor: Tensor) -> Tensor:
        return tensor.data.to(torch.float32, copy=True) if tensor.is_floating_point() else tensor.data.clone()

    for parameter in module.parameters():
        parameter.data = copied(parameter)
    # A buffer is a view whose base lies in the file, and stays its base when its data is replaced: the buffer itself is replaced.
    for part in module.modules():
        for name, buffer in list(part.named_buffers(recurse=False)):
            setattr(part, name, copied(buffer))


def _read_config(config: Any) -> DecoderConfig:
    decoder = config.decoder
    return DecoderConfig(
        layer_count=decoder.num_hidden_layers,
        hidden_size=decoder.hidden_size,
        head_count=decoder.num_attention_heads,
        feed_forward_size=decoder.ffn_dim,
        codebook_count=decoder.num_codebooks,
        vocabulary_size=decoder.vocab_size,
        text_size=config.text_encoder.hidden_size,
        position_count_max=decoder.max_position_embeddings,
        channel_count=decoder.audio_channels,
    )


def _convert_weights(library: Any, settings: Settings) -> DecoderWeights:
    """Our layout from transformers' names, as copies; the library's own are freed with the library."""
    decoder, heads = library.decoder.model.decoder, library.decoder.lm_heads
    hidden = decoder.config.hidden_size

    def cast(tensor: Tensor) -> Tensor:
        # A copy in any case: a norm of a few kilobytes that lay in the mapped file would keep all of it in memory.
        return tensor.detach().to(settings.device, DTYPES[settings.precision], copy=True).contiguous()

    def matrix(*parts: Tensor) -> Linear:
        return build_linear(torch.cat(parts).detach().to(settings.device), settings.precision)

    scale = hidden**0.5 if decoder.config.scale_embedding else 1.0
    bridge = getattr(library, "enc_to_dec_proj", None)
    return DecoderWeights(
        embeddings=cast(torch.cat([table.weight.float() for table in decoder.embed_tokens]) * scale),
        layers=tuple(_convert_layer(layer, cast, matrix) for layer in decoder.layers),
        final_norm=_convert_norm(decoder.layer_norm, cast),
        heads=matrix(*(head.weight for head in heads)),
        text_weight=cast(bridge.weight if bridge is not None else torch.eye(hidden)),
        text_bias=cast(bridge.bias if bridge is not None else torch.zeros(hidden)),
        melody=_convert_melody(library, cast) if is_melody(library.config) else None,
    )


def _convert_melody(library: Any, cast: Callable[[Tensor], Tensor]) -> MelodyWeights:
    """Melody projection; frames without melody are frames of C, the first class."""
    bridge = library.audio_enc_to_dec_proj
    return MelodyWeights(
        weight=cast(bridge.weight),
        bias=cast(bridge.bias),
        null=cast(bridge.weight[:, 0].float() + bridge.bias.float()),
        frame_count=library.config.chroma_length,
    )


def _convert_layer(layer: Any, cast: Any, matrix: Any) -> LayerWeights:
    own, cross = layer.self_attn, getattr(layer, "encoder_attn", None)
    return LayerWeights(
        self_norm=_convert_norm(layer.self_attn_layer_norm, cast),
        self_qkv=matrix(own.q_proj.weight, own.k_proj.weight, own.v_proj.weight),
        self_out=matrix(own.out_proj.weight),
        cross=None
        if cross is None
        else CrossWeights(
            norm=_convert_norm(layer.encoder_attn_layer_norm, cast),
            query=matrix(cross.q_proj.weight),
            key_value=matrix(cross.k_proj.weight, cross.v_proj.weight),
            out=matrix(cross.out_proj.weight),
        ),
        feed_norm=_convert_norm(layer.final_layer_norm, cast),
        feed_in=matrix(layer.fc1.weight),
        feed_out=matrix(layer.fc2.weight),
    )


def _convert_norm(norm: nn.LayerNorm, cast: Callable[[Tensor], Tensor]) -> Norm:
    return cast(norm.weight), cast(norm.bias)


def _describe(name: str, library: Any, precision: str) -> ModelDescription:
    config, generation = library.config, library.generation_config
    card = load_card(name, Path(library.name_or_path))
    return ModelDescription(
        model_id=name,
        # The type in which the weights were read is not part of the model.
        digest=digest_of_state(library.state_dict(), config.decoder.to_dict() | {"dtype": "float32"}),
        backend="transformers",
        sample_rate_hz=config.audio_encoder.sampling_rate,
        frame_rate_hz=int(config.audio_encoder.frame_rate),
        channel_count=config.decoder.audio_channels,
        precision=precision,
        sampling=SamplingDefaults(
            guidance_scale=float(generation.guidance_scale or 3.0),
            temperature=float(generation.temperature or 1.0),
            top_k=int(generation.top_k or 250),
            novelty=float(getattr(config, "novelty", 0.0)),  # a field of ours, which MusicGen's own weights lack
        ),
        weights_license=card.weights_license,
        training_data=card.training_data,
        limits_note=card.limits_note,
        controls=card.controls,
    )


def move_padding_to_host(codec: nn.Module) -> None:
    """Moves the padding sizes of EnCodec's convolutions to the host: it reads them in every call, and would wait for a device."""
    for module in codec.modules():
        for name in ("stride", "kernel_size", "padding_total"):
            if isinstance(number := getattr(module, name, None), Tensor):
                setattr(module, name, number.cpu())


def build_codec_parts(codec: Any) -> CodecParts:
    """Parts of transformers' EnCodec."""
    config = codec.config
    for module in codec.modules():
        if nn.utils.parametrize.is_parametrized(module, "weight"):
            nn.utils.parametrize.remove_parametrizations(module, "weight")
    first, lstm, *rest = codec.decoder.layers

    def encode(samples: Tensor) -> Tensor:
        codes: Tensor = codec.encode(samples, bandwidth=max(config.target_bandwidths)).audio_codes[0]
        return codes

    return CodecParts(
        encode=encode,
        embed=lambda codes: codec.quantizer.decode(codes),
        first=first.conv,
        first_pad_mode=config.pad_mode,
        lstm=build_lstm(lstm.lstm),
        upsample=nn.Sequential(*rest),
        receptive_field=derive_receptive_field(
            kernel=config.kernel_size,
            last_kernel=config.last_kernel_size,
            residual_kernel=config.residual_kernel_size,
            ratios=config.upsampling_ratios,
            residual_count=config.num_residual_layers,
            dilation_growth=config.dilation_growth_rate,
            is_causal=config.use_causal_conv,
            trim_right_ratio=config.trim_right_ratio,
            norm=config.norm_type,
            channel_count=config.audio_channels,
        ),
    )
