"""Training of the language model, data-parallel on two cores.

The schedule is warm-up, stable, decay. Every evaluation line has a gate.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from random import Random
from typing import Any, Final

import torch
import torch.distributed as dist
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast, T5EncoderModel

from . import corpus, language_model, text
from .captions import CHORDAL
from .feed import LEFT_MIN, PASSES_MAX, Feeder
from .forms import heard_before
from .readers import (
    GUIDE_WEIGHT,
    PLAYERS_WEIGHT,
    ROOTS_WEIGHT,
    TRAITS,
    Guides,
    Players,
    Roots,
    Traits,
    trait_weights,
)
from .stopping import STOPPED, Stop
from .windows import IGNORED, SPOILT_SHARE, UNTOLD, Corpus, Window, delayed, roots, spoilt, words

FOLDER: Final = corpus.WORK / "player"
CHECKPOINT_S: Final = 240.0
EVALUATION_S: Final = 420.0
CAPTION_DROPOUT: Final = 0.1
BOOK_WEIGHTS: Final = (1.3, 1.1, 0.9, 0.7)
EARLY_FRAMES: Final = 12
EARLY_WEIGHT: Final = 3.0
GRID_FRAMES: Final = 2  # the frames at and after a sixteenth, where notes start or do not
GRID_WEIGHT: Final = 2.0
FRAMES_PER_STEP: Final = 2000  # of each process
TRAIT_SMOOTHING: Final = 0.98  # per step, of the traits' losses by which their weights are chosen
SMOOTHING: Final = 0.995  # per step, of the averaged weights that are exported
ALONE_STEPS: Final = 120  # in which fresh readers only read: what they get wrong at first is no fault of the decoder
CHANGE_FRAMES: Final = 8  # after a change of chord, of which the log tells the loss
CHANGE_WEIGHT: Final = 2.0  # of those frames: to hold the old chord is never very wrong, and the music stood
TUNED: Final = CHORDAL | {"bass guitar", "synth bass"}  # whoever tells a chord's root


class Trainer:
    """One process of the data-parallel run; rank 0 writes checkpoints and the log."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._rank, self._world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
        self._arguments = arguments
        self._stop = Stop()
        torch.manual_seed(5)
        self.player = language_model.Player(T5EncoderModel.from_pretrained(text.FOLDER, dtype=torch.float32))
        language_model.start(self.player)
        self._tokenizer: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(text.FOLDER)
        self._guides = Guides(self.player.decoder.model.decoder.layers)
        self._traits = Traits()
        self._players = Players()
        self._roots = Roots()
        self._optimisers = self._make_optimisers()
        self.step, self.frames, self.spent_s, self._warm_from = 0, 0, 0.0, 0
        self._readers_from = 0
        self._smooth: list[Tensor] = []
        self._train = Corpus(held_out=False, fresh=range(arguments.fresh_from, arguments.fresh_to))
        self._resume()
        self._smooth = self._smooth or [parameter.detach().clone() for parameter in self.player.parameters()]
        self._guide_losses: list[tuple[float, float]] = []
        self._trait_losses: list[Tensor] = []
        self._smooth_traits = torch.zeros(len(TRAITS))  # nothing is pushed until it was heard
        self._player_losses: list[float] = []
        self._root_losses: list[float] = []
        self._random = Random(self.step * 1000 + self._rank)
        self._lengths = Random(self.step)  # the same for all processes, so that none waits for a longer one
        self._held_out = Corpus(held_out=True)
        self._feeder = None if arguments.feed_from is None else Feeder(arguments.feed_from, self._rank, self._world)

    def _make_optimisers(self) -> tuple[torch.optim.Optimizer, ...]:
        """Muon for the decoder's inner matrices, AdamW for words, cross-attention, vocabulary and the heads that look back."""
        inner: list[nn.Parameter] = []
        decayed: list[nn.Parameter] = []
        plain: list[nn.Parameter] = []
        for name, parameter in self.player.named_parameters():
            if name.startswith("text_encoder"):
                continue
            if name.endswith(("fc1.weight", "fc2.weight", "self_attn.v_proj.weight", "self_attn.out_proj.weight")):
                inner.append(parameter)
            else:
                (decayed if parameter.dim() == 2 and "embed" not in name else plain).append(parameter)
        groups = [
            {"params": decayed, "weight_decay": 0.05, "scale": 1.0},
            {"params": plain, "weight_decay": 0.0, "scale": 1.0},
            {"params": list(self.player.text_encoder.parameters()), "weight_decay": 0.0, "scale": 0.4},
        ]
        muon = [{"params": inner, "scale": 1.0}]
        return (
            torch.optim.AdamW(groups, lr=self._arguments.peak, betas=(0.9, 0.97), eps=1e-8, fused=True),
            torch.optim.Muon(muon, lr=self._arguments.peak, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW([{"params": list(self._guides.parameters()), "scale": 1.0}], lr=self._arguments.peak),
            torch.optim.AdamW([{"params": list(self._traits.parameters()), "scale": 1.0}], lr=self._arguments.peak),
            torch.optim.AdamW([{"params": list(self._players.parameters()), "scale": 1.0}], lr=self._arguments.peak),
            torch.optim.AdamW([{"params": list(self._roots.parameters()), "scale": 1.0}], lr=self._arguments.peak),
        )

    def _resume(self) -> None:
        path = FOLDER / "checkpoint.pt"
        if path.exists():
            state = torch.load(path, weights_only=True)
            self.player.load_state_dict(state["player"])
            if "smooth" in state:
                self._smooth = [state["smooth"][name].clone() for name, _ in self.player.named_parameters()]
            self.step, self.frames, self.spent_s = state["step"], state["frames"], state["spent_s"]
            if not self._rank:
                forget_after(FOLDER / "log.jsonl", self.step)
            self._warm_from, self._train.drawn = state.get("warm_from", 0), state.get("drawn", {})
            self._readers_from = state.get("readers_from", 0)
            if self._arguments.graft_copying:
                language_model.teach_copying(self.player)
            if self._arguments.graft_metre:
                language_model.teach_metre(self.player)
            if self._arguments.graft_copying or self._arguments.fresh_optimiser:
                self._warm_from = self.step
                return
            for optimiser, kept in zip(
                self._optimisers, state["optimisers"], strict=False
            ):  # guides, traits, players and roots came later
                optimiser.load_state_dict(kept)
            if "guides" in state:
                self._guides.load_state_dict(state["guides"])
            if "traits" in state:
                self._traits.load_state_dict(state["traits"])
            if "players" in state:
                self._players.load_state_dict(state["players"])
            if "roots" in state:
                self._roots.load_state_dict(state["roots"])
            else:
                self._readers_from = self.step
            if self._arguments.rewarm:
                self._warm_from = self.step
        elif self._arguments.from_weights:
            self.player.load_exported(self._arguments.from_weights)

    def save(self, name: str = "checkpoint") -> None:
        """Write the checkpoint in one move (rank 0)."""
        if self._rank:
            return
        state = {
            "player": self.player.state_dict(),
            "smooth": self._smoothed(),
            "guides": self._guides.state_dict(),
            "traits": self._traits.state_dict(),
            "players": self._players.state_dict(),
            "roots": self._roots.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self._optimisers],
            "step": self.step,
            "frames": self.frames,
            "spent_s": self.spent_s,
            "warm_from": self._warm_from,
            "readers_from": self._readers_from,
            "drawn": self._train.drawn,
        }
        torch.save(state, FOLDER / f"{name}.part")
        (FOLDER / f"{name}.part").rename(FOLDER / f"{name}.pt")

    def _smoothed(self) -> dict[str, Tensor]:
        names = [name for name, _ in self.player.named_parameters()]
        return {**self.player.state_dict(), **dict(zip(names, self._smooth, strict=True))}

    def run(self) -> None:
        """Train until the deadline, which the first clock to reach it calls for all.

        Raises:
            SystemExit: a signal asked to stop; the checkpoint is written, and the same call goes on from it.
        """
        saved = measured = last = time.monotonic()
        losses: list[float] = []
        if self._rank == 0 and self.step == 0 and self._arguments.from_weights:
            self._evaluate()  # what the weights know of this music before they learn from it
        while not self._stops():
            self._feed()
            losses.append(self._train_step())
            now = time.monotonic()
            self.spent_s, last = self.spent_s + now - last, now
            if self.step % 50 == 0:
                self._write(
                    {
                        "loss": round(sum(losses) / len(losses), 4),
                        "rate": round(self._rate(), 6),
                        "pieces": len(self._train),
                        "tempo": round(sum(tempo for tempo, _ in self._guide_losses) / len(self._guide_losses), 3),
                        "phase": round(sum(phase for _, phase in self._guide_losses) / len(self._guide_losses), 3),
                        "traits": self._mean_traits(),
                        "players": round(sum(self._player_losses) / len(self._player_losses), 3),
                        "roots": round(sum(self._root_losses) / len(self._root_losses), 3),
                        "passes_left": round(self._train.passes_left(), 2) if self._feeder else None,
                    }
                )
                losses, self._guide_losses, self._trait_losses = [], [], []
                self._player_losses, self._root_losses = [], []
                self._train.refresh()
            if now - saved > CHECKPOINT_S:
                self.save()
                saved = now
            if now - measured > EVALUATION_S and self._rank == 0:
                self._evaluate()
                measured = time.monotonic()
        self.save()
        if self._stop.asked:
            raise SystemExit(STOPPED)
        if self._rank == 0:
            self._evaluate()

    def _feed(self) -> None:
        """A fresh shard where too little is left of what there is."""
        if self._feeder is not None and self.step % 10 == 0:
            self._train.passes_max = PASSES_MAX / self._world
            if self._train.passes_left() < LEFT_MIN:
                self._feeder.feed()
            self._train.refresh()

    def _mean_traits(self) -> dict[str, float]:
        means = torch.stack(self._trait_losses).mean(0).tolist()
        return {name: round(mean, 3) for name, mean in zip(TRAITS, means, strict=True)}

    def _stops(self) -> bool:
        flag = torch.tensor([float(self._stop.asked or time.time() >= self._arguments.until)])
        if self._world > 1:
            dist.all_reduce(flag, dist.ReduceOp.MAX)
        return bool(flag.item())

    def _rate(self) -> float:
        """Warm-up over 80 steps, stable, then a linear decay over the last `decay_s` seconds before the deadline."""
        warm = (self.step - self._warm_from + 1) / 80
        return float(self._arguments.peak * min(1.0, warm, max(0.03, self._left())))

    def _left(self) -> float:
        """Of the decay, more than 1 before it."""
        return float((self._arguments.until - time.time()) / max(1.0, self._arguments.decay_s))

    def _spoilt_share(self) -> float:
        return float(SPOILT_SHARE if self._left() > 1 else self._arguments.spoilt_in_decay)

    def _length(self) -> int:
        """The curriculum: half a second to two at first, then windows that hold several chords and parts, up to thirty seconds."""
        if self.frames < self._arguments.short_frames:
            return self._lengths.choice((32, 64, 100))
        return self._lengths.choices((64, 128, 256, 400, 640, 1000, 1500), (4, 16, 34, 22, 12, 7, 5))[0]

    def _train_step(self) -> float:
        frames = self._length()
        batch = [self._train.window(self._random, frames) for _ in range(max(2, FRAMES_PER_STEP // frames))]
        self._guides.alone = self.step - self._readers_from < ALONE_STEPS
        rate = self._rate()
        for optimiser in self._optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate * group["scale"]
        loss = self._loss(batch)
        loss.backward()
        self._average_gradients()
        nn.utils.clip_grad_norm_(self.player.parameters(), 1.0)
        for optimiser in self._optimisers:
            optimiser.step()
            optimiser.zero_grad(set_to_none=False)
        if not self._rank:
            with torch.no_grad():
                torch._foreach_lerp_(self._smooth, list(self.player.parameters()), 1 - SMOOTHING)
        self.step += 1
        self.frames += sum(window.codes.shape[1] for window in batch) * self._world
        return loss.item()

    def _average_gradients(self) -> None:
        if self._world == 1:
            return
        readers = (self._guides, self._traits, self._players, self._roots)
        parameters = (*self.player.parameters(), *(p for reader in readers for p in reader.parameters()))
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        flat /= self._world
        torch._foreach_copy_(
            gradients,
            [
                part.view_as(gradient)
                for part, gradient in zip(
                    flat.split([gradient.numel() for gradient in gradients]), gradients, strict=True
                )
            ],
        )

    def _loss(self, batch: list[Window]) -> Tensor:
        word_ids, mask = words(self._tokenizer, batch, self._random)
        kept = torch.tensor([float(self._random.random() >= CAPTION_DROPOUT) for _ in batch])
        losses, labels = self._token_losses(batch, word_ids, mask, kept, spoiled=True)
        frame = torch.arange(labels.shape[-1])[None, :] - torch.arange(4)[:, None]
        sixteenth = torch.tensor([window.piece["labels"]["frames_per_sixteenth"] for window in batch])[:, None, None]
        weight = torch.tensor(BOOK_WEIGHTS)[None, :, None] * (1 + (EARLY_WEIGHT - 1) * (frame < EARLY_FRAMES))
        weight = weight * (1 + (GRID_WEIGHT - 1) * (frame % sixteenth < GRID_FRAMES))
        weight = weight * (1 + (CHANGE_WEIGHT - 1) * after_changes(batch, labels.shape[-1])[:, None])
        weight = weight * (labels != IGNORED)
        tempo, phase = self._guides.loss(sixteenth[:, 0, 0])
        self._guide_losses.append((tempo.item(), phase.item()))
        traits = self._traits.losses(self._guides.states, [window.piece for window in batch])
        self._trait_losses.append(traits.detach())
        if self.frames >= self._arguments.short_frames:  # half-second windows have no harmony to find
            self._smooth_traits.lerp_(traits.detach(), 1 - TRAIT_SMOOTHING)
        players = self._players.loss(self._guides.states, [window.piece for window in batch])
        self._player_losses.append(players.item())
        rooted = self._roots.loss(self._guides.states, rooted_frames(batch))
        self._root_losses.append(rooted.item())
        tokens = (losses * weight).sum() / weight.sum()
        return (
            tokens
            + GUIDE_WEIGHT * (tempo + phase)
            + (trait_weights(self._smooth_traits) * traits).sum()
            + PLAYERS_WEIGHT * players
            + ROOTS_WEIGHT * rooted
        )

    def _token_losses(
        self, batch: list[Window], word_ids: Tensor, mask: Tensor, kept: Tensor, spoiled: bool = False
    ) -> tuple[Tensor, Tensor]:
        heard = [spoilt(window, self._random, self._spoilt_share()) for window in batch] if spoiled else batch
        (ids, _), (_, labels) = delayed(heard), delayed(batch)
        for row, window in enumerate(heard):
            if window.told is not None:
                for book in range(4):
                    labels[row, book, window.told + book :] = IGNORED
        self._choose_attention(ids.shape[-1])
        with torch.autocast("cpu", torch.bfloat16, enabled=bool(self._arguments.bf16)):
            logits = self.player(ids, word_ids, mask, kept)
        losses = nn.functional.cross_entropy(
            logits.flatten(0, 2).float(), labels.flatten(), ignore_index=IGNORED, reduction="none"
        )
        return losses.view(labels.shape), labels

    def _choose_attention(self, positions: int) -> None:
        """Measured on one core: written-out attention makes 4,050 frames a second at 100 positions, the fused one 2,400."""
        wanted = "eager" if positions <= 264 else "sdpa"
        if self.player.decoder.config._attn_implementation != wanted:
            self.player.decoder.set_attn_implementation(wanted)

    @torch.no_grad()
    def _evaluate(self) -> None:
        """The examination of the averaged weights, which are what is exported."""
        live = [parameter.detach().clone() for parameter in self.player.parameters()]
        torch._foreach_copy_(list(self.player.parameters()), self._smooth)
        self._examine()
        torch._foreach_copy_(list(self.player.parameters()), live)

    def _examine(self) -> None:
        """Held-out losses: by codebook, first pass against repeat, and frame 0 with right, shuffled and no captions."""
        random = Random(11)
        batch = [self._held_out.window(random, 500, from_start=True) for _ in range(24)]
        word_ids, mask = words(self._tokenizer, batch, random)
        ones = torch.ones(len(batch))
        losses, labels = self._token_losses(batch, word_ids, mask, ones)
        known = labels != IGNORED
        frame = torch.arange(labels.shape[-1])[None, None] - torch.arange(4)[None, :, None]
        heard = torch.tensor(
            [[heard_before(w.piece["form"], w.piece["part_frames"], at) for at in range(512)] for w in batch]
        )
        heard = heard[torch.arange(len(batch))[:, None, None], frame.expand(len(batch), -1, -1).clamp(0, 511)]
        part = torch.tensor([window.piece["part_frames"] for window in batch])[:, None, None]
        first, repeat = known & ~heard & (frame >= 0), known & heard & (frame % part >= 8)
        changed = first[:, 0] & after_changes(batch, labels.shape[-1])
        starts = [self._held_out.window(random, 16, from_start=True) for _ in range(256)]
        start_ids, start_mask = words(self._tokenizer, starts, random)
        right = self._frame_zero(starts, start_ids, start_mask, torch.ones(256))
        order = torch.arange(256).roll(77)
        wrong = self._frame_zero(starts, start_ids[order], start_mask[order], torch.ones(256))
        none = self._frame_zero(starts, start_ids, start_mask, torch.zeros(256))
        self._write(
            {
                "held_out": round(float(losses[known].mean()), 4),
                "books": [round(float(losses[:, book][known[:, book]].mean()), 3) for book in range(4)],
                "first_pass": round(float(losses[first].mean()), 4),
                "repeat": round(float(losses[repeat].mean()), 4),
                "changes": round(float(losses[:, 0][changed].mean()), 4),
                "repeat_ratio": round(float(losses[repeat].mean() / losses[first].mean()), 4),
                "frame_0": {
                    "right": round(right, 3),
                    "shuffled": round(wrong, 3),
                    "none": round(none, 3),
                    "gap": round(wrong - right, 3),
                },
            }
        )

    def _frame_zero(self, batch: list[Window], word_ids: Tensor, mask: Tensor, kept: Tensor) -> float:
        losses, _labels = self._token_losses(batch, word_ids, mask, kept)
        first = losses[:, 0, 0]
        return float(first.mean())

    def _write(self, figures: dict[str, Any]) -> None:
        if self._rank == 0:
            line = {"step": self.step, "frames": self.frames, "minutes": round(self.spent_s / 60, 2), **figures}
            with (FOLDER / "log.jsonl").open("a") as log:
                log.write(json.dumps(line) + "\n")
            print(line, flush=True)


def rooted_frames(batch: list[Window]) -> Tensor:
    """The chords' roots at each frame, [windows, frames], untold where nobody plays them."""
    frames = max(window.codes.shape[1] for window in batch)
    found = torch.full((len(batch), frames), UNTOLD)
    for row, window in enumerate(batch):
        if not TUNED.isdisjoint(window.piece["labels"]["instruments"]):
            told = roots(window.piece, window.codes.shape[1], window.skipped)
            found[row, : len(told)] = torch.from_numpy(told)
    return found


def after_changes(batch: list[Window], positions: int) -> Tensor:
    """Whether a frame is one of the first after a change of chord, [windows, positions]; the first chord of all is no change."""
    found = torch.zeros(len(batch), positions, dtype=torch.bool)
    for row, told in enumerate(rooted_frames(batch)):
        for frame in ((told[1:] != told[:-1]) & (told[1:] != UNTOLD)).nonzero()[:, 0].tolist():
            found[row, frame + 1 : frame + 1 + CHANGE_FRAMES] = True
    return found


def forget_after(log: Path, step: int) -> None:
    """Drop the log's lines about steps that a killed run made after its last checkpoint: they will be made again."""
    if log.exists():
        kept = [line for line in log.read_text().splitlines() if json.loads(line)["step"] <= step]
        log.write_text("".join(line + "\n" for line in kept))


def main() -> None:
    """Train, or go on training, until a time of day."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--until", type=float, default=None, help="deadline in seconds since 1970; default: --minutes from now"
    )
    parser.add_argument("--minutes", type=float, default=75)
    parser.add_argument("--decay-s", type=float, default=900)
    parser.add_argument("--peak", type=float, default=1.5e-3)
    parser.add_argument("--short-frames", type=int, default=1_500_000)
    parser.add_argument(
        "--from-weights", type=Path, default=None, help="an exported folder to start from when there is no checkpoint"
    )
    parser.add_argument(
        "--graft-copying", action="store_true", help="write the copying heads into the checkpoint, once"
    )
    parser.add_argument(
        "--graft-metre", action="store_true", help="point the last layers' heads a beat and a bar back, once"
    )
    parser.add_argument("--rewarm", action="store_true", help="keep the optimisers' state and warm up again")
    parser.add_argument("--fresh-optimiser", action="store_true", help="go on without the optimisers' state")
    parser.add_argument(
        "--fresh-from", type=int, default=10_000, help="shards from here on are drawn three times as often"
    )
    parser.add_argument("--fresh-to", type=int, default=10_000, help="... up to this one, which is not")
    parser.add_argument(
        "--spoilt-in-decay", type=float, default=SPOILT_SHARE, help="share of spoilt windows while the rate decays"
    )
    parser.add_argument(
        "--feed-from",
        type=int,
        default=None,
        help="compose fresh shards from this one on, and pass none more than three times",
    )
    parser.add_argument("--bf16", type=int, default=1)
    arguments = parser.parse_args()
    arguments.until = arguments.until or time.time() + 60 * arguments.minutes
    Path(FOLDER).mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        dist.init_process_group("gloo")
    Trainer(arguments).run()


if __name__ == "__main__":
    main()
