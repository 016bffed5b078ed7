"""Servicer of GenerateService; each method is one use case."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from resonance.rpc import ServerContext
from resonance.v1 import generate_pb2, generate_pb2_grpc
from resonance_generate.backends.dispatch import Backends
from resonance_generate.generation import Generation
from resonance_generate.responses import to_generate_response, to_perform_response, to_stream_take_response
from resonance_generate.takes.library import TakeLibrary
from resonance_generate.takes.versions import TakeVersions
from resonance_generate.timeline import TakeTimelines
from resonance_generate.variations import Variations


class GenerateService(generate_pb2_grpc.GenerateServiceServicer):
    """Requests in, responses out; the use cases stand in `generation`, `performance` and `takes`."""

    def __init__(
        self,
        backends: Backends,
        generation: Generation,
        takes: TakeLibrary,
        timelines: TakeTimelines,
        versions: TakeVersions,
        info: generate_pb2.ModelInfo,
    ) -> None:
        self._backends = backends
        self._generation = generation
        self._variations = Variations(generation)
        self._takes = takes
        self._timelines = timelines
        self._versions = versions
        self._info = info

    async def Generate(  # noqa: N802
        self, request: generate_pb2.GenerateRequest, context: ServerContext
    ) -> AsyncIterator[generate_pb2.GenerateResponse]:
        async with aclosing(self._backends.generate(request)) as events:
            async for event in events:
                yield to_generate_response(event)

    async def GenerateVariations(  # noqa: N802
        self, request: generate_pb2.GenerateVariationsRequest, context: ServerContext
    ) -> AsyncIterator[generate_pb2.GenerateVariationsResponse]:
        self._backends.check_local(request.request.backend)
        async with aclosing(self._variations.run(request)) as responses:
            async for response in responses:
                yield response

    async def Perform(  # noqa: N802
        self, request_iterator: AsyncIterator[generate_pb2.PerformRequest], context: ServerContext
    ) -> AsyncIterator[generate_pb2.PerformResponse]:
        async with aclosing(self._backends.perform(request_iterator)) as events:
            async for event in events:
                yield to_perform_response(event)

    async def GetModel(  # noqa: N802
        self, request: generate_pb2.GetModelRequest, context: ServerContext
    ) -> generate_pb2.GetModelResponse:
        return generate_pb2.GetModelResponse(model=self._info, backends=self._backends.infos)

    async def ListTakes(  # noqa: N802
        self, request: generate_pb2.ListTakesRequest, context: ServerContext
    ) -> generate_pb2.ListTakesResponse:
        takes, next_page_token = await self._takes.page(request.page_size, request.page_token)
        return generate_pb2.ListTakesResponse(takes=takes, next_page_token=next_page_token)

    async def GetTake(  # noqa: N802
        self, request: generate_pb2.GetTakeRequest, context: ServerContext
    ) -> generate_pb2.GetTakeResponse:
        return generate_pb2.GetTakeResponse(take=await self._takes.get(request.request_id))

    async def StreamTake(  # noqa: N802
        self, request: generate_pb2.StreamTakeRequest, context: ServerContext
    ) -> AsyncIterator[generate_pb2.StreamTakeResponse]:
        take = await self._takes.get(request.request_id)
        async with aclosing(self._generation.replay(take, request.sample_offset)) as events:
            async for event in events:
                yield to_stream_take_response(event)

    async def GetTakeTimeline(  # noqa: N802
        self, request: generate_pb2.GetTakeTimelineRequest, context: ServerContext
    ) -> generate_pb2.GetTakeTimelineResponse:
        return generate_pb2.GetTakeTimelineResponse(timeline=await self._timelines.get(request.request_id))

    async def AddVersion(  # noqa: N802
        self, request_iterator: AsyncIterator[generate_pb2.AddVersionRequest], context: ServerContext
    ) -> generate_pb2.AddVersionResponse:
        return generate_pb2.AddVersionResponse(take=await self._versions.add(request_iterator))

    async def DeleteTake(  # noqa: N802
        self, request: generate_pb2.DeleteTakeRequest, context: ServerContext
    ) -> generate_pb2.DeleteTakeResponse:
        await self._takes.delete(request.request_id)
        return generate_pb2.DeleteTakeResponse()
