"""Conditions of a calibration job: its subject and renderings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from resonance.ids import canonical_digest
from resonance.steering.direction import Direction
from resonance.v1 import extract_pb2

SEED = 4242
# The seed of the further unsteered renderings, by which a calibration estimates chance.
OTHER_SEED = 5252
# Version of what is kept of a rendering. Another version is measured again.
_FORM = 2
# Strengths of a concept, in shares of its natural strength, at which the push is as large as its two sides differ. A larger push was
# measured to add little to the sound that is asked for and much to all else (docs/steering.md).
LADDER = (0.35, 0.7, 1.0)
# Strengths of a taste, and of concepts without a natural strength. The push accumulates over layers and guidance multiplies it; on the
# embedded model half a unit already saturates (docs/steering.md), so the steps are small near zero.
STRENGTHS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0)
STRENGTH_MAX = 8.0
SCAN_STRENGTH = 1.5
PROMPTS = ("calm piano music", "rock with drums and bass", "ambient synth", "jazz", "strings and flute", "techno")
CLIP_S = 4.0
_LAYERS = extract_pb2.CALIBRATION_JOB_KIND_LAYERS


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One rendering. `form` is `all`, `one_to_all`, or the number of the only layer that is pushed."""

    prompt: str
    strength: float
    clip_s: float
    form: str = "all"
    seed: int = SEED

    @property
    def key(self) -> str:
        """The condition's key in the results of its calibration job."""
        return canonical_digest([_FORM, asdict(self)])[:16]

    @property
    def baseline(self) -> Condition:
        """The same condition without steering."""
        return Condition(prompt=self.prompt, strength=0.0, clip_s=self.clip_s, seed=self.seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The concept or taste that a calibration job measures, with its direction.

    `best_layers` are the layers that a scan tries alone. `natural_strength` and `layer_gains` are a concept's own (`Concept` in the
    protos); a taste has 0 and none. `word_pairs` are the prompts (more of it, less of it) of a concept made from words alone.
    `layer_scores` and `layer_basis` are what a scan reports of all layers; `layer_reference` names the reference they were scored against.
    """

    concept: str
    taste_id: str
    direction: Direction
    vector_sha256: str
    best_layers: tuple[int, ...]
    natural_strength: float = 0.0
    layer_gains: Mapping[int, float] = field(default_factory=dict)
    word_pairs: tuple[tuple[str, str], ...] = ()
    layer_scores: tuple[extract_pb2.LayerScore, ...] = ()
    layer_basis: str = ""
    layer_reference: str = ""


def parse_conditions(
    request: extract_pb2.StartCalibrationJobRequest, subject: Subject
) -> tuple[dict[str, Condition], bool]:
    """The renderings of a request by key, and whether they are the usual ones. A value that is empty or 0 takes its usual value."""
    clip_s = max(1.0, request.clip_s) if request.clip_s else CLIP_S
    prompts, strengths = request.prompts or PROMPTS, request.strengths or _usual_strengths(request.kind, subject)
    found = _build(request.kind, subject, prompts, strengths, clip_s)
    usual = _build(request.kind, subject, PROMPTS, _usual_strengths(request.kind, subject), CLIP_S)
    return found, found.keys() == usual.keys()


def _build(
    kind: extract_pb2.CalibrationJobKind,
    subject: Subject,
    prompts: Sequence[str],
    strengths: Sequence[float],
    clip_s: float,
) -> dict[str, Condition]:
    """The renderings by key, each prompt's unsteered baseline first. A range job also renders each prompt unsteered with another seed."""
    forms = steering_forms(subject) if kind == _LAYERS else ["all"]
    tried = sorted({*strengths} - {0.0})
    steps = [("all", 0.0), *((form, strength) for form in forms for strength in tried)]
    found = [
        Condition(prompt=prompt, strength=strength, clip_s=clip_s, form=form)
        for prompt in prompts
        for form, strength in steps
    ]
    if kind != _LAYERS:
        found += [Condition(prompt=prompt, strength=0.0, clip_s=clip_s, seed=OTHER_SEED) for prompt in prompts]
    return {one.key: one for one in found}


def steering_forms(subject: Subject) -> list[str]:
    """The forms that a layer scan tries: the best layers by number, `all`, `one_to_all`."""
    return [*(str(layer) for layer in subject.best_layers), "all", "one_to_all"]


def strength_ladder(natural_strength: float) -> list[float]:
    """The usual strengths of a range job on both sides of zero, in rising order."""
    sizes = [share * natural_strength for share in LADDER] if natural_strength > 0 else list(STRENGTHS)
    capped = {STRENGTH_MAX if size > 0.9 * STRENGTH_MAX else round(size, 4) for size in sizes}
    up = sorted(capped - {0.0})
    return [*(-size for size in reversed(up)), *up]


def _usual_strengths(kind: extract_pb2.CalibrationJobKind, subject: Subject) -> list[float]:
    if kind != _LAYERS:
        return strength_ladder(subject.natural_strength)
    scan = min(STRENGTH_MAX, subject.natural_strength) or SCAN_STRENGTH
    return [-scan, scan]
