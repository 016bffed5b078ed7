"""MusicGen checkpoints with random weights in transformers' layout.

Large ones are for benchmarks, tiny ones are for tests.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

_WORDS = [
    "a",
    "and",
    "of",
    "with",
    "the",
    "in",
    "for",
    "slow",
    "fast",
    "calm",
    "energetic",
    "happy",
    "sad",
    "dark",
    "bright",
    "deep",
    "high",
    "low",
    "bass",
    "drums",
    "piano",
    "guitar",
    "flute",
    "strings",
    "organ",
    "synth",
    "voice",
    "choir",
    "choirs",
    "vocals",
    "jazz",
    "rock",
    "pop",
    "lofi",
    "ambient",
    "electronic",
    "classical",
    "folk",
    "funk",
    "cinematic",
    "tempo",
    "bpm",
    "minor",
    "major",
    "soft",
    "loud",
    "simple",
    "complex",
    "sparse",
    "dense",
    "tense",
    "relaxed",
    "music",
    "song",
    "beat",
    "melody",
    "chords",
    "groove",
    "studying",
    "sleep",
    "dance",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointPlan:
    """Sizes and seed of a random checkpoint."""

    name: str
    hidden_size: int = 192
    layer_count: int = 6
    head_count: int = 4
    codebook_count: int = 4  # of one channel
    channel_count: int = 1
    vocabulary_size: int = 1024
    text_size: int = 128
    text_layer_count: int = 2
    codec_filters: int = 8
    codec_ratios: tuple[int, ...] = (8, 5, 4, 2)
    codec_hidden: int = 64
    sample_rate_hz: int = 16_000
    position_count: int = 2048
    melody_frames: int = 0  # of the prefix; 0 makes a text model
    use_conv_shortcut: bool = False
    pad_mode: str = "reflect"
    seed: int = 20_261_121


TINY = CheckpointPlan(
    name="tiny-1",
    hidden_size=32,
    layer_count=3,
    head_count=2,
    vocabulary_size=64,
    text_size=16,
    text_layer_count=1,
    codec_filters=4,
    codec_hidden=16,
)
TINY_MELODY = replace(TINY, name="tiny-melody-1", melody_frames=20)
TINY_STEREO = replace(TINY, name="tiny-stereo-1", channel_count=2)


def make_checkpoint(folder: Path, plan: CheckpointPlan) -> Path:
    """Writes a checkpoint in transformers' layout, atomically; the same plan gives the same weights."""
    partial = folder.with_name(f"{folder.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    with torch.random.fork_rng():
        torch.manual_seed(plan.seed)
        model = _build_model(plan)
        _fill_codec(model.audio_encoder)
    model.save_pretrained(partial)
    _tokenizer().save_pretrained(partial)
    if plan.melody_frames:
        (partial / "preprocessor_config.json").write_text(json.dumps(_extractor_config(plan), indent=2))
    card = {
        "weights_license": "Apache-2.0",
        "training_data": "none: the weights are random numbers",
        "limits_note": "Random weights: it makes sound, not music.",
    }
    (partial / "resonance_card.json").write_text(json.dumps(card, indent=2))
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    return folder


def _build_model(plan: CheckpointPlan) -> Any:
    from transformers import (
        EncodecConfig,
        GenerationConfig,
        MusicgenConfig,
        MusicgenDecoderConfig,
        MusicgenForConditionalGeneration,
        MusicgenMelodyConfig,
        MusicgenMelodyDecoderConfig,
        MusicgenMelodyForConditionalGeneration,
        T5Config,
    )

    text = T5Config(
        vocab_size=len(_WORDS) + 3,
        d_model=plan.text_size,
        d_kv=plan.text_size // 4,
        num_heads=4,
        d_ff=plan.text_size * 2,
        num_layers=plan.text_layer_count,
    )
    frames_per_s = math.ceil(plan.sample_rate_hz / math.prod(plan.codec_ratios))
    codec = EncodecConfig(
        sampling_rate=plan.sample_rate_hz,
        target_bandwidths=[plan.codebook_count * (plan.vocabulary_size.bit_length() - 1) * frames_per_s / 1000],
        audio_channels=1,
        normalize=False,
        num_filters=plan.codec_filters,
        upsampling_ratios=list(plan.codec_ratios),
        use_causal_conv=False,
        hidden_size=plan.codec_hidden,
        codebook_dim=plan.codec_hidden,
        codebook_size=plan.vocabulary_size,
        use_conv_shortcut=plan.use_conv_shortcut,
        pad_mode=plan.pad_mode,
    )
    kind = MusicgenMelodyDecoderConfig if plan.melody_frames else MusicgenDecoderConfig
    decoder = kind(
        vocab_size=plan.vocabulary_size,
        max_position_embeddings=plan.position_count,
        num_hidden_layers=plan.layer_count,
        ffn_dim=plan.hidden_size * 4,
        num_attention_heads=plan.head_count,
        hidden_size=plan.hidden_size,
        num_codebooks=plan.codebook_count * plan.channel_count,
        audio_channels=plan.channel_count,
        pad_token_id=plan.vocabulary_size,
        bos_token_id=plan.vocabulary_size,
        initializer_factor=1.0,
    )
    parts: dict[str, Any] = {"text_encoder": text, "audio_encoder": codec, "decoder": decoder}
    if plan.melody_frames:
        config = MusicgenMelodyConfig(**parts, num_chroma=12, chroma_length=plan.melody_frames)
        model: Any = MusicgenMelodyForConditionalGeneration(config)
    else:
        model = MusicgenForConditionalGeneration(MusicgenConfig(**parts))
    special = plan.vocabulary_size
    model.generation_config = GenerationConfig(
        decoder_start_token_id=special,
        pad_token_id=special,
        bos_token_id=special,
        do_sample=True,
        guidance_scale=3.0,
        top_k=250,
        max_length=1500,
    )
    return model.eval()


def _extractor_config(plan: CheckpointPlan) -> dict[str, Any]:
    """Feature extractor of melodies: the published proportions at the plan's rate."""
    return {
        "feature_extractor_type": "MusicgenMelodyFeatureExtractor",
        "sampling_rate": plan.sample_rate_hz,
        "n_fft": 8192,
        "hop_length": 2048,
        "num_chroma": 12,
        "chunk_length": 30,
    }


def _fill_codec(codec: Any) -> None:
    """Fills the codebooks, which are zero, and scales the random decoder, which is nearly silent."""
    for index, layer in enumerate(codec.quantizer.layers):
        book = layer.codebook
        book.embed.copy_(torch.randn_like(book.embed) * 0.7**index)
    with torch.inference_mode():
        codes = torch.randint(0, codec.config.codebook_size, (codec.quantizer.num_quantizers, 1, 100))
        level = codec.decoder(codec.quantizer.decode(codes)).std()
    last = codec.decoder.layers[-1].conv
    last.parametrizations.weight.original0.data.mul_(0.1 / level)
    last.bias.data.zero_()


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {"<pad>": 0, "</s>": 1, "<unk>": 2} | {word: index + 3 for index, word in enumerate(_WORDS)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=512
    )
