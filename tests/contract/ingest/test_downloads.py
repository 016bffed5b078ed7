"""Downloads: proxy, rate and time limits, resumption, no leftover files."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from support import sounds
from support.proxy import serve_proxy
from support.site import Site, serve_site

from resonance.v1 import jobs_pb2

STATE = jobs_pb2.JobState
OPEN = {"allow_generic_sources": True, "allow_private_addresses": True}


@pytest.fixture
def site() -> Iterator[Site]:
    with serve_site() as serving:
        yield serving


@pytest.mark.slow
async def test_downloads_beyond_the_number_of_a_site_wait_and_are_no_faults(
    open_system, site: Site, tmp_path: Path
) -> None:
    content = sounds.sound_bytes("wav", tmp_path, duration_s=4.0)
    urls = [site.add(f"/{number}.wav", content, "audio/wav") for number in range(2)]
    refused = partial(REGISTRY.get_sample_value, "resonance_work_step_failures_total")
    labels = {"step": "taste_list", "reason": "SITE_BUSY"}
    before = refused(labels) or 0.0
    async with open_system(**OPEN, site_downloads_max=1) as system:
        jobs = [await system.submit(url) for url in urls]
        done = [await system.done(job) for job in jobs]
    assert [job.state for job in done] == [STATE.JOB_STATE_COMPLETED] * 2, done
    assert (refused(labels) or 0.0) > before


async def test_a_broken_download_is_resumed_where_it_broke(open_system, site: Site, tmp_path: Path) -> None:
    content = sounds.sound_bytes("wav", tmp_path, duration_s=4.0)
    url = site.add("/song.wav", content, "audio/wav")
    site.cuts["/song.wav"] = 6  # the look at the file, then more breaks than one child has patience for
    async with open_system(**OPEN) as system:
        job = await system.done(await system.submit(url))
        assert job.state == STATE.JOB_STATE_COMPLETED, job
        assert job.tracks[0].duration_s == pytest.approx(4.0, abs=0.01)
        await system.tidied_up()
    starts = [int(asked[6:].partition("-")[0]) for asked in site.ranges]
    assert max(starts) > len(content) // 2, "nothing that had come was fetched again"
    assert site.cuts["/song.wav"] == 0


async def test_a_download_that_always_breaks_fails_and_leaves_no_file(open_system, site: Site, tmp_path: Path) -> None:
    url = site.add("/song.wav", sounds.sound_bytes("wav", tmp_path, duration_s=4.0), "audio/wav")
    site.cuts["/song.wav"] = 10_000
    async with open_system(**OPEN) as system:
        job = await system.done(await system.submit(url))
        assert (job.state, job.error.reason) == (STATE.JOB_STATE_FAILED, "SITE_UNREACHABLE"), job
        await system.tidied_up()
        assert job.can_retry


async def test_a_download_keeps_to_the_rate(open_system, site: Site, tmp_path: Path) -> None:
    content = sounds.sound_bytes("wav", tmp_path, duration_s=4.0)
    url = site.add("/song.wav", content, "audio/wav")
    async with open_system(**OPEN, download_rate_bytes_max=len(content) // 3) as system:
        started_s = time.monotonic()
        job = await system.done(await system.submit(url))
        assert job.state == STATE.JOB_STATE_COMPLETED, job
        assert time.monotonic() - started_s >= 2.0


async def test_a_download_keeps_to_its_time(open_system, site: Site, tmp_path: Path) -> None:
    url = site.add("/song.wav", sounds.sound_bytes("wav", tmp_path, duration_s=20.0), "audio/wav")
    site.dripping.add("/song.wav")
    async with open_system(**OPEN, download_s_max=4.0) as system:
        job = await system.done(await system.submit(url))
        assert (job.state, job.error.reason) == (STATE.JOB_STATE_FAILED, "DOWNLOAD_TIMEOUT"), job
        await system.tidied_up()


async def test_every_request_goes_through_the_operator_s_proxy(open_system, site: Site, tmp_path: Path) -> None:
    url = site.add("/song.mp3", sounds.sound_bytes("mp3", tmp_path))
    with serve_proxy() as proxy:
        async with open_system(**OPEN, download_proxy=proxy.url) as system:
            job = await system.done(await system.submit(url))
        assert job.state == STATE.JOB_STATE_COMPLETED, job
        assert set(proxy.asked) == {url}
        assert len(proxy.asked) == len(site.asked)


_BEHIND_PROXY = """
import socket, sys, urllib.request
known = socket.getaddrinfo
names = {"public.example": "93.184.215.14"}
socket.getaddrinfo = lambda host, *rest, **named: known(names.get(host, host), *rest, **named)
from resonance_ingest.sources import url_policy
proxy, url = sys.argv[1:]
url_policy.guard_process(allow_private=False, proxy=proxy)
opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": proxy, "https": proxy}))
try:
    print("read", len(opener.open(url, timeout=5).read()))
except OSError as failure:
    print("refused:", failure)
"""


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/canary",
        "http://localhost:{port}/canary",
        "http://2130706433:{port}/canary",
        "http://[::ffff:127.0.0.1]:{port}/canary",
        "http://169.254.169.254/latest/meta-data/",
        "https://127.0.0.1:{port}/canary",
        "http://public.example/hop",
        "http://nowhere.invalid/",
    ],
)
def test_the_address_guard_holds_behind_a_proxy_for_every_hop(site: Site, url: str) -> None:
    port = site.url.rpartition(":")[2]
    site.add("/canary", b"secret")
    with serve_proxy() as proxy:
        proxy.redirects["http://public.example/hop"] = f"http://127.0.0.1:{port}/canary"
        command = [sys.executable, "-c", _BEHIND_PROXY, proxy.url, url.format(port=port)]
        output = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    assert output.startswith("refused:"), output
    assert site.asked == []
