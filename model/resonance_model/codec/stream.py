"""EnCodec: clip encoding, and exact streaming decoding with fixed lag."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resonance_model.codec.lstm import State, StreamingLstm
from resonance_model.codec.receptive_field import ReceptiveField


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecParts:
    """Parts of a library's codec, cut where the stream keeps state.

    The decoder is: codes -> `embed` -> `first` (a convolution over frames) -> `lstm` with a skip, where there is one -> `upsample`.
    The modules stay the library's own; a large `lstm` is called through `build_lstm`. Inputs are moved to the device of `first`, and
    outputs stay there.
    """

    encode: Callable[[Tensor], Tensor]
    embed: Callable[[Tensor], Tensor]
    first: nn.Conv1d
    first_pad_mode: str
    lstm: StreamingLstm | None
    upsample: nn.Module
    receptive_field: ReceptiveField

    @property
    def device(self) -> torch.device:
        """Device of the codec's weights."""
        return self.first.weight.device


class Codec:
    """Encoder of clips and factory of decoding streams.

    With two channels each channel has codes of its own, and their codebooks alternate, left first, as in MusicGen's stereo checkpoints.
    """

    def __init__(self, parts: CodecParts, channel_count: int = 1) -> None:
        self.parts = parts
        self.channel_count = channel_count

    @torch.inference_mode()
    def encode(self, samples: Tensor) -> Tensor:
        """Codes `[codebooks, frames]` of mono samples `[samples]` at the model's rate, the same for both channels."""
        return self.parts.encode(samples[None, None].to(self.parts.device)).repeat_interleave(
            self.channel_count, dim=1
        )[0]

    def open_stream(self) -> DecodeStream | ChannelStreams:
        """A fresh stream at frame 0."""
        return DecodeStream(self.parts) if self.channel_count == 1 else ChannelStreams(self.parts, self.channel_count)


class DecodeStream:
    """Streaming decoder of one take. Its samples equal those of decoding all codes at once.

    EnCodec's decoder looks ahead: its first convolution by a few frames, its upsampler by about one. The stream keeps the LSTM's state
    and the frames on which later output depends. It holds back `lag_frames` frames until the next codes, or `finish`. Work per chunk of
    c frames is (c + left + right) / c of the one-shot upsampler.
    """

    def __init__(self, parts: CodecParts) -> None:
        self._parts = parts
        self._latents = torch.empty(0)  # [1, channels, kept frames], ending at `_pushed`
        self._hidden = torch.empty(0)  # [1, channels, kept frames], ending at `_convolved`
        self._state: State | None = None
        self._pushed = self._convolved = self._done = 0

    @property
    def lag_frames(self) -> int:
        """Frames between the newest code and the newest sample."""
        receptive_field = self._parts.receptive_field
        return receptive_field.first_right + receptive_field.upsample_right

    @torch.inference_mode()
    def push(self, codes: Tensor) -> Tensor:
        """Decodes codes `[codebooks, frames]`; returns the samples `[channels, n]` that are final now, possibly none."""
        self._embed(codes)
        return self._emit(is_last=False)

    @torch.inference_mode()
    def finish(self, codes: Tensor | None = None) -> Tensor:
        """Decodes the last codes, if any; returns all samples that were held back."""
        if codes is not None:
            self._embed(codes)
        return self._emit(is_last=True)

    def _embed(self, codes: Tensor) -> None:
        latents = self._parts.embed(codes[:, None].to(self._parts.device))
        self._latents = latents if self._pushed == 0 else torch.cat([self._latents, latents], dim=-1)
        self._pushed += codes.shape[1]

    def _emit(self, *, is_last: bool) -> Tensor:
        receptive_field = self._parts.receptive_field
        self._convolve_until(self._pushed if is_last else self._pushed - receptive_field.first_right, is_last=is_last)
        target = self._convolved if is_last else self._convolved - receptive_field.upsample_right
        if target <= self._done:
            return torch.zeros(receptive_field.channel_count, 0, device=self._parts.device)
        start = max(0, self._done - receptive_field.upsample_left)
        end = self._convolved if is_last else target + receptive_field.upsample_right
        window = self._hidden[..., self._hidden.shape[-1] - (self._convolved - start) :][..., : end - start]
        samples = self._parts.upsample(window)[0]
        kept = samples[:, (self._done - start) * receptive_field.hop : (target - start) * receptive_field.hop]
        self._done = target
        self._hidden = self._tail(self._hidden, self._convolved, max(0, target - receptive_field.upsample_left))
        return kept

    def _convolve_until(self, target: int, *, is_last: bool) -> None:
        """Runs the first convolution and the LSTM over frames `_convolved`..`target`."""
        if target <= self._convolved:
            return
        hidden = self._convolve(target, is_last=is_last)
        if self._parts.lstm is not None:
            outputs, self._state = self._parts.lstm(hidden.permute(2, 0, 1), self._state)
            hidden = outputs.permute(1, 2, 0) + hidden
        self._hidden = hidden if self._hidden.numel() == 0 else torch.cat([self._hidden, hidden], dim=-1)
        self._convolved = target
        keep_from = max(0, target - self._parts.receptive_field.first_left)
        self._latents = self._tail(self._latents, self._pushed, keep_from)

    def _convolve(self, target: int, *, is_last: bool) -> Tensor:
        receptive_field, first = self._parts.receptive_field, self._parts.first
        start, end = self._convolved - receptive_field.first_left, target + receptive_field.first_right
        kept_from = self._pushed - self._latents.shape[-1]
        window = self._latents[..., max(0, start) - kept_from : min(end, self._pushed) - kept_from]
        padding = (max(0, -start), max(0, end - self._pushed) if is_last else 0)
        if any(padding):
            window = _pad(window, padding, self._parts.first_pad_mode)
        return F.conv1d(window, first.weight, first.bias, dilation=first.dilation)

    @staticmethod
    def _tail(frames: Tensor, end: int, start: int) -> Tensor:
        """Frames from `start` on of a tensor that ends at frame `end`."""
        return frames[..., max(0, frames.shape[-1] - (end - start)) :].clone()


class ChannelStreams:
    """A DecodeStream per channel, for codes whose codebooks alternate between the channels."""

    def __init__(self, parts: CodecParts, channel_count: int) -> None:
        self._streams = [DecodeStream(parts) for _ in range(channel_count)]

    @property
    def lag_frames(self) -> int:
        """Frames between the newest code and the newest sample."""
        return self._streams[0].lag_frames

    def push(self, codes: Tensor) -> Tensor:
        """Decodes codes `[codebooks, frames]`; returns the samples `[channels, n]` that are final now, possibly none."""
        step = len(self._streams)
        return torch.cat([stream.push(codes[channel::step]) for channel, stream in enumerate(self._streams)])

    def finish(self, codes: Tensor | None = None) -> Tensor:
        """Decodes the last codes, if any; returns all samples that were held back."""
        step = len(self._streams)
        parts = [
            stream.finish(None if codes is None else codes[channel::step])
            for channel, stream in enumerate(self._streams)
        ]
        return torch.cat(parts)


def _pad(frames: Tensor, padding: tuple[int, int], mode: str) -> Tensor:
    """Padding in time as EnCodec does it: a signal shorter than its reflection first gets zeros on its right."""
    if mode != "reflect":
        return F.pad(frames, padding, mode="constant" if mode in {"zero", "constant"} else mode)
    short = max(0, max(padding) - frames.shape[-1] + 1)
    padded = F.pad(F.pad(frames, (0, short)), padding, mode="reflect")
    return padded[..., : padded.shape[-1] - short]
