"""Scopes of gRPC methods: what a caller must be allowed to do.

`listen` reads what is the owner's, `make` makes and changes it, `operate` works on the whole installation. Each of the
latter two includes `listen`.
"""

from __future__ import annotations

from resonance.api_keys import LISTEN, MAKE, OPERATE
from resonance.errors import PermissionDenied

_PACKAGE = "/resonance.v1."
_LISTEN = {
    "IngestService": "GetJob WatchJob ListJobs GetUpload ReadUpload",
    "ExtractService": (
        "GetExtractor GetTaste ListConcepts GetCalibrationJob WatchCalibrationJob GetCalibration GetReference GetAdoption "
        "ExportAdoption"
    ),
    "GenerateService": "GetModel ListTakes GetTake StreamTake GetTakeTimeline",
    "SpeechService": "ListVoices",
    "VideoService": (
        "GetVideo ListVideos WatchVideo GetPlan StreamVideo GetVideoText GetPictureCurves GetVideoCapabilities"
    ),
    "ShareService": "ReadShareLink",
    "OwnerService": "GetUsage",
    "RoomService": "JoinPerformance",  # the room's tokens say who may play
}
_MAKE = {
    "IngestService": (
        "SubmitPlaylist UploadPlaylist CancelJob RetryJob DeleteJob OpenUpload WriteUpload DeleteUpload SubmitUploads"
    ),
    "ExtractService": (
        "ExtractTaste DeleteTaste ComputeConcept CalibrateConcept ScanLayers StartCalibrationJob CancelCalibrationJob Refine"
    ),
    "GenerateService": "Generate GenerateVariations Perform AddVersion DeleteTake",
    "SpeechService": "Speak Narrate Transcribe",
    "VideoService": "CreateVideo CancelVideo DeleteVideo UpdatePlan RedoScene ChooseScene",
    "ShareService": "CreateShareLink RevokeShareLink",
    "OwnerService": "DeleteOwner",
    "RoomService": "OpenRoom",
}
_OPERATE = {"ExtractService": "StartAdoption ImportAdoption"}
_SCOPES = {
    f"{_PACKAGE}{service}/{method}": scope
    for scope, table in ((LISTEN, _LISTEN), (MAKE, _MAKE), (OPERATE, _OPERATE))
    for service, methods in table.items()
    for method in methods.split()
}


def scope_of(method: str) -> str:
    """The scope that a method needs, by its full path. A method that is not in the table is for operators."""
    return _SCOPES.get(method, OPERATE)


def check_scope(method: str, scopes: frozenset[str]) -> None:
    """Raises PermissionDenied where the caller's scopes do not allow the method."""
    needed = scope_of(method)
    if needed in scopes or (needed == LISTEN and scopes):
        return
    if needed == OPERATE:
        message = "this is for the operator of the installation: it needs a key with the scope 'operate', or RESONANCE_SERVICE_KEY"
        raise PermissionDenied(message, reason="OPERATORS_ONLY")
    message = f"this key may not do that: it needs the scope {needed!r}, and has {', '.join(sorted(scopes)) or 'none'}"
    raise PermissionDenied(message, reason="SCOPE_MISSING")
