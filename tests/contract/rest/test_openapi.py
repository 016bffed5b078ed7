"""The OpenAPI document is valid and holds for every route."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance
from support.engine_server import engine_url  # noqa: F401  (fixture)
from support.filming import PlainScenes, plain_assembly, plain_song_map
from tests.contract.rest.script import Script
from tests.contract.rest.scripted import start_services

from resonance.rpc import RpcServer
from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance_gateway.app import build_app
from resonance_gateway.build import open_gateway
from resonance_gateway.schema.openapi import build_document
from resonance_video.build import open_video

DOCUMENT = build_document(build_app(Settings()).routes)
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)


def test_the_document_is_valid_openapi_31() -> None:
    assert list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors()) == []


def test_its_limits_are_those_of_the_protos() -> None:
    generation = DOCUMENT["components"]["schemas"]["GenerationBody"]["properties"]
    assert (generation["prompt"]["maxLength"], generation["duration_s"]["maximum"]) == (2000, 300)
    assert DOCUMENT["components"]["schemas"]["SlidersBody"]["properties"]["energy"]["minimum"] == -1


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, engine_url: str) -> Iterator[str]:  # noqa: F811
    """The gateway in a thread, because schemathesis calls it synchronously. The video service is a real one, with plain scenes."""
    address: list[str] = []
    started, ended = threading.Event(), threading.Event()
    folder = tmp_path_factory.mktemp("openapi")

    async def serve() -> None:
        services = await start_services(Script(job_wait_s=0))
        settings = Settings(
            http_addr="127.0.0.1:0", grpc_addr=services.address, data_dir=folder, engine=engine_url, c2pa=False
        )
        server = RpcServer("127.0.0.1:0")
        scenes = {"plain": PlainScenes(folder / "scenes")}
        async with open_video(settings, MemoryStore(), scenes, listen=plain_song_map, assemble=plain_assembly) as video:
            video.add_to(server)
            await server.start()
            async with open_gateway(settings.model_copy(update={"video_addr": server.address})) as found:
                address.append(found)
                started.set()
                await asyncio.to_thread(ended.wait)
            await server.stop(0)
        await services.stop(1)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert started.wait(60)
    yield address[0]
    ended.set()
    thread.join()


# Each route is a test of its own, by its name: the ids of schemathesis' own parametrization are all the same, which runs one of them.
OPERATIONS = {operation.ok().label: operation.ok() for operation in SCHEMA.get_all_operations()}


@pytest.mark.slow
@pytest.mark.parametrize("label", OPERATIONS)
def test_no_request_is_answered_with_a_5xx_or_against_the_document(label: str, url: str) -> None:
    @settings(
        max_examples=40,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=OPERATIONS[label].as_strategy())
    def answers_as_documented(case: schemathesis.Case) -> None:
        if isinstance(case.body, dict) and "duration_s" in case.body:
            case.body["duration_s"] = 1  # the length of the music does not matter here
        answer = case.call(base_url=url, timeout=20)
        case.validate_response(
            answer, checks=[not_a_server_error, content_type_conformance, response_schema_conformance]
        )

    answers_as_documented()
