"""Where things lie in the object store. Keys are built from digests and ids, never from user text."""

from __future__ import annotations

CHECKPOINTS = "checkpoints/"


def taste_key(taste_id: str) -> str:
    """The description of a taste (TasteSummary as JSON)."""
    return f"tastes/{taste_id}.json"


def vector_key(cache_key: str) -> str:
    """A direction (safetensors) under the digest of everything that it depends on."""
    return f"vectors/{cache_key}.safetensors"


def track_key(cache_key: str) -> str:
    """A track's clip statistics under the digest of everything that they depend on."""
    return f"tracks/{cache_key}.safetensors"


def clip_key(cache_key: str, clip_index: int) -> str:
    """One clip of a track that is not heard to its end yet, under the track's digest."""
    return f"clips/{cache_key}/{clip_index:05d}.safetensors"


def claims_prefix(model_digest: str) -> str:
    """Where the claims of calls that hear tracks with one model lie."""
    return f"claims/{model_digest[:16]}/"


def claim_key(model_digest: str, name: str) -> str:
    """Which tracks one call is hearing (JSON); gone when it ends."""
    return f"{claims_prefix(model_digest)}{name}.json"


def reference_key(cache_key: str) -> str:
    """A model's reference statistics."""
    return f"reference/{cache_key}.safetensors"


def given_reference_key(model_digest: str) -> str:
    """Which statistics of given music are a model's reference (ReferenceSummary as JSON)."""
    return f"given-references/{model_digest[:16]}.json"


def piece_key(cache_key: str) -> str:
    """What a model's layers say of one piece of a reference calibration job (safetensors)."""
    return f"pieces/{cache_key}.safetensors"


def open_calibration_job_key(owner: str, calibration_job_id: str) -> str:
    """A marker that stands while a calibration job is not final: where any process finds what nobody works on. It is empty until somebody besides
    the calibration job's starter asks for it."""
    return (
        f"calibration_job-open/{calibration_job_id}.{owner}" if owner else f"calibration_job-open/{calibration_job_id}"
    )


def concept_key(model_digest: str, name: str) -> str:
    """The description of a concept of one model (Concept as JSON)."""
    return f"concepts/{model_digest[:16]}/{name}.json"


def taste_calibration_key(taste_id: str, vector_sha256: str) -> str:
    """The measured safe range of a taste's vector (Calibration as JSON)."""
    return f"calibrations/{taste_id}-{vector_sha256[:16]}.json"


def examples_key(model_digest: str) -> str:
    """Which examples a model has brought along once (JSON): what is not there any more was deleted."""
    return f"examples/{model_digest[:16]}.json"


def calibration_job_key(calibration_job_id: str) -> str:
    """A calibration, layer scan or reference calibration job with everything measured so far."""
    return f"calibration_jobs/{calibration_job_id}.json"


def request_key(request_id: str) -> str:
    """Which request a request id was used for."""
    return f"requests/r-{request_id}.json"


def take_key(request_id: str) -> str:
    """The description of a finished take (Take as JSON)."""
    return f"takes/r-{request_id}.json"


def take_audio_key(request_id: str) -> str:
    """The sound of a finished take (WAV)."""
    return f"takes/r-{request_id}.wav"


def take_codes_key(request_id: str) -> str:
    """The tokens of a finished take (safetensors)."""
    return f"takes/r-{request_id}.codes.safetensors"


def checkpoint_key(request_id: str) -> str:
    """The tokens so far of a take in the making (safetensors)."""
    return f"{CHECKPOINTS}r-{request_id}.safetensors"


def take_index_key(created_ms: int, request_id: str) -> str:
    """An empty object whose name sorts newest takes first."""
    return f"take-index/{10**14 - created_ms:015d}-{request_id}"
