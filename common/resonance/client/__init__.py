"""Python client of the services, and verified take reader."""

from resonance.client.blocking_client import Client
from resonance.client.client import AsyncClient, Song
from resonance.client.requests import build_request, build_taste_options, follow_picture

__all__ = ["AsyncClient", "Client", "Song", "build_request", "build_taste_options", "follow_picture"]
