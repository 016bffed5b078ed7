"""ModelInfo and AudioFormat messages of the loaded model."""

from __future__ import annotations

from collections.abc import Sequence

from resonance.settings import Settings
from resonance.v1 import audio_pb2, generate_pb2
from resonance_model.config import WINDOW_FRAMES
from resonance_model.loaded_model import LoadedModel


def to_model_info(model: LoadedModel, settings: Settings) -> generate_pb2.ModelInfo:
    """Description, sizes and capabilities of the model, and limits of this deployment."""
    description, config = model.description, model.config
    return generate_pb2.ModelInfo(
        model_id=description.model_id,
        digest=description.digest,
        backend=description.backend,
        sample_rate_hz=description.sample_rate_hz,
        frame_rate_hz=description.frame_rate_hz,
        codebook_count=config.codebook_count,
        layer_count=config.layer_count,
        hidden_size=config.hidden_size,
        trained_duration_s=min(WINDOW_FRAMES, config.position_count_max) / description.frame_rate_hz,
        take_duration_s_max=settings.take_duration_s_max,
        capabilities=_to_capabilities(model),
        weights_license=description.weights_license,
        training_data=description.training_data,
        precision=description.precision,
        slot_count=settings.slots,
        limits_note=description.limits_note,
    )


# Our own model and every MusicGen were trained on English descriptions, by English text encoders.
_PROMPT_LANGUAGES = ("en",)


def _to_capabilities(model: LoadedModel) -> generate_pb2.ModelCapabilities:
    controls = model.description.controls
    return generate_pb2.ModelCapabilities(
        melody=model.melody_chroma is not None,
        stereo=model.description.channel_count == 2,
        steering=True,
        live=True,
        tempo=generate_pb2.TempoCapability(
            means=_to_means(controls.tempi_bpm), bpm=controls.tempi_bpm, obeyed_share=controls.tempo_obeyed_share
        ),
        key=generate_pb2.KeyCapability(
            means=_to_means(controls.keys) if controls.follows_keys else generate_pb2.CONTROL_MEANS_UNSPECIFIED,
            names=controls.keys,
            obeyed_share=controls.key_obeyed_share,
        ),
        metres=controls.metres,
        negative_prompt=model.decoder.can_steer_away,
        prompt_languages=_PROMPT_LANGUAGES,
    )


def _to_means(values: Sequence[object]) -> generate_pb2.ControlMeans:
    listed, free = generate_pb2.CONTROL_MEANS_TRAINED_WORDS, generate_pb2.CONTROL_MEANS_FREE_WORDS
    return listed if values else free


def to_audio_format(info: generate_pb2.ModelInfo) -> audio_pb2.AudioFormat:
    """Audio format of every take of the model."""
    return audio_pb2.AudioFormat(
        sample_rate_hz=info.sample_rate_hz,
        channel_count=2 if info.capabilities.stereo else 1,
        encoding=audio_pb2.SAMPLE_ENCODING_PCM_S16LE,
    )
