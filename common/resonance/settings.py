"""The process's settings: `RESONANCE_*` read once into one frozen value, all mistakes reported together."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, cast

from resonance.errors import FieldViolation, InvalidInput, invalid_field


def _default_data_dir() -> Path:
    return Path(os.path.expanduser("~")) / ".resonance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything an operator may choose. Every queue, body, wait and cache has its number here.

    Addresses are `host:port`; durations are seconds; sizes are bytes. A rate or a cache's time of 0 switches it off.
    """

    # Where this process listens, and where it finds the others. In the all-in-one process they are one address.
    http_addr: str = "127.0.0.1:8000"
    grpc_addr: str = "127.0.0.1:50051"
    ingest_addr: str = ""
    extract_addr: str = ""
    generate_addr: str = ""
    metrics_addr: str = ""

    # What it keeps, and where.
    data_dir: Path = field(default_factory=_default_data_dir)
    store: str = ""
    s3_access_key: str = ""
    s3_secret_key: str = ""
    s3_public_addr: str = ""  # where listeners reach the same store; without it no link leads to the store itself

    # The model.
    model: str = "embedded"
    backend: str = "auto"
    precision: str = "fp32"
    device: str = "cpu"
    model_threads: int = 1

    # Admission to generation: takes made at once, and takes that may wait.
    slots: int = 4
    queue_places: int = 8
    take_duration_s_max: float = 300.0
    lead_s_max: float = 30.0
    stream_stall_s_max: float = 15.0
    vector_cache_items: int = 64

    # Limits of a playlist.
    tracks_max: int = 20
    track_duration_s_max: float = 600.0
    track_bytes_max: int = 64 * 1024 * 1024
    upload_bytes_max: int = 512 * 1024 * 1024
    upload_stall_s_max: float = 30.0
    upload_header_s_max: float = 10.0
    uploads_open_max: int = 16
    decoded_bytes_max: int = 256 * 1024 * 1024
    decode_s_max: float = 60.0
    download_s_max: float = 300.0
    download_rate_bytes_max: int = 0
    download_proxy: str = ""
    list_cache_s: float = 300.0
    search_for_tracks: bool = False
    spotify_client_id: str = ""
    spotify_client_secret: str = ""
    spotify_accounts_url: str = "https://accounts.spotify.com"
    spotify_api_url: str = "https://api.spotify.com/v1"
    apple_music_token: str = ""
    apple_music_api_url: str = "https://api.music.apple.com"
    extract_stall_s_max: float = 120.0
    extractions_max: int = 8
    jobs_running_max: int = 2
    jobs_queued_max: int = 32
    job_lease_s: float = 8.0
    job_wait_s_max: float = 120.0
    job_retention_s: float = 30 * 86_400.0
    checkpoint_retention_s: float = 7 * 86_400.0
    source_hosts: str = "youtube.com,youtu.be,music.youtube.com"
    allow_generic_sources: bool = False
    allow_private_addresses: bool = False

    # Gemini, for words and for describing playlists; without a key nothing is sent anywhere and built-in means are used.
    gemini_api_key: str = field(default="", repr=False)
    gemini_model: str = "gemini-2.5-flash"
    gemini_url: str = ""
    gemini_s_max: float = 20.0

    # The gateway.
    # Who may ask. `auto` asks for API keys as soon as something is bound elsewhere than on loopback.
    auth: str = "auto"
    service_key: str = ""
    api_key: str = ""
    json_bytes_max: int = 256 * 1024
    request_s_max: float = 900.0
    drain_s_max: float = 8.0

    log_format: str = "text"
    log_level: str = "info"

    @property
    def store_url(self) -> str:
        """The object store's URL; by default files below the data folder."""
        return self.store or f"file:{self.data_dir / 'store'}"

    @property
    def asks_for_keys(self) -> bool:
        """Whether callers must have an API key."""
        is_elsewhere = not (_is_loopback(self.http_addr) and _is_loopback(self.grpc_addr))
        return self.auth == "on" or (self.auth == "auto" and is_elsewhere)

    def check_service_key(self) -> None:
        """Raises InvalidInput where callers need keys, and the services have no secret by which to know each other."""
        if self.asks_for_keys and not self.service_key:
            message = "must be set, the same for all services, where API keys are asked for (RESONANCE_AUTH=off asks for none)"
            raise invalid_field("RESONANCE_SERVICE_KEY", "INVALID_SETTING", message)

    def service_address(self, service: str) -> str:
        """Where a service (`ingest`, `extract`, `generate`) is found; by default this process's own gRPC address."""
        return cast(str, getattr(self, f"{service}_addr")) or self.grpc_addr


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment.

    Raises:
        InvalidInput: with one violation per variable that is unknown or cannot be read.
    """
    environ = os.environ if environ is None else environ
    known = {f"RESONANCE_{item.name.upper()}": item for item in fields(Settings)}
    values: dict[str, Any] = {}
    violations: list[FieldViolation] = []
    for name in sorted(environ):
        if not name.startswith("RESONANCE_"):
            continue
        if name not in known:
            violations.append(FieldViolation(field=name, reason="UNKNOWN_SETTING", message="no such setting"))
            continue
        try:
            values[known[name].name] = _parse(str(known[name].type), environ[name])
        except ValueError as error:
            violations.append(FieldViolation(field=name, reason="INVALID_SETTING", message=str(error)))
    settings = Settings(**values)
    violations += _faults(settings, violations)
    if violations:
        lines = "; ".join(f"{fault.field}: {fault.message}" for fault in violations)
        raise InvalidInput(f"the settings are wrong: {lines}", reason="INVALID_SETTINGS", violations=tuple(violations))
    return settings


def _parse(kind: str, text: str) -> Any:
    return _PARSERS[kind](text.strip())


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("must be a finite number")
    return value


def _truth(text: str) -> bool:
    if text.lower() in {"1", "true", "yes", "on"}:
        return True
    if text.lower() in {"0", "false", "no", "off", ""}:
        return False
    raise ValueError("must be true or false")


_PARSERS: dict[str, Callable[[str], Any]] = {
    "str": str,
    "int": int,
    "float": _number,
    "bool": _truth,
    "Path": lambda text: Path(os.path.expanduser(text)),
}


def _faults(settings: Settings, earlier: list[FieldViolation]) -> list[FieldViolation]:
    named = {fault.field for fault in earlier}
    rules = [
        ("http_addr", _is_address(settings.http_addr), "must be host:port"),
        ("grpc_addr", _is_address(settings.grpc_addr), "must be host:port"),
        ("store", _is_store(settings.store_url), "must be file:FOLDER, memory: or s3://HOST[:PORT]/BUCKET"),
        ("download_proxy", _is_proxy(settings.download_proxy), "must be http://HOST:PORT or https://HOST:PORT"),
        ("auth", settings.auth in {"auto", "on", "off"}, "auto, on or off"),
        (
            "service_key",
            not settings.service_key or len(settings.service_key) >= 32,
            "must have at least 32 characters, the same for all services",
        ),
        ("backend", settings.backend in {"auto", "audiocraft", "transformers"}, "auto, audiocraft or transformers"),
        ("precision", settings.precision in {"fp32", "bf16", "fp16", "int8"}, "fp32, bf16, fp16 or int8"),
        ("slots", 1 <= settings.slots <= 64, "must lie between 1 and 64"),
        ("queue_places", 0 <= settings.queue_places <= 10_000, "must lie between 0 and 10000"),
        ("model_threads", 1 <= settings.model_threads <= 256, "must lie between 1 and 256"),
        ("tracks_max", 1 <= settings.tracks_max <= 20, "must lie between 1 and 20"),
        ("log_format", settings.log_format in {"text", "json"}, "text or json"),
        ("log_level", settings.log_level in {"debug", "info", "warning", "error"}, "debug, info, warning or error"),
    ]
    rules += [
        (item.name, getattr(settings, item.name) > 0, "must be more than 0")
        for item in fields(Settings)
        if str(item.type) in {"int", "float"} and item.name not in _MAY_BE_ZERO
    ]
    return [
        FieldViolation(field=f"RESONANCE_{name.upper()}", reason="INVALID_SETTING", message=message)
        for name, is_right, message in rules
        if not is_right and f"RESONANCE_{name.upper()}" not in named
    ]


_MAY_BE_ZERO = {
    "queue_places",
    "slots",
    "jobs_queued_max",
    "drain_s_max",
    "download_rate_bytes_max",
    "list_cache_s",
}


def _is_address(text: str) -> bool:
    host, colon, port = text.rpartition(":")
    return bool(host and colon and port.isdigit() and int(port) < 65536)


def _is_loopback(address: str) -> bool:
    return address.rpartition(":")[0].strip("[]") in {"127.0.0.1", "localhost", "::1"}


def _is_proxy(text: str) -> bool:
    """Only proxies that speak HTTP: with another kind the address guard could not see where a connection leads."""
    return not text or (text.startswith(("http://", "https://")) and _is_address(text.partition("://")[2].rstrip("/")))


def _is_store(text: str) -> bool:
    return text.startswith(("file:", "memory:", "s3://", "s3+http://"))
