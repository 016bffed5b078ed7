"""Scripted services on a real grpc.aio server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import replace

from tests.contract.rest.script import Script
from tests.contract.rest.scripted_music import ScriptedGenerate
from tests.contract.rest.scripted_rooms import ScriptedRooms
from tests.contract.rest.scripted_shares import ScriptedShareLinks, scripted_owners
from tests.contract.rest.scripted_speech import ScriptedSpeech

from resonance.errors import FailedPrecondition, InvalidInput, NotFound, invalid_field
from resonance.ids import derive_job_id
from resonance.rpc.auth import Authenticator
from resonance.rpc.server import RpcServer
from resonance.settings import Settings
from resonance.store import MemoryStore
from resonance.v1 import (
    extract_pb2,
    extract_pb2_grpc,
    generate_pb2_grpc,
    ingest_pb2,
    ingest_pb2_grpc,
    jobs_pb2,
    owners_pb2_grpc,
    rooms_pb2_grpc,
    shares_pb2_grpc,
    speech_pb2_grpc,
    steering_pb2,
)
from resonance.wishes.grammar import move_position, read_open
from resonance.wishes.phrases import phrase_of
from resonance.wishes.refinement import Change, concept_changes_between
from resonance_ingest.messages import to_upload_message
from resonance_ingest.sources.upload_sessions import UploadSessions


class ScriptedIngest(ingest_pb2_grpc.IngestServiceServicer):
    """IngestService whose jobs walk through their states."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._resumable = UploadSessions(MemoryStore(), Settings())
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    async def SubmitPlaylist(self, request, context):
        if "example" in request.url:
            raise InvalidInput("url: this host is not one that we read; upload the files instead")
        await asyncio.sleep(self._script.accept_wait_s)
        job = self._accept(request.request_id, request.title or "Linked list", request.options, ["One", "Two"])
        job.source_url = request.url
        return ingest_pb2.SubmitPlaylistResponse(job=job)

    async def UploadPlaylist(self, requests, context):
        header, names, has_ended = None, [], False
        async for request in requests:
            part = request.WhichOneof("part")
            if part == "header":
                header = request.header
                self._script.upload_headers.append(header)
            elif part == "track":
                names.append(request.track.filename)
                self._script.uploads.append((request.track.filename, 0))
            elif part == "end":
                assert header.has_end
                has_ended = True
            else:
                name, size = self._script.uploads[-1]
                self._script.uploads[-1] = (name, size + len(request.data))
                self._script.upload_messages_max = max(self._script.upload_messages_max, len(request.data))
                if request.data.startswith(b"refuse me"):
                    raise InvalidInput("the first file is refused by the script")
        if header.has_end and not has_ended:  # the real service's rule: a caller that left has not submitted
            raise InvalidInput("the upload ended before its end was said")
        await asyncio.sleep(self._script.accept_wait_s)
        job = self._accept(header.request_id, header.title or names[0], header.options, names)
        return ingest_pb2.UploadPlaylistResponse(job=job)

    async def OpenUpload(self, request, context):
        session = await self._resumable.open(request.filename, request.byte_count)
        return ingest_pb2.OpenUploadResponse(upload=to_upload_message(session))

    async def WriteUpload(self, requests, context):
        position = (await anext(requests)).position

        async def data():
            async for request in requests:
                yield request.data

        session = await self._resumable.write(position.upload_id, position.offset, data())
        return ingest_pb2.WriteUploadResponse(upload=to_upload_message(session))

    async def GetUpload(self, request, context):
        return ingest_pb2.GetUploadResponse(upload=to_upload_message(await self._resumable.get(request.upload_id)))

    async def ReadUpload(self, request, context):
        async for data in self._resumable.read(request.upload_id):
            yield ingest_pb2.ReadUploadResponse(data=data)

    async def DeleteUpload(self, request, context):
        await self._resumable.delete(request.upload_id)
        return ingest_pb2.DeleteUploadResponse()

    async def SubmitUploads(self, request, context):
        sessions = await self._resumable.ready(request.upload_ids, derive_job_id(request.request_id))
        uploads = await self._resumable.claim(sessions, derive_job_id(request.request_id))
        names = [upload.filename for upload in uploads]
        job = self._accept(request.request_id, request.title or names[0], request.options, names)
        return ingest_pb2.SubmitUploadsResponse(job=job)

    async def RetryJob(self, request, context):
        old = self._job(request.job_id)
        if old.state < jobs_pb2.JOB_STATE_COMPLETED:
            raise FailedPrecondition("the playlist is still being worked on", reason="JOB_NOT_FINAL")
        job = self._accept("retry-" + old.job_id, old.title, old.options, [track.title for track in old.tracks])
        return ingest_pb2.RetryJobResponse(job=job)

    async def GetJob(self, request, context):
        return ingest_pb2.GetJobResponse(job=self._job(request.job_id))

    async def ListJobs(self, request, context):
        return ingest_pb2.ListJobsResponse(jobs=list(reversed(self._script.jobs.values())))

    async def CancelJob(self, request, context):
        job = self._job(request.job_id)
        if job.state < jobs_pb2.JOB_STATE_COMPLETED:
            await self._change(job, jobs_pb2.JOB_STATE_CANCELLED, job.progress)
        return ingest_pb2.CancelJobResponse(job=job)

    async def DeleteJob(self, request, context):
        self._job(request.job_id)
        del self._script.jobs[request.job_id]
        return ingest_pb2.DeleteJobResponse()

    async def WatchJob(self, request, context):
        job, seen = self._job(request.job_id), request.after_revision if request.HasField("after_revision") else -1
        while True:
            async with self._changed:
                while job.revision <= seen:
                    await self._changed.wait()
            seen = job.revision
            yield ingest_pb2.WatchJobResponse(job=job)
            if job.state >= jobs_pb2.JOB_STATE_COMPLETED:
                return

    def _job(self, job_id: str) -> jobs_pb2.Job:
        if job_id not in self._script.jobs:
            raise NotFound(f"there is no taste {job_id}")
        return self._script.jobs[job_id]

    def _accept(self, request_id, title, options, titles) -> jobs_pb2.Job:
        job_id = derive_job_id(request_id)
        if job_id not in self._script.jobs:
            tracks = [
                jobs_pb2.JobTrack(index=index, title=name, state=jobs_pb2.JOB_STATE_QUEUED)
                for index, name in enumerate(titles)
            ]
            job = jobs_pb2.Job(
                job_id=job_id, state=jobs_pb2.JOB_STATE_QUEUED, tracks=tracks, title=title, options=options, revision=1
            )
            job.create_time.GetCurrentTime()
            self._script.jobs[job_id] = job
            task = asyncio.ensure_future(self._walk(job))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return self._script.jobs[job_id]

    async def _walk(self, job: jobs_pb2.Job) -> None:
        for state in range(jobs_pb2.JOB_STATE_DOWNLOADING, jobs_pb2.JOB_STATE_COMPLETED + 1):
            await asyncio.sleep(self._script.job_wait_s)
            if job.state >= jobs_pb2.JOB_STATE_COMPLETED:
                return
            for track in job.tracks:
                self._hear(track, state)
            if state == jobs_pb2.JOB_STATE_COMPLETED:
                self._finish(job)
            await self._change(job, state, (state - 1) / 5)

    def _hear(self, track: jobs_pb2.JobTrack, state: int) -> None:
        if "bad" in track.title and state >= jobs_pb2.JOB_STATE_PREPROCESSING:
            track.state = jobs_pb2.JOB_STATE_FAILED
            track.error.CopyFrom(jobs_pb2.Fault(reason="NOT_AUDIO", message="this file is not audio that we can read"))
            return
        track.state, track.duration_s, track.clips_total = state, 31.0, 4
        track.clips_done = 4 if state > jobs_pb2.JOB_STATE_EXTRACTING else 2

    def _finish(self, job: jobs_pb2.Job) -> None:
        used = [track for track in job.tracks if track.state != jobs_pb2.JOB_STATE_FAILED]
        if not used:
            return
        job.taste.CopyFrom(
            steering_pb2.TasteSummary(
                taste_id=job.job_id,
                tracks=[
                    steering_pb2.TasteTrack(title=track.title, clip_count=4, duration_s=31, clip_weights=[0.25] * 4)
                    for track in used
                ],
                layer_norms=[0.4, 0.9, 1.6, 2.1, 1.2, 0.7],
                clip_count=4 * len(used),
                description="Slow and warm, with deep bass and few instruments.",
            )
        )

    async def _change(self, job: jobs_pb2.Job, state: int, progress: float) -> None:
        async with self._changed:
            if state == jobs_pb2.JOB_STATE_COMPLETED and not job.HasField("taste"):
                state = jobs_pb2.JOB_STATE_FAILED
                job.error.CopyFrom(jobs_pb2.Fault(reason="NO_TRACKS", message="none of the tracks could be used"))
            job.state, job.progress = state, max(job.progress, progress)
            job.revision += 1
            job.update_time.GetCurrentTime()
            self._changed.notify_all()


SLIDER_NAMES = tuple(steering_pb2.Sliders.DESCRIPTOR.fields_by_name)


class ScriptedExtract(extract_pb2_grpc.ExtractServiceServicer):
    """ExtractService that knows the sliders' concepts."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._concepts = {name: extract_pb2.Concept(name=name, built_in=True, ready=True) for name in SLIDER_NAMES}
        self._calibration_jobs: dict[str, extract_pb2.CalibrationJob] = {}

    async def GetAdoption(self, request, context):
        return extract_pb2.GetAdoptionResponse(adoption=self._script.adoption)

    async def StartAdoption(self, request, context):
        return extract_pb2.StartAdoptionResponse(adoption=(await self.GetAdoption(request, context)).adoption)

    async def ListConcepts(self, request, context):
        return extract_pb2.ListConceptsResponse(concepts=self._concepts.values())

    async def ComputeConcept(self, request, context):
        for done in range(1, 4):
            yield extract_pb2.ComputeConceptResponse(progress=extract_pb2.Progress(done=done, total=3))
        concept = extract_pb2.Concept(
            name=request.name, pairs=request.pairs, music_pairs=request.music_pairs, ready=True
        )
        self._concepts[request.name] = concept
        yield extract_pb2.ComputeConceptResponse(concept=concept)

    async def CalibrateConcept(self, request, context):
        concept = self._concept(request.name)
        yield extract_pb2.CalibrateConceptResponse(progress=extract_pb2.Progress(done=1, total=1))
        concept.calibration.CopyFrom(extract_pb2.Calibration(strength_min=-2, strength_max=3))
        yield extract_pb2.CalibrateConceptResponse(concept=concept)

    async def StartCalibrationJob(self, request, context):
        if request.concept:
            self._concept(request.concept)
        calibration_job = extract_pb2.CalibrationJob(
            calibration_job_id="s-scripted",
            kind=request.kind or 1,
            concept=request.concept,
            taste_id=request.taste_id,
            state=1,
        )
        calibration_job.progress.total = 2 + len(request.music)
        self._script.calibration_jobs.append("started")
        self._calibration_jobs[calibration_job.calibration_job_id] = calibration_job
        return extract_pb2.StartCalibrationJobResponse(calibration_job=calibration_job)

    async def GetCalibrationJob(self, request, context):
        if request.calibration_job_id not in self._calibration_jobs:
            raise NotFound(
                f"there is no calibration job {request.calibration_job_id}", reason="NO_SUCH_CALIBRATION_JOB"
            )
        return extract_pb2.GetCalibrationJobResponse(calibration_job=self._calibration_jobs[request.calibration_job_id])

    async def WatchCalibrationJob(self, request, context):
        calibration_job = (await self.GetCalibrationJob(request, context)).calibration_job
        for done in range(3):
            if calibration_job.state == extract_pb2.CALIBRATION_JOB_STATE_CANCELLED:
                break
            calibration_job.progress.done = done
            calibration_job.state = 2 if done == 2 else 1
            if done == 2:
                self._end(calibration_job)
            yield extract_pb2.WatchCalibrationJobResponse(calibration_job=calibration_job)
            begun_s, cancelled = time.monotonic(), extract_pb2.CALIBRATION_JOB_STATE_CANCELLED
            while calibration_job.state != cancelled and self._waits(begun_s):
                await asyncio.sleep(0.02)

    def _waits(self, begun_s: float) -> bool:
        """True while a step of a calibration job waits; a test may shorten that meanwhile."""
        return time.monotonic() - begun_s < self._script.calibration_job_wait_s

    def _end(self, calibration_job: extract_pb2.CalibrationJob) -> None:
        if self._script.calibration_job_fault:
            calibration_job.state = extract_pb2.CALIBRATION_JOB_STATE_FAILED
            calibration_job.error.CopyFrom(
                jobs_pb2.Fault(reason="UNAVAILABLE", message=self._script.calibration_job_fault)
            )
        else:
            self._script.is_calibrated = True

    async def CancelCalibrationJob(self, request, context):
        self._script.calibration_jobs.append("cancelled")
        calibration_job = (await self.GetCalibrationJob(request, context)).calibration_job
        calibration_job.state = 4
        return extract_pb2.CancelCalibrationJobResponse(calibration_job=calibration_job)

    async def Refine(self, request, context):
        """The real grammar, and the script's phrases: neither needs a model."""
        await asyncio.sleep(self._script.refine_wait_s)
        now, before = (
            {name: getattr(sliders, name) for name in SLIDER_NAMES} for sliders in (request.sliders, request.previous)
        )
        concepts, previous = (
            {one.name: one.position for one in side} for side in (request.concepts, request.previous_concepts)
        )
        wish = read_open(
            request.text,
            now,
            before if request.HasField("previous") else None,
            concepts=concepts,
            previous_concepts=previous,
        )
        found, after = wish.refinement, dict(wish.refinement.concepts)
        labels = {name: phrase for phrase, name in self._script.phrases.items()}
        for move in wish.phrase_moves:
            if (phrase := phrase_of(move.slider)) not in self._script.phrases:
                raise invalid_field("text", "PHRASE_UNKNOWN", f"the model does not know “{phrase}”")
            name = self._script.phrases[phrase]
            after[name] = move_position(move, after.get(name, 0.0))
        changes = concept_changes_between(concepts, after, {})
        found = replace(found, concept_changes=tuple(changes), labels=labels)
        return extract_pb2.RefineResponse(
            sliders=steering_pb2.Sliders(**found.sliders),
            changes=_to_changes(found.changes),
            explanation=found.explanation,
            not_understood=found.not_understood,
            source=found.source,
            concepts=[
                extract_pb2.RefinedConcept(name=name, label=labels[name], position=position)
                for name, position in after.items()
            ],
            concept_changes=_to_changes(changes),
        )

    async def GetCalibration(self, request, context):
        if request.taste_id == "t-none":
            raise NotFound("there is no taste t-none")
        if not self._script.is_calibrated:
            return extract_pb2.GetCalibrationResponse(taste_id=request.taste_id, strength_min=-1, strength_max=1)
        high = self._script.taste_strength_max
        found = extract_pb2.Calibration(strength_min=-1, strength_max=high, reason_max="at 3 the mean breaks (silence)")
        return extract_pb2.GetCalibrationResponse(
            taste_id=request.taste_id, calibration=found, strength_min=-1, strength_max=high
        )

    async def GetReference(self, request, context):
        return extract_pb2.GetReferenceResponse(
            reference=extract_pb2.ReferenceSummary(model_digest="d", source="model_takes", piece_count=12)
        )

    async def ScanLayers(self, request, context):
        self._concept(request.name)
        scores = [extract_pb2.LayerScore(layer=layer, auc=0.5 + layer / 12) for layer in range(6)]
        return extract_pb2.ScanLayersResponse(layers=scores, best_layers=[5, 4, 3])

    def _concept(self, name: str) -> extract_pb2.Concept:
        if name not in self._concepts:
            raise NotFound(f"there is no concept {name}")
        return self._concepts[name]


async def start_services(
    script: Script, address: str = "127.0.0.1:0", *, authenticator: Authenticator | None = None
) -> RpcServer:
    """The services on one real server. The caller stops it."""
    server = RpcServer(address, authenticator)
    generate, ingest, extract = ScriptedGenerate(script), ScriptedIngest(script), ScriptedExtract(script)
    server.add(
        "resonance.v1.GenerateService", lambda s: generate_pb2_grpc.add_GenerateServiceServicer_to_server(generate, s)
    )
    shares = ScriptedShareLinks(script)
    server.add("resonance.v1.ShareService", lambda s: shares_pb2_grpc.add_ShareServiceServicer_to_server(shares, s))
    server.add("resonance.v1.IngestService", lambda s: ingest_pb2_grpc.add_IngestServiceServicer_to_server(ingest, s))
    server.add(
        "resonance.v1.ExtractService", lambda s: extract_pb2_grpc.add_ExtractServiceServicer_to_server(extract, s)
    )
    owners = scripted_owners()
    server.add("resonance.v1.OwnerService", lambda s: owners_pb2_grpc.add_OwnerServiceServicer_to_server(owners, s))
    rooms = ScriptedRooms()
    server.add("resonance.v1.RoomService", lambda s: rooms_pb2_grpc.add_RoomServiceServicer_to_server(rooms, s))
    speech = ScriptedSpeech(script)
    server.add("resonance.v1.SpeechService", lambda s: speech_pb2_grpc.add_SpeechServiceServicer_to_server(speech, s))
    await server.start()
    return server


def _to_changes(changes: Iterable[Change]) -> list[extract_pb2.SliderChange]:
    return [
        extract_pb2.SliderChange(slider=one.slider, before=one.before, after=one.after, words=one.words)
        for one in changes
    ]
