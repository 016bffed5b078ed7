"""Validation of `TasteOptions` across fields.

The rules are checked when a request arrives and again before its work begins.
"""

from __future__ import annotations

from resonance.errors import FieldViolation, InvalidInput
from resonance.steering.track_ranges import check_length
from resonance.v1 import steering_pb2

_MESSAGE_FAULTS_MAX = 5


def check_taste_options(
    options: steering_pb2.TasteOptions, path: str = "options", *, track_count: int | None = None
) -> None:
    """Raises InvalidInput where options contradict themselves or choose less music than a taste needs.

    The limits of single fields are in the protos. `path` is the options' path in the caller's request. `track_count` is the number of
    tracks, where it is known.
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
        message = "; ".join(f"{fault.field}: {fault.message}" for fault in faults[:_MESSAGE_FAULTS_MAX])
        raise InvalidInput(message, violations=tuple(faults))
    check_length(options)
