"""Variations of one request: their ids and seeds."""

from __future__ import annotations

import hashlib

from resonance.errors import invalid_field
from resonance.v1 import generate_pb2

_ID_MAX = 62  # with the hyphen and the number of a variation it is as long as an id may be


def variation_requests(
    request: generate_pb2.GenerateRequest, count: int, *, field: str = ""
) -> list[generate_pb2.GenerateRequest]:
    """One request for each variation: the same but for id and seed.

    Variation 1 has the seed of the request, and is the take that the request alone would make; the others have seeds derived from it. A
    request without a seed leaves that to the service, which derives each take's seed from its id.

    Raises:
        InvalidInput: the id is too long, or a part of a take is asked for. `field` precedes the field's name.
    """
    if len(request.request_id) > _ID_MAX:
        raise invalid_field(f"{field}request_id", "TOO_LONG", f"must have at most {_ID_MAX} characters for variations")
    if request.resume_sample_offset:
        raise invalid_field(
            f"{field}resume_sample_offset", "CONFLICT", "must be 0 for variations: resume each take by its own id"
        )
    made = []
    for number in range(1, count + 1):
        one = generate_pb2.GenerateRequest()
        one.CopyFrom(request)
        if request.request_id:
            one.request_id = f"{request.request_id}-{number}"
        if request.HasField("seed"):
            one.seed = request.seed if number == 1 else _derive_seed(request.seed, number)
        made.append(one)
    return made


def _derive_seed(seed: int, number: int) -> int:
    """A seed of 48 bits, which JavaScript reads exactly."""
    return int.from_bytes(hashlib.sha256(f"variation {number} of {seed}".encode()).digest()[:6], "big")
