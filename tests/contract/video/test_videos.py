"""Videos over gRPC: making, idempotency, redo, choice, cancel, deletion."""

from __future__ import annotations

import json
from typing import Any

import grpc
import pytest
from support.filming import TAKE_ID
from support.polling import eventually

from resonance.errors import ResonanceError
from resonance.rpc import to_domain_error
from resonance.v1 import generate_pb2, ingest_pb2, speech_pb2, steering_pb2, video_pb2

MUSIC = generate_pb2.GenerateRequest(
    recipe=steering_pb2.Recipe(prompts=[steering_pb2.WeightedPrompt(text="slow piano")]), duration_s=12
)
SCRIPT = video_pb2.VideoNarration(sections=[speech_pb2.ScriptSection(text="Rain falls.")])

COMPLETED = video_pb2.VIDEO_STATE_COMPLETED


async def refusal(call: Any) -> ResonanceError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return to_domain_error(caught.value)


async def test_a_video_is_made_and_its_parts_are_read(studio: Any) -> None:
    accepted = await studio.create(request_id="one", aspects=["9:16", "1:1"])
    states = await studio.watch(accepted.video_id)
    video = states[-1]
    assert video.state == COMPLETED, video.error
    assert [state.progress for state in states] == sorted(state.progress for state in states)
    assert (video.duration_s, video.progress, video.take_id) == (12.0, 1.0, TAKE_ID)
    assert len(video.shots) >= 2
    assert video.shots[0].start_s == 0
    assert video.shots[-1].end_s == 12.0
    assert all(shot.versions[0].status == video_pb2.SCENE_STATUS_READY and shot.chosen == 1 for shot in video.shots)
    assert sum(studio.scenes.made().values()) == 2 * len(video.shots)

    whole = await studio.file(video.video_id, aspect="1:1")
    master = next(file for file in video.files if (file.aspect, file.kind) == ("1:1", video_pb2.VIDEO_FILE_KIND_MASTER))
    assert len(whole) == master.byte_count
    assert await studio.file(video.video_id, aspect="1:1", start=100, end=700) == whole[100:700]
    scene = await studio.file(video.video_id, shot_id=video.shots[1].id)
    assert scene in await studio.file(video.video_id)

    texts = [
        (await studio.stub.GetVideoText(video_pb2.GetVideoTextRequest(video_id=video.video_id, kind=kind))).vtt
        for kind in (video_pb2.VIDEO_TEXT_KIND_CAPTIONS, video_pb2.VIDEO_TEXT_KIND_DESCRIPTIONS)
    ]
    assert all(text.startswith("WEBVTT") for text in texts)

    again = await studio.create(request_id="one", aspects=["9:16", "1:1"])
    assert (again.video_id, again.state) == (video.video_id, COMPLETED)
    other = await refusal(studio.create(request_id="one", concept="another"))
    assert other.reason == "REQUEST_ID_REUSED"
    listed = await studio.stub.ListVideos(video_pb2.ListVideosRequest())
    assert [each.video_id for each in listed.videos] == [video.video_id]


async def test_one_scene_is_redone_and_the_old_one_chosen_again(studio: Any) -> None:
    before = await studio.done(await studio.create())
    shot, others = before.shots[1], [other for other in before.shots if other.id != before.shots[1].id]
    request = video_pb2.RedoSceneRequest(video_id=before.video_id, shot_id=shot.id, instruction="closer")
    redone = await studio.stub.RedoScene(request)
    assert redone.version == 2
    after = await studio.done(redone.video)
    assert after.state == COMPLETED
    changed = after.shots[1]
    assert [(each.version, each.status) for each in changed.versions] == [
        (1, video_pb2.SCENE_STATUS_REPLACED),
        (2, video_pb2.SCENE_STATUS_READY),
    ]
    assert (changed.chosen, changed.versions[1].instruction) == (2, "closer")
    assert changed.versions[0].sha256 == shot.versions[0].sha256
    assert [each for each in after.shots if each.id != shot.id] == others
    assert sum(studio.scenes.made().values()) == len(before.shots) + 1
    assert _master(after) != _master(before)

    choice = video_pb2.ChooseSceneRequest(video_id=before.video_id, shot_id=shot.id, version=1)
    back = await studio.done((await studio.stub.ChooseScene(choice)).video)
    assert _master(back) == _master(before)
    assert sum(studio.scenes.made().values()) == len(before.shots) + 1


async def test_a_plan_waits_for_review_and_a_changed_shot_alone_is_drawn(studio: Any) -> None:
    planned = await studio.done(await studio.create(review=True))
    assert planned.awaits_review
    assert planned.state == video_pb2.VIDEO_STATE_DIRECTING
    assert studio.scenes.begun() == 0
    plan = await studio.stub.GetPlan(video_pb2.GetPlanRequest(video_id=planned.video_id))
    shot = json.loads(plan.plan_json)["shots"][1]
    size = "close" if shot["size"] != "close" else "wide"
    change = video_pb2.ShotChange(shot_id=shot["id"], changes_json=json.dumps({"summary": "She looks up at the rain."}))
    updated = await studio.stub.UpdatePlan(video_pb2.UpdatePlanRequest(video_id=planned.video_id, shots=[change]))
    assert list(updated.invalidated_shot_ids) == [shot["id"]]
    assert updated.video.awaits_review
    accept = video_pb2.UpdatePlanRequest(video_id=planned.video_id, accept=True)
    video = await studio.done((await studio.stub.UpdatePlan(accept)).video)
    assert video.state == COMPLETED
    made = sum(studio.scenes.made().values())

    wrong = video_pb2.ShotChange(shot_id=shot["id"], changes_json='{"size": "enormous"}')
    request = video_pb2.UpdatePlanRequest(video_id=video.video_id, shots=[wrong])
    assert (await refusal(studio.stub.UpdatePlan(request))).reason
    change = video_pb2.ShotChange(shot_id=shot["id"], changes_json=json.dumps({"direction": f"A {size} look."}))
    request = video_pb2.UpdatePlanRequest(video_id=video.video_id, shots=[change])
    after = await studio.done((await studio.stub.UpdatePlan(request)).video)
    assert after.state == COMPLETED
    assert sum(studio.scenes.made().values()) == made + 1


async def test_cancel_stops_at_once_and_nothing_new_appears(studio: Any) -> None:
    studio.scenes.set("hold")
    video = await studio.create()
    await studio.begun()
    cancelled = (await studio.stub.CancelVideo(video_pb2.CancelVideoRequest(video_id=video.video_id))).video
    assert cancelled.state == video_pb2.VIDEO_STATE_CANCELLED
    statuses = {version.status for shot in cancelled.shots for version in shot.versions}
    assert statuses == {video_pb2.SCENE_STATUS_WAITING}, "nothing is being made any more"
    keys = {key async for key in studio.store.keys("")}
    studio.scenes.set("hold", on=False)
    assert {key async for key in studio.store.keys("")} == keys
    assert not studio.scenes.made()
    assert not list((studio.settings.data_dir / "video" / "work").rglob("*.mp4"))
    redo = video_pb2.RedoSceneRequest(video_id=video.video_id, shot_id=cancelled.shots[0].id)
    assert (await refusal(studio.stub.RedoScene(redo))).reason == "VIDEO_CANCELLED"


async def test_a_refused_scene_fails_the_video_and_the_others_are_kept(studio: Any) -> None:
    planned = await studio.done(await studio.create(review=True))
    refused = planned.shots[1].id
    studio.scenes.set(f"refuse-{refused}")
    accept = video_pb2.UpdatePlanRequest(video_id=planned.video_id, accept=True)
    failed = await studio.done((await studio.stub.UpdatePlan(accept)).video)
    assert (failed.state, failed.error.reason) == (video_pb2.VIDEO_STATE_FAILED, "SCENE_REFUSED")
    assert failed.shots[1].versions[0].status == video_pb2.SCENE_STATUS_FAILED
    made = studio.scenes.made()
    assert len(made) == len(failed.shots) - 1
    studio.scenes.set(f"refuse-{refused}", on=False)
    redo = video_pb2.RedoSceneRequest(video_id=failed.video_id, shot_id=refused)
    video = await studio.done((await studio.stub.RedoScene(redo)).video)
    assert video.state == COMPLETED, video.error
    assert sum(studio.scenes.made().values()) == len(video.shots)


async def test_a_provider_that_is_away_is_tried_again(studio: Any) -> None:
    studio.scenes.set("away")
    video = await studio.done(await studio.create())
    assert video.state == COMPLETED
    assert all(shot.versions[0].attempts == 3 for shot in video.shots)


async def test_a_deleted_video_leaves_nothing(studio: Any) -> None:
    before = {key async for key in studio.store.keys("")}
    video = await studio.done(await studio.create())
    await studio.stub.DeleteVideo(video_pb2.DeleteVideoRequest(video_id=video.video_id))
    assert {key async for key in studio.store.keys("")} == before
    gone = await refusal(studio.stub.GetVideo(video_pb2.GetVideoRequest(video_id=video.video_id)))
    assert gone.reason == "NO_SUCH_VIDEO"


async def test_an_uploaded_song_becomes_a_video(studio: Any) -> None:
    data = bytes(range(256)) * 40_000
    opened = await studio.ingest.OpenUpload(ingest_pb2.OpenUploadRequest(filename="a.wav", byte_count=len(data)))
    upload_id = opened.upload.upload_id
    early = await refusal(studio.create(take_id="", upload_id=upload_id))
    assert early.reason == "UPLOAD_NOT_WHOLE"

    async def parts() -> Any:
        position = ingest_pb2.UploadPosition(upload_id=upload_id, offset=0)
        yield ingest_pb2.WriteUploadRequest(position=position)
        for start in range(0, len(data), 500_000):
            yield ingest_pb2.WriteUploadRequest(data=data[start : start + 500_000])

    await studio.ingest.WriteUpload(parts())
    video = await studio.done(await studio.create(take_id="", upload_id=upload_id))
    assert video.state == COMPLETED
    assert (await studio.file(video.video_id)).endswith(data)


async def test_music_narration_and_picture_are_asked_for_in_one_request(studio: Any) -> None:
    narration = video_pb2.VideoNarration(sections=[speech_pb2.ScriptSection(text="Rain falls on the street.")])
    video = await studio.create(take_id="", music=MUSIC, narration=narration, request_id="composed")
    assert video.take_id == ""
    done = await studio.done(video)
    assert done.state == video_pb2.VIDEO_STATE_COMPLETED, done.error
    assert done.take_id.startswith("n-")
    assert done.cost_usd == pytest.approx(0.082)
    asked = video_pb2.GetVideoTextRequest(video_id=done.video_id, kind=video_pb2.VIDEO_TEXT_KIND_CAPTIONS)
    assert "00:00:01.000 --> 00:00:02.000\nRain falls on the street." in (await studio.stub.GetVideoText(asked)).vtt
    again = await studio.create(take_id="", music=MUSIC, narration=narration, request_id="composed")
    assert (again.video_id, again.take_id) == (done.video_id, done.take_id)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"take_id": ""}, "REQUIRED"),
        ({"music": MUSIC}, "REQUIRED"),
        ({"take_id": "", "music": generate_pb2.GenerateRequest(duration_s=5)}, "REQUIRED"),
        ({"narration": video_pb2.VideoNarration()}, "TOO_FEW"),
        ({"take_id": "", "upload_id": "u", "narration": SCRIPT}, "CONFLICT"),
        ({"upload_id": "u"}, "REQUIRED"),
        ({"take_id": "unknown"}, "NO_SUCH_TAKE"),
        ({"concept": ""}, "REQUIRED"),
        ({"concept": "x" * 2001}, "TOO_LONG"),
        ({"aspects": ["4:3"]}, "MALFORMED"),
        ({"provider": "nobody"}, "UNKNOWN"),
    ],
)
async def test_wrong_requests_are_refused_and_nothing_is_kept(studio: Any, fields: dict[str, Any], reason: str) -> None:
    error = await refusal(studio.create(**fields))
    assert error.reason == reason or reason in {fault.reason for fault in error.violations}
    assert [key async for key in studio.store.keys("video")] == []


@pytest.mark.slow
async def test_a_full_queue_is_told_with_a_time(studio: Any) -> None:
    studio.scenes.set("hold")
    videos = [await studio.create(concept=f"number {number}") for number in range(studio.settings.videos_open_max)]
    full = await refusal(studio.create(concept="one more"))
    assert full.reason == "VIDEOS_FULL"
    assert full.retry_after_s
    for video in videos:
        await studio.stub.CancelVideo(video_pb2.CancelVideoRequest(video_id=video.video_id))

    async def has_room() -> bool:
        return [key async for key in studio.store.keys("video-open/")] == []

    await eventually(has_room)


def _master(video: video_pb2.Video) -> str:
    return next(file.sha256 for file in video.files if file.kind == video_pb2.VIDEO_FILE_KIND_MASTER)
