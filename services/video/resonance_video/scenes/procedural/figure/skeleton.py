"""Skeleton: joints of each pose at a phase of the music; lengths are shares of the figure's height, y grows downwards, feet at 0."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from resonance_video.models import Instrument, Pose
from resonance_video.scenes.procedural.pens import Point

THIGH, SHIN, UPPER_ARM, FOREARM = 0.245, 0.245, 0.155, 0.145
STRIDE = 0.40
_STANCE = 0.56  # share of a step cycle with the foot on the ground
_LIFT = 0.055
_BREATH = 0.004


class Turn(StrEnum):
    """The side of the figure that is seen."""

    SIDE = "side"
    FRONT = "front"
    BACK = "back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limb:
    """Root, middle and end joint: hip, knee, ankle or shoulder, elbow, hand."""

    root: Point
    middle: Point
    end: Point


@dataclass(frozen=True, slots=True, kw_only=True)
class Skeleton:
    """Joints of one moment. `lean` and `nod` are angles in degrees, forward positive; `near_leg` and `near_arm` are drawn last."""

    turn: Turn
    hip: Point
    shoulder: Point
    head: Point
    lean: float
    nod: float
    far_leg: Limb
    near_leg: Limb
    far_arm: Limb
    near_arm: Limb
    foot_angles: tuple[float, float]
    is_seated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What a pose follows: step and sway phases, the beat's pulse, energy from 0 to 1, seconds, and the share of the shot."""

    step: float
    sway: float
    beat: float
    energy: float
    seconds: float
    share: float


def pose_skeleton(pose: Pose, moment: Moment, instrument: Instrument | None, turn: Turn) -> Skeleton:
    """The skeleton of a pose."""
    if pose is Pose.WALK:
        return _walk(moment)
    if pose is Pose.SIT:
        return _sit(moment, turn)
    if pose is Pose.PLAY:
        return _play(moment, instrument or Instrument.GUITAR)
    if pose is Pose.DANCE:
        return _dance(moment)
    return _upright(pose, moment, turn)


def stride_per_cycle() -> float:
    """The way, in figure heights, that the ground passes in one cycle of two steps."""
    return STRIDE / _STANCE


def _walk(moment: Moment) -> Skeleton:
    cycle = moment.step % 1.0
    bob = 0.014 * math.cos(4 * math.pi * cycle)
    lean = 2.5 + 2.5 * moment.energy
    hip = (0.0, -0.492 + bob)
    shoulder = _above(hip, 0.30, lean)
    near_foot, near_angle = _foot(cycle)
    far_foot, far_angle = _foot((cycle + 0.5) % 1.0)
    swing = math.sin(2 * math.pi * (cycle + 0.22)) * (0.10 + 0.05 * moment.energy)
    return Skeleton(
        turn=Turn.SIDE,
        hip=hip,
        shoulder=shoulder,
        head=_above(shoulder, 0.128, lean * 0.4),
        lean=lean,
        nod=1.5 * math.sin(4 * math.pi * cycle),
        far_leg=_leg(hip, far_foot),
        near_leg=_leg(hip, near_foot),
        far_arm=_arm(shoulder, (shoulder[0] + swing + 0.01, shoulder[1] + 0.275)),
        near_arm=_arm(shoulder, (shoulder[0] - swing + 0.01, shoulder[1] + 0.275)),
        foot_angles=(far_angle, near_angle),
    )


def _foot(phase: float) -> tuple[Point, float]:
    """The ankle at a phase of the cycle, 0 when the heel falls, and the foot's angle."""
    if phase < _STANCE:
        share = phase / _STANCE
        roll = -14 * max(0.0, 1 - share * 5) + 26 * max(0.0, share * 3.2 - 2.2)
        heel = 0.03 * max(0.0, share * 3.2 - 2.2)
        return (STRIDE * (0.5 - share), -0.045 - heel), roll
    share = (phase - _STANCE) / (1 - _STANCE)
    eased = share * share * (3 - 2 * share)
    lift = _LIFT * math.sin(math.pi * share) ** 0.8 + 0.03 * (1 - share)
    return (STRIDE * (eased - 0.5), -0.045 - lift), 26 * (1 - share) ** 2 - 14 * share**3


def _upright(pose: Pose, moment: Moment, turn: Turn) -> Skeleton:
    """Stand, look up, open arms: weight shifts with the sway."""
    shift = 0.010 * math.sin(math.pi * moment.sway)
    breath = _BREATH * math.sin(1.7 * moment.seconds)
    hip = (shift, -0.525)
    lean = {Pose.LOOK_UP: -3.0, Pose.OPEN_ARMS: -2.0}.get(pose, 0.0) if turn is Turn.SIDE else 60 * shift
    shoulder = _above(hip, 0.285 + breath, lean)
    nod = {Pose.LOOK_UP: -24.0, Pose.OPEN_ARMS: -14.0}.get(pose, 0.0) * _settle(moment.share)
    head = _above(shoulder, 0.128, lean * 0.3 + (nod * 0.35 if turn is Turn.SIDE else 0))
    far_foot, near_foot = ((-0.035, -0.045), (0.05, -0.045)) if turn is Turn.SIDE else ((-0.06, -0.045), (0.06, -0.045))
    far_hand, near_hand = _hands(pose, moment, shoulder, turn)
    far_shoulder, near_shoulder = _shoulders(shoulder, turn)
    far_hip, near_hip = _hips(hip, turn)
    return Skeleton(
        turn=turn,
        hip=hip,
        shoulder=shoulder,
        head=head,
        lean=lean,
        nod=nod,
        far_leg=_leg(far_hip, far_foot, outward=0 if turn is Turn.SIDE else -1),
        near_leg=_leg(near_hip, near_foot, outward=0 if turn is Turn.SIDE else 1),
        far_arm=_arm(far_shoulder, far_hand, is_left=turn is not Turn.SIDE),
        near_arm=_arm(near_shoulder, near_hand),
        foot_angles=(0.0, 0.0),
    )


def _hands(pose: Pose, moment: Moment, shoulder: Point, turn: Turn) -> tuple[Point, Point]:
    x, y = shoulder
    sway = 0.012 * math.sin(math.pi * moment.sway)
    if pose is Pose.OPEN_ARMS:
        opened = _settle(moment.share)
        rise = -0.06 - 0.05 * moment.energy + 0.012 * moment.beat
        reach = 0.30 if turn is not Turn.SIDE else 0.24
        out = 0.13 + (reach - 0.13 + 0.08) * opened
        down = 0.27 * (1 - opened) + (rise + sway) * opened
        return (x - out, y + down), (x + out, y + down)
    if turn is Turn.SIDE:
        return (x + 0.02 + sway, y + 0.272), (x + 0.035 + sway, y + 0.272)
    return (x - 0.135 + sway, y + 0.27), (x + 0.135 + sway, y + 0.27)


def _sit(moment: Moment, turn: Turn) -> Skeleton:
    """Seated on something 0.27 high, seen from the side; a foot taps the beat."""
    hip = (-0.02, -0.30)
    lean = 7.0 + 2.0 * math.sin(math.pi * moment.sway)
    shoulder = _above(hip, 0.30, lean)
    tap = 10.0 * moment.beat
    nod = 6.0 + 4.0 * math.sin(math.pi * moment.sway)
    return Skeleton(
        turn=Turn.SIDE,
        hip=hip,
        shoulder=shoulder,
        head=_above(shoulder, 0.128, lean * 0.8),
        lean=lean,
        nod=nod,
        far_leg=_leg(hip, (0.235, -0.045)),
        near_leg=_leg(hip, (0.19, -0.045)),
        far_arm=_arm(shoulder, (shoulder[0] + 0.15, -0.36)),
        near_arm=_arm(shoulder, (shoulder[0] + 0.10, -0.335)),
        foot_angles=(0.0, -tap),
        is_seated=True,
    )


def _play(moment: Moment, instrument: Instrument) -> Skeleton:
    if instrument is Instrument.PIANO:
        return _play_piano(moment)
    base = _upright(Pose.STAND, moment, Turn.FRONT)
    shoulder = base.shoulder
    far_shoulder, near_shoulder = _shoulders(shoulder, Turn.FRONT)
    beat = math.sin(2 * math.pi * moment.sway)
    if instrument is Instrument.GUITAR:
        strum = (shoulder[0] - 0.045, shoulder[1] + 0.235 + 0.03 * beat)
        fret = (shoulder[0] + 0.255, shoulder[1] + 0.115 + 0.006 * beat)
        far_hand, near_hand = strum, fret
    else:
        bow = 0.055 * math.sin(math.pi * moment.sway)
        far_hand = (shoulder[0] - 0.075 + bow, shoulder[1] + 0.065 + 0.6 * bow)
        near_hand = (shoulder[0] + 0.235, shoulder[1] - 0.01)
    return Skeleton(
        turn=Turn.FRONT,
        hip=base.hip,
        shoulder=shoulder,
        head=(base.head[0] + (0.018 if instrument is Instrument.VIOLIN else 0.006), base.head[1]),
        lean=base.lean,
        nod=9.0 if instrument is Instrument.VIOLIN else 5.0 + 3.0 * moment.beat,
        far_leg=base.far_leg,
        near_leg=base.near_leg,
        far_arm=_arm(far_shoulder, far_hand),
        near_arm=_arm(near_shoulder, near_hand),
        foot_angles=(0.0, 0.0),
    )


def _play_piano(moment: Moment) -> Skeleton:
    seated = _sit(moment, Turn.SIDE)
    shoulder = seated.shoulder
    press = 0.014 * math.sin(2 * math.pi * moment.sway)
    return Skeleton(
        turn=Turn.SIDE,
        hip=seated.hip,
        shoulder=shoulder,
        head=seated.head,
        lean=seated.lean,
        nod=seated.nod + 4.0 * moment.beat,
        far_leg=seated.far_leg,
        near_leg=seated.near_leg,
        far_arm=_arm(shoulder, (0.245, -0.425 + press)),
        near_arm=_arm(shoulder, (0.225, -0.425 - press)),
        foot_angles=(0.0, 0.0),
        is_seated=True,
    )


def _dance(moment: Moment) -> Skeleton:
    """From the front: knees bend on each beat, the hips swing, the arms wave against each other."""
    swing = math.sin(math.pi * moment.sway)
    bounce = 0.035 * moment.beat * (0.5 + 0.5 * moment.energy)
    hip = (0.035 * swing, -0.52 + bounce)
    lean = -5.0 * swing
    shoulder = _above(hip, 0.285, lean)
    far_shoulder, near_shoulder = _shoulders(shoulder, Turn.FRONT)
    wave = math.sin(math.pi * moment.sway + 0.6)
    lift = 20.0 + 30.0 * moment.energy
    far_hand = _around(far_shoulder, 180 - lift - 38 * wave, 0.265)
    near_hand = _around(near_shoulder, lift - 38 * wave, 0.265)
    far_hip, near_hip = _hips(hip, Turn.FRONT)
    step = 0.02 * max(0.0, math.sin(math.pi * moment.sway))
    other = 0.02 * max(0.0, -math.sin(math.pi * moment.sway))
    return Skeleton(
        turn=Turn.FRONT,
        hip=hip,
        shoulder=shoulder,
        head=_above(shoulder, 0.128, lean * 0.6 + 4 * swing),
        lean=lean,
        nod=4.0 * moment.beat,
        far_leg=_leg(far_hip, (-0.085, -0.045 - step), outward=-1),
        near_leg=_leg(near_hip, (0.085, -0.045 - other), outward=1),
        far_arm=_arm(far_shoulder, far_hand, is_left=True),
        near_arm=_arm(near_shoulder, near_hand),
        foot_angles=(0.0, 0.0),
    )


def _shoulders(shoulder: Point, turn: Turn) -> tuple[Point, Point]:
    if turn is Turn.SIDE:
        return shoulder, shoulder
    return (shoulder[0] - 0.092, shoulder[1] + 0.012), (shoulder[0] + 0.092, shoulder[1] + 0.012)


def _hips(hip: Point, turn: Turn) -> tuple[Point, Point]:
    if turn is Turn.SIDE:
        return hip, hip
    return (hip[0] - 0.045, hip[1]), (hip[0] + 0.045, hip[1])


def _settle(share: float) -> float:
    """From 0 to 1 over the first half of a shot."""
    share = min(max(share / 0.45, 0.0), 1.0)
    return share * share * (3 - 2 * share)


def _above(point: Point, length: float, lean: float) -> Point:
    angle = math.radians(lean)
    return point[0] + length * math.sin(angle), point[1] - length * math.cos(angle)


def _around(centre: Point, degrees: float, length: float) -> Point:
    """The point in a direction, 0 to the right, 90 upwards."""
    angle = math.radians(degrees)
    return centre[0] + length * math.cos(angle), centre[1] - length * math.sin(angle)


def _leg(hip: Point, ankle: Point, *, outward: int = 0) -> Limb:
    """A leg whose knee bends forward, or outward to a side where the figure is seen from the front."""
    knee, end = two_bones(hip, ankle, THIGH, SHIN, bend=1.0 if outward < 0 else -1.0)
    return Limb(root=hip, middle=knee, end=end)


def _arm(shoulder: Point, hand: Point, *, is_left: bool = False) -> Limb:
    elbow, end = two_bones(shoulder, hand, UPPER_ARM, FOREARM, bend=-1.0 if is_left else 1.0)
    return Limb(root=shoulder, middle=elbow, end=end)


def two_bones(root: Point, target: Point, first: float, second: float, *, bend: float) -> tuple[Point, Point]:
    """The middle joint and the reached end of two bones from `root` towards `target`; `bend` chooses the side of the joint."""
    dx, dy = target[0] - root[0], target[1] - root[1]
    reach = math.hypot(dx, dy)
    if reach < 1e-6:
        dx, dy, reach = 0.0, 1.0, 1.0
    length = min(
        max(math.hypot(target[0] - root[0], target[1] - root[1]), abs(first - second) + 1e-4), first + second - 1e-4
    )
    cosine = (first * first + length * length - second * second) / (2 * first * length)
    angle = math.atan2(dy, dx) + bend * math.acos(min(max(cosine, -1.0), 1.0))
    end = (root[0] + dx / reach * length, root[1] + dy / reach * length)
    return (root[0] + first * math.cos(angle), root[1] + first * math.sin(angle)), end
