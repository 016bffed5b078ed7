"""Process settings: `RESONANCE_*` variables in one frozen value.

They are read once, and all mistakes are reported together.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, cast

from pydantic import (
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
from resonance.setting_types import (
    Address,
    BaseUrl,
    Engine,
    File,
    Flag,
    Folder,
    Issuer,
    Networks,
    OptionalAddress,
    Origins,
    PathPrefix,
    Proxy,
    Secret,
    ServiceKey,
    Store,
    Target,
    Threads,
    is_loopback,
)

_PREFIX = "RESONANCE_"
_PEERS = ("ingest", "extract", "generate", "video", "speech")


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
    http_addr: Address = "127.0.0.1:8000"
    grpc_addr: Address = "127.0.0.1:50051"
    ingest_addr: str = ""
    extract_addr: str = ""
    generate_addr: str = ""
    video_addr: str = ""
    speech_addr: str = ""
    metrics_addr: OptionalAddress = ""
    health_addr: OptionalAddress = ""

    # TLS of all gRPC between the services and to them: a folder with tls.crt, tls.key and ca.crt, and the name that the servers'
    # certificates carry, where it is another one than their addresses'.
    tls_dir: File = None
    tls_server_name: str = ""

    # Storage.
    data_dir: Folder = Path("~/.resonance")
    store: Store = ""
    s3_access_key: str = ""
    s3_secret_key: Secret = Field("", repr=False)
    s3_session_token: str = Field("", repr=False)
    s3_region: str = ""
    s3_ca_file: File = None
    # Credentials of a workload in place of keys: a token that the cluster writes is given to an STS for keys that end.
    s3_identity_token_file: File = None
    s3_role_arn: str = ""
    s3_sts_url: BaseUrl = ""
    s3_public_addr: str = ""  # the store's address for browsers; without it no link leads to the store itself

    # The workflow engine of long work: by default a child process that keeps its file in the data folder.
    engine: Engine = ""
    engine_ca_file: File = None
    engine_certificate_file: File = None
    engine_private_key_file: File = None
    engine_api_key_file: File = None
    engine_ui_port: int = Field(0, ge=0, le=65_535)
    engine_build: str = Field("", pattern=r"^[A-Za-z0-9._-]{0,64}$")

    # Videos: scenes drawn at once by this process, and videos that are made or wait, of one owner and of all; the codec of new videos.
    diffusers_folder: File = None
    diffusers_python: str = ""
    diffusers_steps: PositiveInt = 28
    diffusers_side: PositiveInt = 512
    scenes_running_max: int = Field(2, ge=1, le=64)
    videos_open_max: PositiveInt = 8
    videos_queued_max: PositiveInt = 64
    video_codec: Literal["h264", "av1", "vp9"] = "h264"

    # The model.
    model: str = "embedded"
    backend: Literal["auto", "audiocraft", "transformers"] = "auto"
    precision: Literal["fp32", "bf16", "fp16", "int8"] = "fp32"
    device: str = "cpu"
    model_threads: Threads = 1
    memory_check: Literal["on", "off"] = "on"
    adoption: Literal["auto", "sliders", "off"] = "auto"

    # Admission to generation: takes made at once, takes that may wait, and takes that lend their slots while others wait.
    slots: int = Field(4, ge=1, le=64)
    queue_places: int = Field(8, ge=0, le=10_000)
    queue_places_owner: int = Field(0, ge=0, le=10_000)
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
    room_addr: OptionalAddress = ""

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
    download_proxy: Proxy = ""
    list_cache_s: NonNegativeFloat = 300.0
    search_for_tracks: Flag = False
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
    site_downloads_max: NonNegativeInt = 0
    job_retention_s: PositiveFloat = 30 * 86_400.0
    checkpoint_retention_s: PositiveFloat = 7 * 86_400.0
    source_hosts: str = "youtube.com,youtu.be,youtube-nocookie.com"
    allow_generic_sources: Flag = False
    allow_private_addresses: Flag = False

    # The way out: loudness (`off` levels nothing), marks, files made at once and kept on the disk for the next reader.
    loudness_target_lufs: Target = -16.0
    watermark: Flag = True
    watermark_key: str = Field("", repr=False)
    c2pa: Flag = True
    c2pa_certificate: str = ""
    c2pa_key: str = Field("", repr=False)
    deliveries_running_max: PositiveInt = 2
    delivered_bytes_max: NonNegativeInt = 512 * 1024 * 1024
    require_commercial_license: Flag = False

    # Google's models. Without a key nothing is sent, and built-in means are used. Prices are in US dollars, with the day of their reading.
    gemini_api_key: str = Field("", repr=False)
    gemini_api_key_file: File = None
    gemini_model: str = "gemini-2.5-flash"
    gemini_url: str = ""
    gemini_s_max: PositiveFloat = 20.0
    gemini_image_model: str = "gemini-3.1-flash-image"
    gemini_video_model: str = "gemini-omni-1.2-flash"
    vertex_project: str = ""
    vertex_location: str = "us-central1"
    vertex_credentials_file: File = None
    vertex_url: str = ""
    veo_model: str = "veo-3.1-generate-001"
    lyria_song_model: str = "lyria-3.5"
    lyria_live_model: str = "models/lyria-realtime-exp"
    gemini_speech_model: str = "gemini-3.8-flash-lite-tts"
    gemini_transcription_model: str = "gemini-3.5-transcribe"
    google_voices: str = ""
    google_media_s_max: PositiveFloat = 300.0
    google_calls_running_max: PositiveInt = 2
    google_prices: str = ""
    google_usd_request_max: NonNegativeFloat = 1.0
    google_usd_owner_day_max: NonNegativeFloat = 2.0
    google_usd_day_max: NonNegativeFloat = 10.0
    backends: str = "local"

    # Speech: servers with OpenAI's API that speak and listen instead of the embedded voice and recognizer, by base address.
    speech_server: BaseUrl = ""
    speech_server_key: str = Field("", repr=False)
    speech_server_model: str = "gpt-4o-mini-tts"
    speech_server_voices: str = "alloy"
    transcription_server: BaseUrl = ""
    transcription_server_key: str = Field("", repr=False)
    transcription_server_model: str = "gpt-4o-mini-transcribe"
    recognizer_folder: str = ""
    recognizer: Literal["local", "google"] = "local"

    # Authentication and the gateway. `auto` asks for API keys as soon as an address is not on loopback, or
    # there is an issuer of sign-in tokens.
    auth: Literal["auto", "on", "off"] = "auto"
    service_key: ServiceKey = Field("", repr=False)
    # Sign-in tokens beside API keys: their issuer, their audience, and the claims with the owner and with scopes.
    oidc_issuer: Issuer = ""
    oidc_audience: str = ""
    oidc_owner_claim: str = Field("sub", min_length=1)
    oidc_scope_claim: str = ""
    oidc_leeway_s: float = Field(30.0, ge=0.0, le=300.0)
    oidc_ca_file: File = None
    api_key: str = Field("", repr=False)
    # Before the gateway: its own addresses as browsers see them, other sites whose pages may call it, proxies whose X-Forwarded-* count,
    # and the folder of the site below which it is served.
    public_origins: Origins = ""
    cors_origins: Origins = ""
    trusted_proxies: Networks = ""
    path_prefix: PathPrefix = ""
    # Quotas of one owner; 0 is none: calls in a minute, seconds of music in a day, bytes in the store.
    quota_calls_minute: NonNegativeInt = 0
    quota_music_s_day: NonNegativeFloat = 0.0
    quota_storage_bytes: NonNegativeInt = 0
    json_bytes_max: PositiveInt = 256 * 1024
    request_s_max: PositiveFloat = 900.0
    take_resume_s_max: NonNegativeFloat = 60.0
    drain_s_max: NonNegativeFloat = 8.0

    otlp_endpoint: BaseUrl = ""  # of a collector of traces
    audit_file: File = None
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
        is_elsewhere = not (is_loopback(self.http_addr) and is_loopback(self.grpc_addr))
        return self.auth == "on" or (self.auth == "auto" and (is_elsewhere or bool(self.oidc_issuer)))

    def check_shared_settings(self) -> None:
        """Raises InvalidInput where a service that is reached by others lacks what all services of an installation share.

        That is the secret by which they authenticate each other, where API keys are asked for; and the store, where another service has
        an address that is not this machine's: a store in this process's data folder would be another one than theirs.
        """
        if self.asks_for_keys and not self.service_key:
            message = "must be set, the same for all services, where API keys are asked for (RESONANCE_AUTH=off asks for none)"
            raise invalid_field("RESONANCE_SERVICE_KEY", "INVALID_SETTING", message)
        named = [cast(str, getattr(self, f"{name}_addr")) for name in _PEERS]
        elsewhere = [address for address in named if address and not is_loopback(address)]
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
