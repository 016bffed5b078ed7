"""What clients are told about the loaded model."""

from __future__ import annotations

from resonance.settings import Settings
from resonance.v1 import audio_pb2, generate_pb2
from resonance_model.loaded import LoadedModel
from resonance_model.shape import WINDOW_FRAMES


def info_of(model: LoadedModel, settings: Settings) -> generate_pb2.ModelInfo:
    """The model's facts, shape and capabilities, and this deployment's limits."""
    facts, shape = model.facts, model.shape
    return generate_pb2.ModelInfo(
        model_id=facts.model_id,
        digest=facts.digest,
        backend=facts.backend,
        sample_rate_hz=facts.sample_rate_hz,
        frame_rate_hz=facts.frame_rate_hz,
        codebook_count=shape.codebook_count,
        layer_count=shape.layer_count,
        hidden_size=shape.hidden_size,
        trained_duration_s=min(WINDOW_FRAMES, shape.position_count_max) / facts.frame_rate_hz,
        take_duration_s_max=settings.take_duration_s_max,
        capabilities=generate_pb2.ModelCapabilities(
            melody=model.hear_melody is not None, stereo=facts.channel_count == 2, steering=True, live=True
        ),
        weights_license=facts.weights_license,
        training_data=facts.training_data,
        precision=facts.precision,
        slot_count=settings.slots,
        limits_note=facts.limits_note,
    )


def format_of(info: generate_pb2.ModelInfo) -> audio_pb2.AudioFormat:
    """The format of every take of the model."""
    return audio_pb2.AudioFormat(
        sample_rate_hz=info.sample_rate_hz,
        channel_count=2 if info.capabilities.stereo else 1,
        encoding=audio_pb2.SAMPLE_ENCODING_PCM_S16LE,
    )
