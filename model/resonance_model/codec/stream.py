"""EnCodec as a stream: exact decoding at a fixed lag, and encoding of clips."""

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
    """A library's codec, taken apart at the places where streaming cuts.

    The decoder is: codes -> `embed` -> `first` (a convolution over frames) -> `lstm` with a skip, where there is one -> `upsample`. The
    modules stay the library's own (a large `lstm` is called through `build_lstm`). `geometry` says how far each part looks.
    Whatever comes in is taken to the device of `first`, and what goes out stays there.
    """

    encode: Callable[[Tensor], Tensor]
    embed: Callable[[Tensor], Tensor]
    first: nn.Conv1d
    first_pad_mode: str
    lstm: StreamingLstm | None
    upsample: nn.Module
    geometry: ReceptiveField

    @property
    def device(self) -> torch.device:
        """Where the codec computes."""
        return self.first.weight.device


class Codec:
    """Encodes clips, and opens decoding streams.

    With two channels there are two streams of codes, one a channel, whose codebooks take turns (left first): each channel is coded by
    itself, as MusicGen's stereo checkpoints do.
    """

    def __init__(self, parts: CodecParts, channel_count: int = 1) -> None:
        self.parts = parts
        self.channel_count = channel_count

    @torch.inference_mode()
    def encode(self, samples: Tensor) -> Tensor:
        """Codes `[codebooks, frames]` of mono samples `[samples]` at the model's rate; both channels hear them alike."""
        return self.parts.encode(samples[None, None].to(self.parts.device)).repeat_interleave(
            self.channel_count, dim=1
        )[0]

    def open_stream(self) -> DecodeStream | ChannelStreams:
        """A fresh stream at frame 0."""
        return DecodeStream(self.parts) if self.channel_count == 1 else ChannelStreams(self.parts, self.channel_count)


class DecodeStream:
    """Decodes one take's codes as they come, to the very samples that decoding all of them at once gives.

    EnCodec's decoder looks ahead: its first convolution by a few frames, its upsampler by about one. The stream keeps the LSTM's state
    and the few frames that later output depends on, and holds back `lag_frames` frames until their future is known, or `finish` says that
    there is none. Work per chunk of c frames is (c + left + right) / c of the one-shot upsampler.
    """

    def __init__(self, parts: CodecParts) -> None:
        self._parts = parts
        self._latents = torch.empty(0)  # [1, channels, kept frames], ending at `_pushed`
        self._hidden = torch.empty(0)  # [1, channels, kept frames], ending at `_listened`
        self._state: State | None = None
        self._pushed = self._listened = self._done = 0

    @property
    def lag_frames(self) -> int:
        """Frames between the newest code and the newest sample."""
        geometry = self._parts.geometry
        return geometry.first_right + geometry.upsample_right

    @torch.inference_mode()
    def push(self, codes: Tensor) -> Tensor:
        """Takes in codes `[codebooks, frames]`; returns the samples `[channels, n]` that are now certain (maybe none)."""
        self._take(codes)
        return self._emit(is_last=False)

    @torch.inference_mode()
    def finish(self, codes: Tensor | None = None) -> Tensor:
        """Takes in the last codes, if any; returns all samples that are still held back."""
        if codes is not None:
            self._take(codes)
        return self._emit(is_last=True)

    def _take(self, codes: Tensor) -> None:
        latents = self._parts.embed(codes[:, None].to(self._parts.device))
        self._latents = latents if self._pushed == 0 else torch.cat([self._latents, latents], dim=-1)
        self._pushed += codes.shape[1]

    def _emit(self, *, is_last: bool) -> Tensor:
        geometry = self._parts.geometry
        self._listen(self._pushed if is_last else self._pushed - geometry.first_right, is_last=is_last)
        target = self._listened if is_last else self._listened - geometry.upsample_right
        if target <= self._done:
            return torch.zeros(geometry.channel_count, 0, device=self._parts.device)
        start = max(0, self._done - geometry.upsample_left)
        end = self._listened if is_last else target + geometry.upsample_right
        window = self._hidden[..., self._hidden.shape[-1] - (self._listened - start) :][..., : end - start]
        samples = self._parts.upsample(window)[0]
        kept = samples[:, (self._done - start) * geometry.hop : (target - start) * geometry.hop]
        self._done = target
        self._hidden = self._tail(self._hidden, self._listened, max(0, target - geometry.upsample_left))
        return kept

    def _listen(self, target: int, *, is_last: bool) -> None:
        """Runs the first convolution and the LSTM over frames `_listened`..`target`."""
        if target <= self._listened:
            return
        hidden = self._convolve(target, is_last=is_last)
        if self._parts.lstm is not None:
            outputs, self._state = self._parts.lstm(hidden.permute(2, 0, 1), self._state)
            hidden = outputs.permute(1, 2, 0) + hidden
        self._hidden = hidden if self._hidden.numel() == 0 else torch.cat([self._hidden, hidden], dim=-1)
        self._listened = target
        keep_from = max(0, target - self._parts.geometry.first_left)
        self._latents = self._tail(self._latents, self._pushed, keep_from)

    def _convolve(self, target: int, *, is_last: bool) -> Tensor:
        geometry, first = self._parts.geometry, self._parts.first
        start, end = self._listened - geometry.first_left, target + geometry.first_right
        kept_from = self._pushed - self._latents.shape[-1]
        window = self._latents[..., max(0, start) - kept_from : min(end, self._pushed) - kept_from]
        padding = (max(0, -start), max(0, end - self._pushed) if is_last else 0)
        if any(padding):
            window = _pad(window, padding, self._parts.first_pad_mode)
        return F.conv1d(window, first.weight, first.bias, dilation=first.dilation)

    @staticmethod
    def _tail(frames: Tensor, end: int, start: int) -> Tensor:
        """The part of `frames`, which ends at frame `end`, from frame `start` on."""
        return frames[..., max(0, frames.shape[-1] - (end - start)) :].clone()


class ChannelStreams:
    """A DecodeStream for each channel of codes whose codebooks take turns. Same promises, `[channels, n]` samples."""

    def __init__(self, parts: CodecParts, channel_count: int) -> None:
        self._streams = [DecodeStream(parts) for _ in range(channel_count)]

    @property
    def lag_frames(self) -> int:
        """Frames between the newest code and the newest sample."""
        return self._streams[0].lag_frames

    def push(self, codes: Tensor) -> Tensor:
        """Takes in codes `[codebooks, frames]`; returns the samples that are now certain."""
        step = len(self._streams)
        return torch.cat([stream.push(codes[channel::step]) for channel, stream in enumerate(self._streams)])

    def finish(self, codes: Tensor | None = None) -> Tensor:
        """Takes in the last codes, if any; returns all samples that are still held back."""
        step = len(self._streams)
        parts = [
            stream.finish(None if codes is None else codes[channel::step])
            for channel, stream in enumerate(self._streams)
        ]
        return torch.cat(parts)


def _pad(frames: Tensor, padding: tuple[int, int], mode: str) -> Tensor:
    """Pads in time as EnCodec does: a reflection longer than the signal first gets zeros on its right."""
    if mode != "reflect":
        return F.pad(frames, padding, mode="constant" if mode in {"zero", "constant"} else mode)
    short = max(0, max(padding) - frames.shape[-1] + 1)
    padded = F.pad(F.pad(frames, (0, short)), padding, mode="reflect")
    return padded[..., : padded.shape[-1] - short]
