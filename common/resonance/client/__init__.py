"""Python client of the services, and the verified reader of a take's stream."""

from resonance.client.client import AsyncClient, Client, Song
from resonance.client.requests import build_request, build_taste_options

__all__ = ["AsyncClient", "Client", "Song", "build_request", "build_taste_options"]
