"""Clients of all commands, with the API key and certificates of the settings."""

from __future__ import annotations

from resonance.client import AsyncClient, Client
from resonance.settings import read_settings


def open_client(address: str) -> Client:
    """A client with the API key and the certificates of the settings."""
    return Client(address, **client_options())


def open_async_client(address: str, *, service_key: str = "") -> AsyncClient:
    """The same for code with an event loop. `service_key` is for an operator's commands."""
    return AsyncClient(address, service_key=service_key, **client_options())


def client_options() -> dict[str, str]:
    """Arguments of a client: API key and certificates of the settings."""
    settings = read_settings()
    return {
        "api_key": settings.api_key,
        "tls_dir": str(settings.tls_dir or ""),
        "tls_server_name": settings.tls_server_name,
    }
