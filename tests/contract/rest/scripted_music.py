"""Scripted GenerateService that hums."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import ExitStack

import numpy as np
from tests.contract.rest.script import MODEL, RATE_HZ, Script

from resonance.audio.provenance import provenance_texts
from resonance.audio.wav import pcm16, wav_header
from resonance.errors import FailedPrecondition, NotFound, Overloaded
from resonance.ids import canonical_digest, new_request_id, sha256_hex
from resonance.v1 import (
    audio_pb2,
    generate_pb2,
    generate_pb2_grpc,
)


def hum(request: generate_pb2.GenerateRequest) -> bytes:
    """The samples of a request: the same request gives the same bytes."""
    count = int(np.ceil(request.duration_s * 50)) * (RATE_HZ // 50)
    times = np.arange(count) / RATE_HZ
    root_hz = 110 * 2 ** ((request.seed % 12) / 12)
    chord = sum(np.sin(2 * np.pi * root_hz * ratio * times) for ratio in (1, 1.26, 1.5))
    swell = 0.55 + 0.4 * np.sin(2 * np.pi * times / 3.1) * np.sin(2 * np.pi * times * 1.7)
    return pcm16((chord * swell * 0.2)[None, :].astype(np.float32))


def to_wav(take: generate_pb2.Take, samples: bytes) -> bytes:
    """The stored file of a take."""
    header = wav_header(
        sample_rate_hz=RATE_HZ, channel_count=1, sample_count=len(samples) // 2, info=provenance_texts(take)
    )
    return header + samples


async def _read_controls(requests, controls) -> None:
    async for request in requests:
        controls.put_nowait(request.control)


class ScriptedGenerate(generate_pb2_grpc.GenerateServiceServicer):
    """GenerateService that hums."""

    def __init__(self, script: Script) -> None:
        self._script = script

    def _refuse(self, rpc: str) -> None:
        if refusal := self._script.refusals.get(rpc):
            raise refusal

    async def GetModel(self, request, context):
        model = generate_pb2.ModelInfo()
        model.CopyFrom(MODEL)
        model.capabilities.melody = self._script.follows_tunes
        return generate_pb2.GetModelResponse(model=model, backends=self._script.backends)

    async def Generate(self, request, context) -> AsyncIterator[generate_pb2.GenerateResponse]:
        script = self._script
        asked = generate_pb2.GenerateRequest()
        asked.CopyFrom(request)
        script.generate_requests.append(asked)
        self._refuse("Generate")
        if refusal := script.refused_ids.get(request.request_id):
            raise refusal
        if script.is_full:
            raise Overloaded("every place is taken; try again in 3 seconds", retry_after_s=3.0)
        for use in request.recipe.tastes:
            if use.taste_id.startswith("other"):
                raise FailedPrecondition(f"taste {use.taste_id} was made for another model", reason="MODEL_MISMATCH")
        if not request.request_id:
            request.request_id = new_request_id()
        if not request.HasField("seed"):
            request.seed = int(canonical_digest(request.request_id)[:8], 16)
        with script.open_stream():
            async for event in self._events(request):
                yield event

    async def Perform(self, requests, context) -> AsyncIterator[generate_pb2.PerformResponse]:
        """Hums in real time, applies each control at once, and ends on `stop`."""
        self._refuse("Perform")
        script = self._script
        opening = (await anext(requests)).opening
        controls: asyncio.Queue[generate_pb2.PerformControl] = asyncio.Queue()
        recipe, melody = opening.recipe, opening.melody.wav
        self._script.performed.append(recipe)
        self._script.tunes.append(melody)
        reading = asyncio.create_task(_read_controls(requests, controls))
        with script.open_stream(), ExitStack() as stack:
            stack.callback(reading.cancel)
            audio_format = audio_pb2.AudioFormat(
                sample_rate_hz=RATE_HZ, channel_count=1, encoding=audio_pb2.SAMPLE_ENCODING_PCM_S16LE
            )
            started = generate_pb2.GenerationStarted(
                request_id=opening.request_id, format=audio_format, recipe=opening.recipe, model=MODEL
            )
            changes: list[generate_pb2.RecipeChange] = []
            yield generate_pb2.PerformResponse(started=started)
            pcm = hum(generate_pb2.GenerateRequest(duration_s=0.2, seed=1))
            digest = hashlib.sha256()
            sequence = 0
            is_held = False
            for _ in range(500):
                while not controls.empty():
                    control = controls.get_nowait()
                    script.commands.append(control.command)
                    if control.command:
                        is_held = control.command == generate_pb2.PLAYBACK_COMMAND_PAUSE
                    if control.command == generate_pb2.PLAYBACK_COMMAND_STOP:
                        self._keep_live(opening, changes, audio_format, pcm * sequence)
                        end = audio_pb2.StreamEnd(sample_count_total=sequence * len(pcm) // 2, sha256=digest.digest())
                        yield generate_pb2.PerformResponse(finished=end)
                        return
                    if control.HasField("recipe"):
                        recipe = control.recipe
                        self._script.performed.append(recipe)
                        changes.append(generate_pb2.RecipeChange(sample_offset=sequence * len(pcm) // 2, recipe=recipe))
                    if not control.HasField("recipe") and not control.without_melody and not control.HasField("melody"):
                        continue
                    if control.without_melody or control.HasField("melody"):
                        melody = control.melody.wav
                        self._script.tunes.append(melody)
                    in_force = generate_pb2.RecipeInForce(
                        recipe=recipe,
                        sample_offset=sequence * len(pcm) // 2,
                        melody_sha256=sha256_hex(melody) if melody else "",
                        notices=self._script.notices,
                    )
                    yield generate_pb2.PerformResponse(recipe=in_force)
                if is_held:
                    await asyncio.sleep(script.live_chunk_wait_s)
                    continue
                count = len(pcm) // 2
                chunk = audio_pb2.AudioChunk(
                    sequence=sequence, sample_offset=sequence * count, sample_count=count, data=pcm
                )
                digest.update(pcm)
                yield generate_pb2.PerformResponse(chunk=chunk)
                sequence += 1
                await asyncio.sleep(script.live_chunk_wait_s)

    def _keep_live(self, opening, changes, audio_format, samples: bytes) -> None:
        if not opening.keep or not samples:
            return
        take = generate_pb2.Take(
            request_id=opening.request_id,
            recipe=opening.recipe,
            is_performed=True,
            recipe_changes=changes,
            format=audio_format,
            duration_s=len(samples) / 2 / RATE_HZ,
            model=MODEL,
            audio_sha256=sha256_hex(samples),
        )
        take.create_time.GetCurrentTime()
        self._script.takes[opening.request_id] = (take, samples)

    async def _events(self, request) -> AsyncIterator[generate_pb2.GenerateResponse]:
        script, samples = self._script, hum(request)
        cut_after = script.cuts.pop(0) if script.cuts else None
        total = len(samples) // 2
        recipe_id = canonical_digest(request.recipe.SerializeToString(deterministic=True).hex())
        audio_format = audio_pb2.AudioFormat(
            sample_rate_hz=RATE_HZ, channel_count=1, encoding=audio_pb2.SAMPLE_ENCODING_PCM_S16LE
        )
        yield generate_pb2.GenerateResponse(
            started=generate_pb2.GenerationStarted(
                request_id=request.request_id,
                format=audio_format,
                sample_count_total=total,
                seed=request.seed,
                recipe_id=recipe_id,
                recipe=request.recipe,
                model=MODEL,
                notices=script.notices,
                played=script.played,
            )
        )
        places, script.places = script.places, []
        for place in places:
            queued = generate_pb2.GenerationQueued(place=place, wait_s=2.5 * place)
            yield generate_pb2.GenerateResponse(queued=queued)
            await asyncio.sleep(script.place_wait_s)
        chunk = int((request.chunk_s or 0.5) * RATE_HZ)
        offset = request.resume_sample_offset
        for sequence, begin in enumerate(range(offset, total, chunk)):
            if sequence == cut_after:
                return
            await asyncio.sleep(script.chunk_wait_s)
            data = samples[begin * 2 : (begin + chunk) * 2]
            yield generate_pb2.GenerateResponse(
                chunk=audio_pb2.AudioChunk(
                    sequence=sequence,
                    sample_offset=begin,
                    sample_count=len(data) // 2,
                    data=data,
                    recipe_id=recipe_id,
                )
            )
        digest = hashlib.sha256(b"wrong" if script.wrong_digest else samples).digest()
        end = audio_pb2.StreamEnd(sample_count_total=total, sha256=digest)
        take = generate_pb2.Take(
            request_id=request.request_id,
            recipe=request.recipe,
            seed=request.seed,
            format=audio_format,
            duration_s=total / RATE_HZ,
            bpm=92.0,
            model=MODEL,
            recipe_id=recipe_id,
            audio_sha256=sha256_hex(samples),
        )
        for change in request.recipe_changes:
            take.recipe_changes.add(sample_offset=round(change.start_s * RATE_HZ), recipe=change.recipe)
        take.create_time.GetCurrentTime()
        if earlier := self._script.takes.get(request.request_id):  # sent again
            take.recipe_changes.extend(earlier[0].recipe_changes if not request.recipe_changes else ())
            take.is_performed = earlier[0].is_performed
        self._script.takes[request.request_id] = (take, samples)
        yield generate_pb2.GenerateResponse(finished=generate_pb2.GenerationFinished(end=end, take=take))

    async def ListTakes(self, request, context):
        return generate_pb2.ListTakesResponse(takes=[take for take, _ in reversed(self._script.takes.values())])

    async def GetTake(self, request, context):
        self._refuse("GetTake")
        if request.request_id not in self._script.takes:
            raise NotFound(f"there is no take {request.request_id}")
        return generate_pb2.GetTakeResponse(take=self._script.takes[request.request_id][0])

    async def GetTakeTimeline(self, request, context):
        take = (await self.GetTake(request, context)).take
        timeline = generate_pb2.TakeTimeline(request_id=take.request_id, sample_rate_hz=RATE_HZ, rate_hz=10)
        timeline.recipe_changes.add(recipe=take.recipe, recipe_id=take.recipe_id)
        timeline.recipe_changes.extend(take.recipe_changes)
        return generate_pb2.GetTakeTimelineResponse(timeline=timeline)

    async def StreamTake(self, request, context) -> AsyncIterator[generate_pb2.StreamTakeResponse]:
        self._refuse("StreamTake")
        take = (await self.GetTake(request, context)).take
        again = generate_pb2.GenerateRequest(
            request_id=take.request_id,
            recipe=take.recipe,
            duration_s=take.duration_s,
            seed=take.seed,
            resume_sample_offset=request.sample_offset,
        )
        async for event in self._events(again):
            if event.HasField("started"):
                event.started.audio_sha256 = sha256_hex(self._script.takes[take.request_id][1])
            yield generate_pb2.StreamTakeResponse.FromString(event.SerializeToString())

    async def DeleteTake(self, request, context):
        if self._script.takes.pop(request.request_id, None) is None:
            raise NotFound(f"there is no take {request.request_id}")
        return generate_pb2.DeleteTakeResponse()
