"""Status table: domain errors, gRPC codes, HTTP statuses, google.rpc details."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from resonance import errors
from resonance.errors import FieldViolation, ResonanceError
from resonance.rpc.tls import explain_handshake

DOMAIN = "resonance"


@dataclass(frozen=True, slots=True)
class _Row:
    error: type[ResonanceError]
    rpc: grpc.StatusCode
    http: int


# Where two errors share a gRPC code, a client gets the error of the first row.
_TABLE = (
    _Row(errors.InvalidInput, grpc.StatusCode.INVALID_ARGUMENT, 422),
    _Row(errors.NotFound, grpc.StatusCode.NOT_FOUND, 404),
    _Row(errors.Conflict, grpc.StatusCode.ALREADY_EXISTS, 409),
    _Row(errors.FailedPrecondition, grpc.StatusCode.FAILED_PRECONDITION, 409),
    _Row(errors.Unsupported, grpc.StatusCode.UNIMPLEMENTED, 501),
    _Row(errors.Overloaded, grpc.StatusCode.RESOURCE_EXHAUSTED, 429),
    _Row(errors.Unavailable, grpc.StatusCode.UNAVAILABLE, 503),
    _Row(errors.DeadlineExceeded, grpc.StatusCode.DEADLINE_EXCEEDED, 504),
    _Row(errors.Cancelled, grpc.StatusCode.CANCELLED, 499),
    _Row(errors.PermissionDenied, grpc.StatusCode.PERMISSION_DENIED, 403),
    _Row(errors.Unauthenticated, grpc.StatusCode.UNAUTHENTICATED, 401),
    _Row(errors.DataLoss, grpc.StatusCode.DATA_LOSS, 500),
    _Row(ResonanceError, grpc.StatusCode.INTERNAL, 500),
)


def to_rpc_code(error: ResonanceError) -> grpc.StatusCode:
    """The gRPC code of a domain error."""
    return _find_row(error).rpc


def to_http_status(error: ResonanceError) -> int:
    """The HTTP status of a domain error."""
    return _find_row(error).http


def to_status(error: ResonanceError) -> status_pb2.Status:
    """The error as google.rpc.Status with ErrorInfo, and BadRequest and RetryInfo where they apply."""
    status = status_pb2.Status(code=_to_number(to_rpc_code(error)), message=error.message)
    _pack(status, error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN))
    if error.violations:
        bad = error_details_pb2.BadRequest()
        for fault in error.violations:
            bad.field_violations.add(field=fault.field, reason=fault.reason, description=fault.message)
        _pack(status, bad)
    if error.retry_after_s is not None:
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(round(error.retry_after_s * 1000))
        _pack(status, error_details_pb2.RetryInfo(retry_delay=delay))
    return status


async def abort(context: grpc.aio.ServicerContext[Any, Any], error: ResonanceError) -> None:
    """Ends the call with the error's status and details."""
    await context.abort_with_status(rpc_status.to_status(to_status(error)))


def to_domain_error(failure: grpc.aio.AioRpcError) -> ResonanceError:
    """The domain error that a failed call carries; a failure without details becomes the error of its code."""
    row = next((row for row in _TABLE if row.rpc == failure.code()), _TABLE[-1])
    message = failure.details() or f"the call failed with {failure.code().name}"
    reason: str | None = None
    if explained := explain_handshake(message) if row.error is errors.Unavailable else "":
        message, reason = explained, "TLS_FAILED"
    violations: tuple[FieldViolation, ...] = ()
    retry_after_s: float | None = None
    if row.error is errors.Unavailable:
        retry_after_s = 1.0
    status = rpc_status.from_call(failure)
    for detail in status.details if status else ():
        info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            reason = info.reason
        elif detail.Unpack(bad):
            violations = tuple(
                FieldViolation(field=fault.field, reason=fault.reason, message=fault.description)
                for fault in bad.field_violations
            )
        elif detail.Unpack(retry):
            retry_after_s = retry.retry_delay.ToMilliseconds() / 1000
    return row.error(message, reason=reason, violations=violations, retry_after_s=retry_after_s)


def _find_row(error: ResonanceError) -> _Row:
    return next(row for row in _TABLE if isinstance(error, row.error))


def _to_number(code: grpc.StatusCode) -> int:
    return int(code_pb2.Code.Value(code.name))


def _pack(status: status_pb2.Status, detail: object) -> None:
    packed = any_pb2.Any()
    packed.Pack(detail)  # type: ignore[arg-type]
    status.details.append(packed)
