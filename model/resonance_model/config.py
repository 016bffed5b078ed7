"""Checkpoint configuration: decoder sizes, description for clients and logs."""

from __future__ import annotations

from dataclasses import dataclass

from resonance_model.delays import codebook_delay

# The two branches of classifier-free guidance.
CONDITIONAL, UNCONDITIONAL = 0, 1
# MusicGen was trained on 30 s at 50 frames a second.
WINDOW_FRAMES = 1500


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderConfig:
    """Sizes of a MusicGen decoder. `vocabulary_size` is one codebook's; the special token has that very number.

    With two channels the codebooks of left and right alternate.
    """

    layer_count: int
    hidden_size: int
    head_count: int
    feed_forward_size: int
    codebook_count: int
    vocabulary_size: int
    text_size: int
    position_count_max: int
    channel_count: int = 1

    @property
    def delay_max(self) -> int:
        """Steps by which the last codebook lags the first."""
        return codebook_delay(self.codebook_count - 1, self.channel_count)

    @property
    def window_steps(self) -> int:
        """Positions of music in a window: the trained length with its delay, or all positions of a checkpoint that has fewer."""
        return min(WINDOW_FRAMES + self.delay_max + 1, self.position_count_max)

    @property
    def head_size(self) -> int:
        """Width of one attention head."""
        return self.hidden_size // self.head_count

    @property
    def start_token(self) -> int:
        """Special token, read before the first frame and in the delay pattern's empty corners."""
        return self.vocabulary_size


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingDefaults:
    """Sampling parameters of the checkpoint's makers, for recipes without their own."""

    guidance_scale: float = 3.0
    temperature: float = 1.0
    top_k: int = 250
    novelty: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MusicalControls:
    """The tempi, keys and metres that a checkpoint plays, and how well it obeys their words.

    Empty means that nothing is known: the words are passed on as they are. `*_obeyed_share` are measured shares of takes; None where
    nothing was measured. `follows_keys` is False where the share of keys is that of chance.
    """

    tempi_bpm: tuple[float, ...] = ()
    keys: tuple[str, ...] = ()
    metres: tuple[str, ...] = ()
    follows_keys: bool = True
    tempo_obeyed_share: float | None = None
    key_obeyed_share: float | None = None


NOTHING_KNOWN = MusicalControls()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDescription:
    """Description of a loaded model. `digest` covers every weight; a direction belongs to exactly one digest."""

    model_id: str
    digest: str
    backend: str
    sample_rate_hz: int
    frame_rate_hz: int
    channel_count: int
    precision: str
    sampling: SamplingDefaults
    weights_license: str
    training_data: str
    limits_note: str
    controls: MusicalControls = NOTHING_KNOWN

    @property
    def hop_samples(self) -> int:
        """Samples of one codec frame."""
        return self.sample_rate_hz // self.frame_rate_hz
