"""How a playlist becomes a taste: what no rule of one field of `TasteOptions` can say, told at the door and again before work."""

from __future__ import annotations

from resonance.errors import FieldViolation, InvalidInput
from resonance.steering.track_ranges import check_length
from resonance.v1 import steering_pb2

_TOLD_MAX = 5


def check_taste_options(
    options: steering_pb2.TasteOptions, path: str = "options", *, track_count: int | None = None
) -> None:
    """Raises InvalidInput where options contradict themselves or choose less than a taste needs. Fields' limits are the protos' business.

    `path` is where the options lie in the caller's request, `track_count` how many tracks there are where that is known.
    """
    faults = [
        FieldViolation(field=f"{path}.ranges[{at}]", reason="EMPTY_RANGE", message="must end after it starts")
        for at, stretch in enumerate(options.ranges)
        if stretch.end_s <= stretch.start_s
    ]
    if options.mix_mode == steering_pb2.MIX_MODE_TIME_SELECT and not options.ranges:
        message = "time_select needs at least one range"
        faults.append(FieldViolation(field=f"{path}.ranges", reason="REQUIRED", message=message))
    if options.mix_mode == steering_pb2.MIX_MODE_TIME_SELECT and track_count is not None:
        message = f"there are {track_count} tracks, counted from 0"
        faults += [
            FieldViolation(field=f"{path}.ranges[{at}].track_index", reason="TOO_LARGE", message=message)
            for at, stretch in enumerate(options.ranges)
            if stretch.track_index >= track_count
        ]
    is_plain = options.mix_mode in (steering_pb2.MIX_MODE_UNSPECIFIED, steering_pb2.MIX_MODE_MEAN)
    if options.direction_kind == steering_pb2.DIRECTION_KIND_WORDS and not is_plain:
        message = "a playlist in words alone counts all clips alike: use mean"
        faults.append(FieldViolation(field=f"{path}.mix_mode", reason="WORDS_ALONE", message=message))
    if faults:
        told = "; ".join(f"{fault.field}: {fault.message}" for fault in faults[:_TOLD_MAX])
        raise InvalidInput(told, violations=tuple(faults))
    check_length(options)
