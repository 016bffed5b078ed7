"""Keys of the object store, and their table of prefixes.

Keys are built from digests and ids, never from user text.
"""

from __future__ import annotations

from resonance.store.prefix import OwnerPart, Prefix

CHECKPOINTS = "checkpoints/"
TASTES = "tastes/"
VECTORS = "vectors/"
REFERENCE = "reference/"
TAKE_INDEX = "take-index/"
JOBS_OPEN = "job-open/"
JOB_LIST = "job-list/"
SHARES = "shares/"
UPLOADS = "uploads/"
API_KEYS = "api-keys/"
API_KEY_USES = "api-key-uses/"
OWNERS = "owners/"
USAGE = "usage/"
QUARANTINE = "quarantine/"
VIDEOS = "videos/"
VIDEO_LIST = "video-list/"
VIDEOS_OPEN = "video-open/"
DOWNLOADS = "downloads/"
SPENDING = "spending/"
ROOMS = "rooms/"


PREFIXES = (
    Prefix(name=TASTES, writer="extract", readers=("generate",), kept="until the taste is deleted", is_owned=True),
    Prefix(
        name=VECTORS,
        writer="extract",
        readers=("generate",),
        kept="for good",
        is_recomputed=True,
        owner_part=OwnerPart.NONE,
    ),
    Prefix(name="tracks/", writer="extract", kept="for good", is_recomputed=True, owner_part=OwnerPart.NONE),
    Prefix(
        name="clips/", writer="extract", kept="until the track is whole", is_recomputed=True, owner_part=OwnerPart.NONE
    ),
    Prefix(name=REFERENCE, writer="extract", kept="for good", is_recomputed=True, owner_part=OwnerPart.NONE),
    Prefix(name="given-references/", writer="extract", kept="until replaced", is_owned=True, is_shared=True),
    Prefix(name="pieces/", writer="extract", kept="for good", owner_part=OwnerPart.NONE),
    Prefix(
        name="calibration_job-open/",
        writer="extract",
        kept="until the calibration job is final",
        owner_part=OwnerPart.IN_KEY,
    ),
    Prefix(name="calibration_jobs/", writer="extract", kept="for good", is_owned=True),
    Prefix(
        name="concepts/",
        writer="extract",
        readers=("generate",),
        kept="for good",
        is_owned=True,
        is_shared=True,
        is_recomputed=True,
    ),
    Prefix(
        name="calibrations/",
        writer="extract",
        readers=("generate",),
        kept="for good",
        is_owned=True,
        is_recomputed=True,
    ),
    Prefix(name="phrases/", writer="extract", kept="for good", is_owned=True),
    Prefix(name="examples/", writer="extract", kept="for good", owner_part=OwnerPart.NONE),
    Prefix(name="adoptions/", writer="extract", kept="for good", owner_part=OwnerPart.NONE),
    Prefix(name="requests/", writer="generate", kept="until the take is deleted", is_owned=True),
    Prefix(
        name="takes/",
        writer="generate",
        readers=("extract", "ingest"),
        kept="until the take is deleted",
        is_owned=True,
    ),
    Prefix(name=TAKE_INDEX, writer="generate", kept="until the take is deleted", is_owned=True),
    Prefix(name=CHECKPOINTS, writer="generate", kept="RESONANCE_CHECKPOINT_RETENTION_S", is_owned=True),
    Prefix(
        name="jobs/",
        writer="ingest",
        readers=("extract",),
        kept="with its taste until it is deleted, without one RESONANCE_JOB_RETENTION_S",
        is_owned=True,
    ),
    Prefix(name=JOB_LIST, writer="ingest", kept="as long as the job", is_owned=True),
    Prefix(name=JOBS_OPEN, writer="ingest", kept="until the job is final", owner_part=OwnerPart.IN_KEY),
    Prefix(
        name=UPLOADS,
        writer="ingest",
        readers=("generate",),
        kept="a day, or until its job needs it no more",
        is_owned=True,
    ),
    Prefix(name=ROOMS, writer="generate", kept="until the room ends, at most six hours", owner_part=OwnerPart.NONE),
    Prefix(name=DOWNLOADS, writer="ingest", kept="until its job is final", is_owned=True),
    Prefix(name=SHARES, writer="ingest", kept="until the link expires", owner_part=OwnerPart.IN_DOCUMENT),
    Prefix(name="sounds/", writer="ingest", kept="for good", is_recomputed=True, owner_part=OwnerPart.NONE),
    Prefix(
        name="lists/",
        writer="ingest",
        kept="for good; not used after RESONANCE_LIST_CACHE_S",
        is_recomputed=True,
        owner_part=OwnerPart.NONE,
    ),
    Prefix(name=VIDEOS, writer="video", kept="until the video is deleted", is_owned=True),
    Prefix(name=VIDEO_LIST, writer="video", kept="until the video is deleted", is_owned=True),
    Prefix(name=VIDEOS_OPEN, writer="video", kept="while the video is being made", owner_part=OwnerPart.IN_KEY),
    Prefix(
        name=API_KEYS,
        writer="cli",
        readers=("gateway", "ingest", "extract", "generate", "video"),
        kept="until revoked",
        owner_part=OwnerPart.IN_DOCUMENT,
    ),
    Prefix(
        name=API_KEY_USES, writer="rpc", readers=("cli",), kept="until the key is revoked", owner_part=OwnerPart.OF_KEYS
    ),
    Prefix(
        name=OWNERS,
        writer="rpc",
        readers=("ingest", "extract", "generate", "cli"),
        kept="until all of the owner is deleted",
        owner_part=OwnerPart.MARK,
    ),
    Prefix(name=USAGE, writer="rpc", readers=("ingest",), kept="for good: one small document", is_owned=True),
    Prefix(name=SPENDING, writer="google", kept="for good: one small document a day", owner_part=OwnerPart.KEPT),
    Prefix(name="probe/", writer="store", kept="while a service starts", owner_part=OwnerPart.NONE),
    Prefix(name=QUARANTINE, writer="store", kept="until an operator removes it", owner_part=OwnerPart.NONE),
)


def taste_key(taste_id: str) -> str:
    """The description of a taste (TasteSummary as JSON)."""
    return f"{TASTES}{taste_id}.json"


def parse_taste_key(key: str) -> str:
    """The id of the taste that a key names."""
    return key.removeprefix(TASTES).removesuffix(".json")


def vector_key(cache_key: str) -> str:
    """A direction (safetensors) under the digest of everything that it depends on."""
    return f"{VECTORS}{cache_key}.safetensors"


def track_key(cache_key: str) -> str:
    """A track's clip statistics under the digest of everything that they depend on."""
    return f"tracks/{cache_key}.safetensors"


def clip_key(cache_key: str, clip_index: int) -> str:
    """One clip of a track that is not whole yet, under the track's digest."""
    return f"clips/{cache_key}/{clip_index:05d}.safetensors"


def reference_key(cache_key: str) -> str:
    """A model's reference statistics."""
    return f"{REFERENCE}{cache_key}.safetensors"


def given_reference_key(model_digest: str) -> str:
    """The given music whose statistics are a model's reference (ReferenceSummary as JSON)."""
    return f"given-references/{model_digest[:16]}.json"


def piece_key(cache_key: str) -> str:
    """A model's statistics of one piece of a reference calibration job (safetensors)."""
    return f"pieces/{cache_key}.safetensors"


def open_calibration_job_key(owner: str, calibration_job_id: str) -> str:
    """A marker that stands while a calibration job is not final, where any replica finds abandoned ones. It is empty until
    another caller than the starter asks for the job."""
    return (
        f"calibration_job-open/{calibration_job_id}.{owner}" if owner else f"calibration_job-open/{calibration_job_id}"
    )


def concept_key(model_digest: str, name: str) -> str:
    """The description of a concept of one model (Concept as JSON)."""
    return f"concepts/{model_digest[:16]}/{name}.json"


def phrase_list_key(model_digest: str) -> str:
    """The names of an owner's concepts of phrases, least recently used first (JSON)."""
    return f"phrases/{model_digest[:16]}.json"


def taste_calibration_key(taste_id: str, vector_sha256: str) -> str:
    """The measured safe range of a taste's vector (Calibration as JSON)."""
    return f"calibrations/{taste_id}-{vector_sha256[:16]}.json"


def examples_key(model_digest: str) -> str:
    """The examples that were shipped with a model (JSON): a missing one was deleted by its owner."""
    return f"examples/{model_digest[:16]}.json"


def adoption_key(model_digest: str) -> str:
    """The progress of a model's adoption, and who works on it (JSON)."""
    return f"adoptions/{model_digest[:16]}.json"


def calibration_job_key(calibration_job_id: str) -> str:
    """A calibration, layer scan or reference calibration job with everything measured so far."""
    return f"calibration_jobs/{calibration_job_id}.json"


def request_key(request_id: str) -> str:
    """The request that used a request id."""
    return f"requests/r-{request_id}.json"


def take_key(request_id: str) -> str:
    """The description of a finished take (Take as JSON)."""
    return f"takes/r-{request_id}.json"


def take_audio_key(request_id: str) -> str:
    """The sound of a finished take (WAV)."""
    return f"takes/r-{request_id}.wav"


def take_timeline_key(request_id: str) -> str:
    """The steering timeline of a finished take (TakeTimeline as JSON)."""
    return f"takes/r-{request_id}.timeline.json"


def take_codes_key(request_id: str) -> str:
    """The tokens of a finished take (safetensors)."""
    return f"takes/r-{request_id}.codes.safetensors"


def checkpoint_key(request_id: str) -> str:
    """The tokens so far of a take in the making (safetensors)."""
    return f"{CHECKPOINTS}r-{request_id}.safetensors"


def take_index_key(created_ms: int, request_id: str) -> str:
    """An empty object whose name sorts newest takes first."""
    return f"{TAKE_INDEX}{10**14 - created_ms:015d}-{request_id}"


def job_key(job_id: str) -> str:
    """A job of ingest (JSON)."""
    return f"jobs/{job_id}"


def job_list_key(created_ms: int, job_id: str) -> str:
    """An empty object whose name sorts newest jobs first."""
    return f"{JOB_LIST}{10**14 - created_ms:014d}-{job_id}"


def open_job_key(created_ms: int, owner: str, job_id: str) -> str:
    """A marker of a job that is not final; names sort oldest first."""
    return f"{JOBS_OPEN}{created_ms:014d}-{owner}.{job_id}" if owner else f"{JOBS_OPEN}{created_ms:014d}-{job_id}"


def upload_prefix(upload_id: str) -> str:
    """The session and the parts of one upload."""
    return f"{UPLOADS}{upload_id}/"


def upload_session_key(upload_id: str) -> str:
    """The state of one upload (JSON)."""
    return f"{upload_prefix(upload_id)}session"


def upload_part_key(upload_id: str, name: str) -> str:
    """Some bytes of one upload."""
    return f"{upload_prefix(upload_id)}{name}"


def download_prefix(job_id: str) -> str:
    """The downloaded files of one job."""
    return f"{DOWNLOADS}{job_id}/"


def download_key(job_id: str, track_index: int) -> str:
    """The number of parts of a downloaded file that is whole (JSON)."""
    return f"{download_prefix(job_id)}{track_index}.json"


def download_part_key(job_id: str, track_index: int, part_index: int) -> str:
    """Some bytes of a downloaded file."""
    return f"{download_prefix(job_id)}{track_index}/{part_index:05d}"


def share_key(share_link_id: str) -> str:
    """A link to stored sound (JSON)."""
    return f"{SHARES}{share_link_id}"


def sound_key(cache_key: str) -> str:
    """Length and digest of a decoded file (JSON) under the digest of everything that they depend on."""
    return f"sounds/{cache_key}"


def list_key(cache_key: str) -> str:
    """The tracks that a link listed (JSON) under the digest of the link."""
    return f"lists/{cache_key}"


def video_prefix(video_id: str) -> str:
    """Everything that belongs to one video."""
    return f"{VIDEOS}{video_id}/"


def video_key(video_id: str) -> str:
    """The state of a video (JSON)."""
    return f"{video_prefix(video_id)}video.json"


def video_document_key(video_id: str, digest: str) -> str:
    """A song map, treatment or shot plan of a video (JSON) under its digest."""
    return f"{video_prefix(video_id)}documents/{digest}.json"


def video_scene_key(video_id: str, prompt_digest: str) -> str:
    """A finished scene (JSON that names its files) under the digest of all that decides it."""
    return f"{video_prefix(video_id)}scenes/{prompt_digest}.json"


def video_part_key(video_id: str, sha256: str, index: int) -> str:
    """One part of a file of a video, under the digest of the whole file."""
    return f"{video_prefix(video_id)}files/{sha256}/{index:05d}"


def video_list_key(created_ms: int, video_id: str) -> str:
    """An empty object whose name sorts newest videos first."""
    return f"{VIDEO_LIST}{10**14 - created_ms:014d}-{video_id}"


def open_video_key(owner: str, video_id: str) -> str:
    """An empty marker that stands while a video is being made."""
    return f"{VIDEOS_OPEN}{owner}.{video_id}" if owner else f"{VIDEOS_OPEN}{video_id}"


def api_key_key(key_sha256: str) -> str:
    """An API key's owner and name (JSON), by the key's digest or the beginning of it."""
    return f"{API_KEYS}{key_sha256}"


def api_key_use_key(key_id: str) -> str:
    """When a key was last used (JSON)."""
    return f"{API_KEY_USES}{key_id}"


def owner_key(owner: str) -> str:
    """A mark of an owner who had a key or signed in (JSON): all owners are found by it."""
    return f"{OWNERS}{owner}"


def usage_key() -> str:
    """What an owner used in this minute and on this day (JSON)."""
    return f"{USAGE}now.json"


def below_owner(owner: str, key: str = "") -> str:
    """Where a key of an owner lies, or without a key everything of the owner."""
    return f"users/{owner}/{key}"


def room_key(room_id: str) -> str:
    """The replica of generate in which a room plays (JSON)."""
    return f"{ROOMS}{room_id}"


def probe_key(name: str) -> str:
    """The object on which writers race when a store is opened."""
    return f"probe/{name}"


def quarantine_key(key: str) -> str:
    """A damaged object that was set aside, by its own key."""
    return f"{QUARANTINE}{key}"


def operation_key(call_id: str) -> str:
    """A long-running call at Google that is paid for and may still be running (JSON), by the digest of what asked for it."""
    return f"{SPENDING}operations/{call_id}.json"


def spending_key(day: str) -> str:
    """What was spent at Google on one day (JSON), such as `2026-11-30`."""
    return f"{SPENDING}{day}.json"
