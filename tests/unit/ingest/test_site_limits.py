"""Limits of sites: places of a site, also where it has several names."""

from __future__ import annotations

import pytest

from resonance.errors import Overloaded
from resonance_ingest.sources.site_limits import SiteLimits


def test_a_site_has_so_many_places_and_gets_them_back() -> None:
    limits = SiteLimits(2)
    for _ in range(2):
        with limits.place("https://music.example/a"), limits.place("https://music.example/b"):
            with pytest.raises(Overloaded, match=r"2 downloads from music\.example") as refused:
                limits.place("https://music.example/c").__enter__()
            with limits.place("https://other.example/a"):
                pass
    assert refused.value.reason == "SITE_BUSY"
    assert refused.value.retry_after_s is None, "the engine waits longer after each try"


def test_all_names_of_youtube_are_one_site() -> None:
    limits = SiteLimits(1)
    with limits.place("https://youtu.be/x"):
        for url, is_search in (("https://music.youtube.com/watch?v=x", False), ("search:a song", True)):
            with pytest.raises(Overloaded):
                limits.place(url, is_search=is_search).__enter__()


def test_without_a_number_a_site_has_any() -> None:
    limits = SiteLimits(0)
    with limits.place("https://music.example/a"), limits.place("https://music.example/b"):
        pass
