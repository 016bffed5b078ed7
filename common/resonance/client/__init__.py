"""Python client of the services, and verified take reader."""

from resonance.client.client import AsyncClient, Client, Song
from resonance.client.requests import build_request, build_taste_options

__all__ = ["AsyncClient", "Client", "Song", "build_request", "build_taste_options"]
