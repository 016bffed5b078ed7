"""Services and settings of the application."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from resonance.settings import Settings
from resonance_gateway.services.background_takes import BackgroundTakes
from resonance_gateway.services.services import Services


def get_services(connection: HTTPConnection) -> Services:
    """The services that the application opened at its start."""
    services: Services = connection.app.state.services
    return services


def get_background_takes(connection: HTTPConnection) -> BackgroundTakes:
    """The takes that the application makes in the background."""
    takes: BackgroundTakes = connection.app.state.background_takes
    return takes


def get_settings(connection: HTTPConnection) -> Settings:
    """The application's settings."""
    settings: Settings = connection.app.state.settings
    return settings
