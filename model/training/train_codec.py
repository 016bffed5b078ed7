"""Training of the codec: autoencoder, residual codebooks, decoder, polish.

The autoencoder has latent noise, the codebooks come from k-means, and the decoder is then trained on codes. The polish trains the decoder
on, from the weights that ship where this machine trained none, with a loss on pitch; codes and codebooks stay as they are.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from transformers import EncodecModel

from . import codec, corpus
from .codec import FOLDER, frozen_codec
from .losses import mel_distance_db, pitch_loss, si_sdr_db, spectral_loss
from .meters import motion
from .stopping import STOPPED, Stop

NOISE: Final = 0.3  # of each latent's deviation
NOISY_SHARE: Final = 0.6
CROP_FRAMES: Final = 50
POLISH_CROP_FRAMES: Final = 150  # the loss on pitch wants half-second windows
ON_CODES: Final = ("decoder", "polish")  # phases that train the decoder alone, on codes
MOTION_PIECES: Final = 20
MOTION_S: Final = 10
CONTEXT_FRAMES: Final = 12
CHECKPOINT_S: Final = 200.0
PITCH_WEIGHT: Final = 1.0
# A CPU without bf16 instructions emulates them: a step of the polish took 3.1 s instead of 0.6 s there.
HAS_BF16: Final = torch.cpu._is_avx512_bf16_supported()  # torch has no public name for it


class CodecTrainer:
    """One phase of training with its optimiser, clock and checkpoint; a second start goes on where the first stopped."""

    def __init__(self, phase: str, minutes: float, learning_rate: float, batch: int) -> None:
        torch.manual_seed(1)
        self._phase, self._minutes, self._peak, self._batch = phase, minutes, learning_rate, batch
        self._random = np.random.default_rng(int(time.time()))
        self.model = EncodecModel(codec.config())
        self._trained: nn.Module = self.model if phase == "ae" else self.model.decoder
        self._optimiser = torch.optim.AdamW(
            self._trained.parameters(), lr=learning_rate, betas=(0.8, 0.99), weight_decay=1e-4
        )
        self.spent_s, self.step = 0.0, 0
        self._path = FOLDER / f"{phase}.pt"
        self._resume()

    def _resume(self) -> None:
        if self._path.exists():
            state = torch.load(self._path, weights_only=True)
            self.model.load_state_dict(state["model"])
            self._optimiser.load_state_dict(state["optimiser"])
            self.spent_s, self.step = state["spent_s"], state["step"]
        elif self._phase == "decoder":
            self.model.load_state_dict(torch.load(FOLDER / "quantised.pt", weights_only=True)["model"])
        elif self._phase == "polish":
            self.model.load_state_dict(frozen_codec("decoder").state_dict())
        else:
            codec.start_analytically(self.model, corpus.crops(corpus.shards(), 256, CROP_FRAMES, self._random))

    def save(self) -> None:
        """Write the checkpoint in one move."""
        state = {
            "model": self.model.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "spent_s": self.spent_s,
            "step": self.step,
        }
        torch.save(state, self._path.with_suffix(".part"))
        self._path.with_suffix(".part").rename(self._path)

    def run(self) -> None:
        """Train until the phase's minutes are spent.

        Raises:
            SystemExit: a signal asked to stop; the checkpoint is written, and the same call goes on from it.
        """
        stop = Stop()
        saved, last = time.monotonic(), time.monotonic()
        losses: list[float] = []
        while self.spent_s < self._minutes * 60 and not stop.asked:
            losses.append(self._train_step())
            self.step += 1
            self.spent_s += time.monotonic() - last
            last = time.monotonic()
            if self.step % 100 == 0:
                self._log(float(np.mean(losses)))
                losses = []
            if time.monotonic() - saved > CHECKPOINT_S:
                self.save()
                saved = time.monotonic()
        self.save()
        if stop.asked:
            raise SystemExit(STOPPED)
        if losses:
            self._log(float(np.mean(losses)))
        if self._phase == "polish":
            print(measure_motion(self.model), flush=True)

    def _rate(self) -> float:
        """Warm-up over 50 steps, flat, and a linear decay over the last 40 % of the phase."""
        progress = self.spent_s / (self._minutes * 60)
        return self._peak * min(1.0, (self.step + 1) / 50, max(0.02, (1 - progress) / 0.4))

    def _train_step(self) -> float:
        for group in self._optimiser.param_groups:
            group["lr"] = self._rate()
        frames = POLISH_CROP_FRAMES if self._phase == "polish" else CROP_FRAMES
        audio = corpus.crops(corpus.shards(), self._batch, frames, self._random)
        with torch.autocast("cpu", torch.bfloat16, enabled=HAS_BF16 and self._phase != "polish"):
            made = self.model.decoder(self._latents(audio))
        loss = spectral_loss(made[:, 0].float(), audio[:, 0])
        if self._phase == "polish":
            loss = loss + PITCH_WEIGHT * pitch_loss(made[:, 0].float(), audio[:, 0])
        loss.backward()
        nn.utils.clip_grad_norm_(self._trained.parameters(), 1.0)
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        return loss.item()

    def _latents(self, audio: Tensor) -> Tensor:
        if self._phase in ON_CODES:
            with torch.no_grad():
                return quantised(self.model, self.model.encoder(audio).float())
        latents = self.model.encoder(audio)
        deviation = latents.detach().float().std(dim=(0, 2), keepdim=True)
        noisy = (torch.rand(len(audio), 1, 1) < NOISY_SHARE) * NOISE
        return latents + noisy * deviation * torch.randn(latents.shape)

    def _log(self, loss: float) -> None:
        figures = measure(self.model, with_codes=self._phase in ON_CODES) if self.step % 500 == 0 else {}
        line = {
            "phase": self._phase,
            "step": self.step,
            "minutes": round(self.spent_s / 60, 2),
            "loss": round(loss, 4),
            **figures,
        }
        with (FOLDER / "log.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")
        print(line, flush=True)


def quantised(model: EncodecModel, latents: Tensor) -> Tensor:
    """Latents [clips, 128, frames] replaced by the sum of their four nearest codewords."""
    codes = model.quantizer.encode(latents, 2.0)
    return model.quantizer.decode(codes)


@torch.no_grad()
def measure(model: EncodecModel, with_codes: bool) -> dict[str, float]:
    """Distances on sixty held-out seconds."""
    audio = corpus.crops(corpus.shards(held_out=True), 30, 100, np.random.default_rng(7))
    latents = model.encoder(audio)
    made = model.decoder(quantised(model, latents) if with_codes else latents)
    return {
        "mel_db": round(mel_distance_db(made[:, 0], audio[:, 0]), 3),
        "si_sdr_db": round(si_sdr_db(made[:, 0], audio[:, 0]), 3),
        "pitch_loss": round(float(pitch_loss(made[:, 0], audio[:, 0])), 3),
    }


@torch.no_grad()
def measure_motion(model: EncodecModel) -> dict[str, float]:
    """Harmonic motion of held-out pieces as rendered, and decoded from their own codes: medians over twenty pieces of ten seconds."""
    number = corpus.shards(held_out=True)[0]
    pieces = [piece for piece in corpus.labels(number) if piece["samples"] >= MOTION_S * 16_000][:MOTION_PIECES]
    samples = np.load(corpus.AUDIO / f"{number:05d}.npy", mmap_mode="r")
    starts = [piece["offset"] for piece in pieces]
    audio = np.stack([samples[start : start + MOTION_S * 16_000] for start in starts]).astype(np.float32) / 32767
    latents = model.encoder(torch.from_numpy(audio)[:, None])
    made = model.decoder(quantised(model, latents))[:, 0].numpy()
    return {
        "motion_rendered": round(float(np.median([motion(clip) for clip in audio])), 4),
        "motion_decoded": round(float(np.median([motion(clip) for clip in made])), 4),
    }


@torch.no_grad()
def make_codebooks(latent_count: int, rounds: int) -> None:
    """Residual k-means over latents of the frozen encoder; quiet frames weigh more, so that they are heard too."""
    model = EncodecModel(codec.config())
    model.load_state_dict(torch.load(FOLDER / "ae.pt", weights_only=True)["model"])
    generator = np.random.default_rng(3)
    torch.manual_seed(3)
    found = [
        model.encoder(corpus.crops(corpus.shards(), 20, 200, generator)).transpose(1, 2)[:, 8:-8].reshape(-1, 128)
        for _ in range(-(-latent_count // (20 * 184)))
    ]
    latents = torch.cat(found)
    power = latents.square().sum(1)
    weights = 1 / (power + 0.15 * power.mean())
    residual = latents
    for layer in model.quantizer.layers:
        centres = weighted_k_means(residual, weights, codec.CODEBOOK_SIZE, rounds)
        layer.codebook.embed.copy_(centres)
        layer.codebook.embed_avg.copy_(centres)
        residual = residual - centres[torch.cdist(residual, centres).argmin(1)]
        print("left", float((weights * residual.square().sum(1)).sum() / (weights * power).sum()), flush=True)
    torch.save({"model": model.state_dict()}, FOLDER / "quantised.part")
    (FOLDER / "quantised.part").rename(FOLDER / "quantised.pt")
    print(measure(model, with_codes=True), flush=True)


def weighted_k_means(points: Tensor, weights: Tensor, size: int, rounds: int) -> Tensor:
    """Lloyd's algorithm with weights; codewords that lose all points restart at badly served ones."""
    centres = points[torch.multinomial(weights, size)].clone()
    for turn in range(rounds):
        distance, nearest = torch.cat([_nearest(chunk, centres) for chunk in points.split(8192)], dim=1)
        index = nearest.long()
        mass = torch.zeros(size).index_add_(0, index, weights)
        sums = torch.zeros_like(centres).index_add_(0, index, points * weights[:, None])
        centres = sums / mass.clamp_min(1e-12)[:, None]
        empty = (mass == 0).nonzero()[:, 0]
        if len(empty) and turn < rounds - 1:
            centres[empty] = points[torch.multinomial(weights * distance, len(empty))]
    return centres


def _nearest(points: Tensor, centres: Tensor) -> Tensor:
    squared = points.square().sum(1, keepdim=True) - 2 * points @ centres.T + centres.square().sum(1)
    best = squared.min(1)
    return torch.stack([best.values.clamp_min(0), best.indices.float()])


def main() -> None:
    """One phase."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("phase", choices=("ae", "codebooks", "decoder", "polish"))
    parser.add_argument("--minutes", type=float, default=14)
    parser.add_argument("--learning-rate", type=float, default=6e-4)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--latents", type=int, default=80_000, help="frames that the codebooks are made of")
    parser.add_argument("--rounds", type=int, default=16, help="of k-means")
    arguments: Any = parser.parse_args()
    Path(FOLDER).mkdir(parents=True, exist_ok=True)
    if arguments.phase != "codebooks":
        CodecTrainer(arguments.phase, arguments.minutes, arguments.learning_rate, arguments.batch).run()
    elif not (FOLDER / "quantised.pt").exists():  # other codebooks would make nonsense of every token there is
        make_codebooks(arguments.latents, arguments.rounds)


if __name__ == "__main__":
    main()
