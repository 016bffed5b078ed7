"""Linear readers on inner layers: tempo, beat, chord, traits, players.

They are for training alone and are discarded afterwards.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any, Final

import torch
from torch import Tensor, nn

from . import language_model, text
from .captions import CHORDAL

GUIDED_LAYERS: Final = (1, 3)
GUIDED_FRAMES: Final = 200
GUIDE_WEIGHT: Final = 0.15
TRAITS: Final = {  # what the traits' readers ask for, and the number of classes
    "mode": 2,
    "tonic": 12,
    "bass_resonance": 3,
    "emotional_tension": 3,
    "harmonic_complexity": 3,
    "instrument_density": 6,
    "vocal_presence": 3,
}
CHORDAL_TRAITS: Final = frozenset(("mode", "tonic", "emotional_tension", "harmonic_complexity"))
TRAIT_WEIGHT: Final = 0.06  # of each
# What readers are slow to find weighs more, and fifteen times while its reader is still near chance: measured, four times does not leave
# that plateau, fifteen does in 800 steps.
HARD_TRAITS: Final = {"harmonic_complexity": 4.0, "emotional_tension": 2.0}
PUSH: Final = 15.0
NEAR_CHANCE: Final = 0.93
PLAYERS_WEIGHT: Final = 0.06  # of all fourteen together
ROOTED_FRAMES: Final = 512
ROOTS_WEIGHT: Final = 0.15


class Guides(nn.Module):
    """Linear readers of tempo and of the frame within the beat, on inner layers; discarded after training.

    The loss of tokens hardly rewards counting out the first beats that a caption asks for: measured, a wrong number of beats
    a minute cost 0.01 nats. Asked directly, the decoder has to carry the tempo from the words and count from frame 0.
    """

    def __init__(self, layers: nn.ModuleList) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(language_model.WIDTH) for _ in GUIDED_LAYERS)
        self.tempo = nn.ModuleList(nn.Linear(language_model.WIDTH, 13) for _ in GUIDED_LAYERS)
        self.phase = nn.ModuleList(nn.Linear(language_model.WIDTH, 48) for _ in GUIDED_LAYERS)
        self.states: dict[int, Tensor] = {}
        self.alone = False  # while true, what the readers find wrong does not reach the decoder
        for place, index in enumerate(GUIDED_LAYERS):
            layers[index].register_forward_hook(partial(self._keep, place))

    def _keep(self, place: int, _module: nn.Module, _inputs: object, output: Any) -> None:
        states = output[0] if isinstance(output, tuple) else output
        self.states[place] = states.detach() if self.alone else states

    def loss(self, sixteenth: Tensor) -> tuple[Tensor, Tensor]:
        """Cross-entropy of tempo and phase over the first frames, of the forward pass just made."""
        tempo, phase = [], []
        for place in range(len(GUIDED_LAYERS)):
            states = self.norms[place](self.states[place][:, :GUIDED_FRAMES].float())
            frames = torch.arange(states.shape[1])[None, :]
            beat = frames % (4 * sixteenth[:, None])
            phase.append(nn.functional.cross_entropy(self.phase[place](states).flatten(0, 1), beat.flatten()))
            wanted = sixteenth[:, None].expand(beat.shape)
            tempo.append(nn.functional.cross_entropy(self.tempo[place](states).flatten(0, 1), wanted.flatten()))
        return torch.stack(tempo).mean(), torch.stack(phase).mean()


class Roots(nn.Module):
    """Linear readers of the root of the chord that sounds in each frame, on the states that the guides keep; discarded, too.

    A state is asked about the frame that it is about to write, so at a change of chord before that is heard. Without being asked, the
    decoder held the chord that it had: its first pass knows little of what comes next, and to go on as before is never very wrong.
    """

    def __init__(self) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(language_model.WIDTH) for _ in GUIDED_LAYERS)
        self.heads = nn.ModuleList(nn.Linear(language_model.WIDTH, 12) for _ in GUIDED_LAYERS)

    def loss(self, states: dict[int, Tensor], roots: Tensor) -> Tensor:
        """Cross-entropy of `roots`, [windows, frames] of pitch classes, -100 where there is none."""
        found = []
        for place in range(len(GUIDED_LAYERS)):
            read = self.heads[place](self.norms[place](states[place][:, :ROOTED_FRAMES].float()))
            wanted = roots[:, : read.shape[1]]
            missed = nn.functional.cross_entropy(
                read[:, : wanted.shape[1]].flatten(0, 1), wanted.flatten(), reduction="sum"
            )
            found.append(missed / (wanted != -100).sum().clamp(min=1))
        return torch.stack(found).mean()


class Traits(nn.Module):
    """Linear readers of mode, key, bass, tension, harmony, density and voices, on the states that the guides keep; discarded, too.

    As with tempo: the loss of tokens hardly rewards a first bar in the mode that a caption names. Pieces without chords have no
    mode, key, tension or harmony to tell; they are left out of those.
    """

    def __init__(self) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(language_model.WIDTH) for _ in GUIDED_LAYERS)
        self.heads = nn.ModuleList(nn.Linear(language_model.WIDTH, sum(TRAITS.values())) for _ in GUIDED_LAYERS)

    def losses(self, states: dict[int, Tensor], pieces: list[dict[str, Any]]) -> Tensor:
        """Cross-entropy of every trait over the first frames, [traits]."""
        labels = [piece["labels"] for piece in pieces]
        chordal = torch.tensor([float(not CHORDAL.isdisjoint(label["instruments"])) for label in labels])
        found = torch.zeros(len(TRAITS))
        for place in range(len(GUIDED_LAYERS)):
            read = self.heads[place](self.norms[place](states[place][:, :GUIDED_FRAMES].float()))
            for index, (name, logits) in enumerate(zip(TRAITS, read.split(list(TRAITS.values()), -1), strict=True)):
                wanted = torch.tensor([(label[name] == "minor") if name == "mode" else label[name] for label in labels])
                frames = wanted.long()[:, None].expand(logits.shape[:2])
                loss = nn.functional.cross_entropy(logits.transpose(1, 2), frames, reduction="none").mean(1)
                told = chordal if name in CHORDAL_TRAITS else torch.ones(len(labels))
                found = found + nn.functional.one_hot(torch.tensor(index), len(TRAITS)) * (
                    (loss * told).sum() / told.sum().clamp(min=1)
                )
        return found / len(GUIDED_LAYERS)


def trait_weights(losses: Tensor) -> Tensor:
    """What each trait's loss is multiplied by, `[traits]`, from its smoothed losses so far."""
    weights = [
        PUSH if name in HARD_TRAITS and loss > NEAR_CHANCE * math.log(classes) else HARD_TRAITS.get(name, 1.0)
        for (name, classes), loss in zip(TRAITS.items(), losses.tolist(), strict=True)
    ]
    return TRAIT_WEIGHT * torch.tensor(weights)


class Players(nn.Module):
    """Linear readers of who plays, on the states that the guides keep; discarded, too.

    Instruments were what a run lost when captions began to say more about everything else.
    """

    def __init__(self) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(language_model.WIDTH) for _ in GUIDED_LAYERS)
        self.heads = nn.ModuleList(nn.Linear(language_model.WIDTH, len(text.INSTRUMENTS)) for _ in GUIDED_LAYERS)

    def loss(self, states: dict[int, Tensor], pieces: list[dict[str, Any]]) -> Tensor:
        """Binary cross-entropy over the first frames, summed over the instruments."""
        wanted = playing(pieces)[:, None]
        found = []
        for place in range(len(GUIDED_LAYERS)):
            read = self.heads[place](self.norms[place](states[place][:, :GUIDED_FRAMES].float()))
            missed = nn.functional.binary_cross_entropy_with_logits(read, wanted.expand(read.shape), reduction="none")
            found.append(missed.sum(-1).mean())
        return torch.stack(found).mean()


def playing(pieces: list[dict[str, Any]]) -> Tensor:
    """Who plays in each piece, [pieces, instruments] of 0 and 1."""
    return torch.tensor(
        [[float(name in piece["labels"]["instruments"]) for name in text.INSTRUMENTS] for piece in pieces]
    )
