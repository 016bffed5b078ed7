"""Process settings: `RESONANCE_*` variables in one frozen value.

They are read once, and all mistakes are reported together.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal, cast
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from resonance.errors import FieldViolation, InvalidInput, invalid_field

_PREFIX = "RESONANCE_"
_PLACEHOLDER = "change-me"
_PEERS = ("ingest", "extract", "generate", "video", "speech")
_PORTS = {"http": 80, "https": 443}
# First parts of the gateway's own paths: a prefix that begins like one could not be told from it.
_OWN_PATHS = ("v1", "static", "shared", "healthz", "readyz", "livez", "openapi.json")


def _check_address(text: str) -> str:
    if not _is_address(text):
        raise ValueError("must be host:port")
    return text


def _check_store(text: str) -> str:
    if text and not text.startswith(("file:", "memory:", "s3://", "s3+http://")):
        raise ValueError("must be file:FOLDER, memory: or s3://HOST[:PORT]/BUCKET")
    return text


def _check_proxy(text: str) -> str:
    """Accepts HTTP proxies only: behind another kind the URL policy could not see where a connection leads."""
    is_http = text.startswith(("http://", "https://")) and _is_address(text.partition("://")[2].rstrip("/"))
    if text and not is_http:
        raise ValueError("must be http://HOST:PORT or https://HOST:PORT")
    return text


def _check_base_url(text: str) -> str:
    parts = urlsplit(text)
    if text and (parts.scheme not in _PORTS or not parts.hostname or parts.query or parts.fragment):
        raise ValueError("must be the base address of a server, such as http://127.0.0.1:8880/v1")
    return text.rstrip("/")


def _check_service_key(text: str) -> str:
    if text and len(text) < 32:
        raise ValueError("must have at least 32 characters, the same for all services")
    return _check_secret(text)


def _check_secret(text: str) -> str:
    """Refuses what examples hold in place of a secret: whoever reads the example knows it."""
    if _PLACEHOLDER in text.lower():
        raise ValueError(
            "is an example's placeholder; choose a secret of your own, such as `openssl rand -hex 32` makes"
        )
    return text


def _check_origins(text: str) -> str:
    """Origins as browsers send them, with commas: `https://music.example.com`, without a path and without the scheme's own port."""
    origins = []
    for origin in filter(None, (part.strip().lower().rstrip("/") for part in text.split(","))):
        parts = urlsplit(origin)
        is_bare = not (parts.path or parts.query or parts.fragment or parts.username)
        if parts.scheme not in _PORTS or not parts.hostname or not is_bare:
            raise ValueError("must be origins with commas, such as https://music.example.com, without a path")
        is_usual = parts.port in (None, _PORTS[parts.scheme])
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        origins.append(f"{parts.scheme}://{host}" if is_usual else f"{parts.scheme}://{host}:{parts.port}")
    return ",".join(origins)


def _check_networks(text: str) -> str:
    """IP addresses and networks, with commas."""
    networks = [part.strip() for part in text.split(",") if part.strip()]
    for network in networks:
        try:
            ip_network(network)
        except ValueError:
            raise ValueError("must be IP addresses or networks with commas, such as 127.0.0.1,10.0.0.0/8") from None
    return ",".join(networks)


def _check_path_prefix(text: str) -> str:
    prefix = text.rstrip("/")
    is_path = re.fullmatch(r"(/[A-Za-z0-9._~-]+)*", prefix) and ".." not in prefix.split("/")
    if not is_path or prefix.split("/")[1:2] in ([name] for name in _OWN_PATHS):
        raise ValueError(f"must be a path such as /music, and begin with none of {', '.join(_OWN_PATHS)}")
    return prefix


def _check_engine(text: str) -> str:
    parts = urlsplit(text)
    is_whole = parts.scheme in ("temporal", "temporal+tls") and _is_address(parts.netloc) and parts.path.count("/") <= 1
    if text and not (is_whole and not parts.query and "@" not in parts.netloc):
        raise ValueError("must be temporal://HOST:PORT/NAMESPACE or temporal+tls://HOST:PORT/NAMESPACE")
    return text


def _expand_home(folder: Path) -> Path:
    """Leaves `~` where this user has no home folder; a process that needs the folder says so when it opens it."""
    try:
        return folder.expanduser()
    except RuntimeError:
        return folder


def _is_address(text: str) -> bool:
    host, colon, port = text.rpartition(":")
    return bool(host and colon and port.isdigit() and int(port) < 65536)


def _is_loopback(address: str) -> bool:
    return address.rpartition(":")[0].strip("[]") in {"127.0.0.1", "localhost", "::1"}


def _read_target(value: object) -> object:
    """`off` is no levelling."""
    return None if isinstance(value, str) and value.lower() in {"off", "none"} else value


_BaseUrl = Annotated[str, AfterValidator(_check_base_url)]
_Address = Annotated[str, AfterValidator(_check_address)]
_Folder = Annotated[Path, AfterValidator(_expand_home)]
_Engine = Annotated[str, AfterValidator(_check_engine)]
_File = Annotated[Path | None, BeforeValidator(lambda value: value or None)]
_Flag = Annotated[bool, BeforeValidator(lambda value: value or False)]  # an empty variable is false
_Networks = Annotated[str, AfterValidator(_check_networks)]
_Origins = Annotated[str, AfterValidator(_check_origins)]
_PathPrefix = Annotated[str, AfterValidator(_check_path_prefix)]
_Proxy = Annotated[str, AfterValidator(_check_proxy)]
_Secret = Annotated[str, AfterValidator(_check_secret)]
_ServiceKey = Annotated[str, AfterValidator(_check_service_key)]
_Threads = Literal["auto"] | Annotated[int, Field(ge=1, le=256)]
_Store = Annotated[str, AfterValidator(_check_store)]
_Target = Annotated[Annotated[float, Field(ge=-40.0, le=-8.0)] | None, BeforeValidator(_read_target)]


class Settings(BaseSettings):
    """Everything an operator may choose. Every queue, body, wait and cache has its number here.

    Addresses are `host:port`; durations are seconds; sizes are bytes. A rate or a cache's time of 0 switches it off.
    Only `read_settings` looks at the environment: a value made by hand has the defaults for what it does not name.
    """

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        validate_default=True,
        hide_input_in_errors=True,
        protected_namespaces=(),
    )

    # Addresses of this process and of the others. In the all-in-one process they are one address.
    http_addr: _Address = "127.0.0.1:8000"
    grpc_addr: _Address = "127.0.0.1:50051"
    ingest_addr: str = ""
    extract_addr: str = ""
    generate_addr: str = ""
    video_addr: str = ""
    speech_addr: str = ""
    metrics_addr: Annotated[str, AfterValidator(lambda text: text and _check_address(text))] = ""

    # Storage.
    data_dir: _Folder = Path("~/.resonance")
    store: _Store = ""
    s3_access_key: str = ""
    s3_secret_key: _Secret = Field("", repr=False)
    s3_public_addr: str = ""  # the store's address for browsers; without it no link leads to the store itself

    # The workflow engine of long work: by default a child process that keeps its file in the data folder.
    engine: _Engine = ""
    engine_ca_file: _File = None
    engine_certificate_file: _File = None
    engine_private_key_file: _File = None
    engine_api_key_file: _File = None

    # Videos: scenes drawn at once by this process, and videos that are made or wait, of one owner and of all; the codec of new videos.
    scenes_running_max: int = Field(2, ge=1, le=64)
    videos_open_max: PositiveInt = 8
    videos_queued_max: PositiveInt = 64
    video_codec: Literal["h264", "av1", "vp9"] = "h264"

    # The model.
    model: str = "embedded"
    backend: Literal["auto", "audiocraft", "transformers"] = "auto"
    precision: Literal["fp32", "bf16", "fp16", "int8"] = "fp32"
    device: str = "cpu"
    model_threads: _Threads = 1
    memory_check: Literal["on", "off"] = "on"
    adoption: Literal["auto", "sliders", "off"] = "auto"

    # Admission to generation: takes made at once, takes that may wait, and takes that lend their slots while others wait.
    slots: int = Field(4, ge=1, le=64)
    queue_places: int = Field(8, ge=0, le=10_000)
    parked_max: int = Field(4, ge=0, le=64)
    take_duration_s_max: PositiveFloat = 300.0
    lead_s_max: PositiveFloat = 30.0
    stream_stall_s_max: PositiveFloat = 15.0
    vector_cache_items: PositiveInt = 64

    # Rooms of one process: how many, their players and listeners, the sound that a listener may be behind, the time that the owner may be
    # away, and the address at which other replicas reach this process.
    rooms_open_max: PositiveInt = 8
    room_members_max: int = Field(32, ge=1, le=64)
    room_listeners_max: PositiveInt = 128
    room_lag_s_max: float = Field(4.0, ge=1.0, le=30.0)
    room_owner_away_s_max: PositiveFloat = 120.0
    room_addr: Annotated[str, AfterValidator(lambda text: text and _check_address(text))] = ""

    # Limits of a playlist.
    tracks_max: int = Field(20, ge=1, le=20)
    track_duration_s_max: PositiveFloat = 600.0
    track_bytes_max: PositiveInt = 64 * 1024 * 1024
    upload_bytes_max: PositiveInt = 512 * 1024 * 1024
    upload_stall_s_max: PositiveFloat = 30.0
    upload_header_s_max: PositiveFloat = 10.0
    uploads_open_max: PositiveInt = 16
    decoded_bytes_max: PositiveInt = 256 * 1024 * 1024
    decode_s_max: PositiveFloat = 60.0
    download_s_max: PositiveFloat = 300.0
    download_rate_bytes_max: NonNegativeInt = 0
    download_proxy: _Proxy = ""
    list_cache_s: NonNegativeFloat = 300.0
    search_for_tracks: _Flag = False
    spotify_client_id: str = ""
    spotify_client_secret: str = Field("", repr=False)
    spotify_accounts_url: str = "https://accounts.spotify.com"
    spotify_api_url: str = "https://api.spotify.com/v1"
    apple_music_token: str = Field("", repr=False)
    apple_music_api_url: str = "https://api.music.apple.com"
    extract_stall_s_max: PositiveFloat = 120.0
    extractions_max: PositiveInt = 8
    calibration_jobs_owner_max: PositiveInt = 4
    calibration_jobs_max: PositiveInt = 64
    jobs_running_max: PositiveInt = 2
    jobs_queued_max: NonNegativeInt = 1000
    jobs_owner_max: PositiveInt = 64
    jobs_owner_hour_max: NonNegativeInt = 0
    tracks_running_max: PositiveInt = 2
    job_lease_s: PositiveFloat = 8.0
    job_retention_s: PositiveFloat = 30 * 86_400.0
    checkpoint_retention_s: PositiveFloat = 7 * 86_400.0
    source_hosts: str = "youtube.com,youtu.be,youtube-nocookie.com"
    allow_generic_sources: _Flag = False
    allow_private_addresses: _Flag = False

    # The way out: loudness (`off` levels nothing), marks, files made at once and kept on the disk for the next reader.
    loudness_target_lufs: _Target = -16.0
    watermark: _Flag = True
    watermark_key: str = Field("", repr=False)
    c2pa: _Flag = True
    c2pa_certificate: str = ""
    c2pa_key: str = Field("", repr=False)
    deliveries_running_max: PositiveInt = 2
    delivered_bytes_max: NonNegativeInt = 512 * 1024 * 1024
    require_commercial_license: _Flag = False

    # Google's models. Without a key nothing is sent, and built-in means are used. Prices are in US dollars, with the day of their reading.
    gemini_api_key: str = Field("", repr=False)
    gemini_api_key_file: _File = None
    gemini_model: str = "gemini-2.5-flash"
    gemini_url: str = ""
    gemini_s_max: PositiveFloat = 20.0
    gemini_image_model: str = "gemini-3.1-flash-image"
    gemini_video_model: str = "gemini-omni-1.2-flash"
    lyria_song_model: str = "lyria-3.5"
    lyria_live_model: str = "models/lyria-realtime-exp"
    google_media_s_max: PositiveFloat = 300.0
    google_calls_running_max: PositiveInt = 2
    google_prices: str = ""
    google_usd_request_max: NonNegativeFloat = 1.0
    google_usd_owner_day_max: NonNegativeFloat = 2.0
    google_usd_day_max: NonNegativeFloat = 10.0
    backends: str = "local"

    # Speech: servers with OpenAI's API that speak and listen instead of the embedded voice and recognizer, by base address.
    speech_server: _BaseUrl = ""
    speech_server_key: str = Field("", repr=False)
    speech_server_model: str = "gpt-4o-mini-tts"
    speech_server_voices: str = "alloy"
    transcription_server: _BaseUrl = ""
    transcription_server_key: str = Field("", repr=False)
    transcription_server_model: str = "gpt-4o-mini-transcribe"
    recognizer_folder: str = ""

    # Authentication and the gateway. `auto` asks for API keys as soon as an address is not on loopback.
    auth: Literal["auto", "on", "off"] = "auto"
    service_key: _ServiceKey = Field("", repr=False)
    api_key: str = Field("", repr=False)
    # Before the gateway: its own addresses as browsers see them, other sites whose pages may call it, proxies whose X-Forwarded-* count,
    # and the folder of the site below which it is served.
    public_origins: _Origins = ""
    cors_origins: _Origins = ""
    trusted_proxies: _Networks = ""
    path_prefix: _PathPrefix = ""
    json_bytes_max: PositiveInt = 256 * 1024
    request_s_max: PositiveFloat = 900.0
    take_resume_s_max: NonNegativeFloat = 60.0
    drain_s_max: NonNegativeFloat = 8.0

    otlp_endpoint: _BaseUrl = ""  # of a collector of traces
    log_format: Literal["text", "json"] = "text"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments alone: a value that is made later must not read the environment again."""
        return (init_settings,)

    @property
    def store_url(self) -> str:
        """The object store's URL; by default files below the data folder."""
        return self.store or f"file:{self.data_dir / 'store'}"

    @property
    def public_origin_list(self) -> list[str]:
        """The origins at which browsers find the page."""
        return self.public_origins.split(",") if self.public_origins else []

    @property
    def cors_origin_list(self) -> list[str]:
        """The origins of other sites whose pages may call the gateway."""
        return self.cors_origins.split(",") if self.cors_origins else []

    @property
    def asks_for_keys(self) -> bool:
        """True where callers must send an API key."""
        is_elsewhere = not (_is_loopback(self.http_addr) and _is_loopback(self.grpc_addr))
        return self.auth == "on" or (self.auth == "auto" and is_elsewhere)

    def check_shared_settings(self) -> None:
        """Raises InvalidInput where a service that is reached by others lacks what all services of an installation share.

        That is the secret by which they authenticate each other, where API keys are asked for; and the store, where another service has
        an address that is not this machine's: a store in this process's data folder would be another one than theirs.
        """
        if self.asks_for_keys and not self.service_key:
            message = "must be set, the same for all services, where API keys are asked for (RESONANCE_AUTH=off asks for none)"
            raise invalid_field("RESONANCE_SERVICE_KEY", "INVALID_SETTING", message)
        named = [cast(str, getattr(self, f"{name}_addr")) for name in _PEERS]
        elsewhere = [address for address in named if address and not _is_loopback(address)]
        if elsewhere and not self.store:
            message = f"must name the store that all services share; another service is at {elsewhere[0]}"
            raise invalid_field("RESONANCE_STORE", "INVALID_SETTING", message)

    def service_address(self, service: str) -> str:
        """The address of a service, such as `ingest`; by default this process's own gRPC address."""
        return cast(str, getattr(self, f"{service}_addr")) or self.grpc_addr


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment.

    Raises:
        InvalidInput: with one violation per variable that is unknown or cannot be read.
    """
    environ = os.environ if environ is None else environ
    source = EnvSettingsSource(Settings)
    source.env_vars = {name.lower(): text.strip() for name, text in environ.items() if name.startswith(_PREFIX)}
    unknown = {name.removeprefix(_PREFIX.lower()) for name in source.env_vars} - Settings.model_fields.keys()
    try:
        return Settings.model_validate(source() | dict.fromkeys(unknown, ""))
    except ValidationError as failure:
        violations = tuple(_to_violation(error) for error in failure.errors(include_input=False))
    lines = "; ".join(f"{fault.field}: {fault.message}" for fault in violations)
    raise InvalidInput(f"the settings are wrong: {lines}", reason="INVALID_SETTINGS", violations=violations)


def _to_violation(error: ErrorDetails) -> FieldViolation:
    name = f"{_PREFIX}{str(error['loc'][0]).upper()}"
    if error["type"] == "extra_forbidden":
        return FieldViolation(field=name, reason="UNKNOWN_SETTING", message="no such setting")
    message = error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    return FieldViolation(field=name, reason="INVALID_SETTING", message=message)
