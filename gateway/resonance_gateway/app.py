"""Starlette application: routes, middleware, error handlers, open services."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute

from resonance.audio.delivery.delivery import Delivery
from resonance.rpc.tls import open_tls
from resonance.settings import Settings
from resonance_gateway.http.middleware import BodyLimit, CallerKey, SecurityHeaders
from resonance_gateway.http.openai_errors import OpenAiErrors
from resonance_gateway.http.origins import OwnPagesOnly, cors_middleware
from resonance_gateway.http.path_prefix import PathPrefix
from resonance_gateway.http.problems import HANDLERS
from resonance_gateway.http.request_log import RequestLog
from resonance_gateway.routes import (
    adoption,
    calibration_jobs,
    concepts,
    generation_states,
    generations,
    health,
    lanes,
    models,
    openai_music,
    openapi_document,
    owners,
    page,
    performances,
    reference,
    refinements,
    rooms,
    session,
    share_links,
    shared_page,
    speech,
    takes,
    tastes,
    uploads,
    verifications,
    video_files,
    video_plans,
    videos,
)
from resonance_gateway.routes.recipes import SOUNDS_TEXT_MAX
from resonance_gateway.services.background_takes import BackgroundTakes
from resonance_gateway.services.kept_files import KeptFiles
from resonance_gateway.services.room_sound import RoomSounds
from resonance_gateway.services.services import Services

_MULTIPART_OVERHEAD_BYTES = 64 * 1024


def build_app(settings: Settings) -> Starlette:
    """The gateway for these settings. It opens the gRPC channels at its start and closes them at its end.

    Raises InvalidInput where the TLS folder is wrong.
    """
    delivery, tls = Delivery(settings), open_tls(settings)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.services = Services(settings, tls)
        app.state.settings = settings
        app.state.delivery = delivery
        app.state.kept_files = KeptFiles(settings, delivery)
        app.state.room_sounds = RoomSounds(app.state.services.join, settings.room_lag_s_max)
        app.state.background_takes = BackgroundTakes(app.state.services)
        await asyncio.to_thread(delivery.prepare)
        try:
            yield
        finally:
            await app.state.background_takes.close()
            await app.state.room_sounds.close()
            await app.state.services.close()

    routes = _routes()
    paths: dict[object, str] = {
        route.endpoint: route.path for route in routes if isinstance(route, Route | WebSocketRoute)
    }
    return Starlette(
        routes=routes, middleware=_middleware(settings, paths), exception_handlers=HANDLERS, lifespan=lifespan
    )


def _routes() -> list[BaseRoute]:
    return [
        Route("/", page.page, name="page"),
        Route("/rooms/{room_id}", page.room_page),
        Mount("/static", page.PageFiles(directory=page.STATIC), name="static"),
        Route("/livez", health.LivenessEndpoint),
        Route("/readyz", health.ReadinessEndpoint),
        Route("/healthz", health.HealthEndpoint),
        Route("/openapi.json", openapi_document.openapi_document),
        Route("/v1/openapi.json", openapi_document.openapi_document),
        Route("/v1/session", session.SessionEndpoint),
        Route("/v1/usage", owners.UsageEndpoint),
        Route("/v1/owners/{owner_id}", owners.OwnerEndpoint),
        Route("/v1/models", models.ModelsEndpoint),
        Route("/v1/adoption", adoption.AdoptionEndpoint),
        Route("/v1/tastes", tastes.TastesEndpoint),
        Route("/v1/tastes/{taste_id}", tastes.TasteEndpoint),
        Route("/v1/tastes/{taste_id}/cancel", tastes.TasteCancelEndpoint),
        Route("/v1/tastes/{taste_id}/retry", tastes.TasteRetryEndpoint),
        Route("/v1/tastes/{taste_id}/events", tastes.TasteEventsEndpoint),
        Route("/v1/uploads", uploads.UploadsEndpoint),
        Route("/v1/uploads/{upload_id}", uploads.UploadEndpoint),
        Route("/v1/tastes/{taste_id}/calibration", calibration_jobs.TasteCalibrationEndpoint),
        Route("/v1/tastes/{taste_id}/layers", calibration_jobs.TasteLayersEndpoint),
        Route("/v1/reference", reference.ReferenceEndpoint),
        Route("/v1/calibration-jobs/{calibration_job_id}", calibration_jobs.CalibrationJobEndpoint),
        Route("/v1/calibration-jobs/{calibration_job_id}/cancel", calibration_jobs.CalibrationJobCancelEndpoint),
        Route("/v1/calibration-jobs/{calibration_job_id}/events", calibration_jobs.CalibrationJobEventsEndpoint),
        Route("/v1/concepts", concepts.ConceptsEndpoint),
        Route("/v1/concepts/{name}/calibration", concepts.ConceptCalibrationEndpoint),
        Route("/v1/concepts/{name}/layers", concepts.ConceptLayersEndpoint),
        Route("/v1/refinements", refinements.RefinementsEndpoint),
        Route("/v1/generations", generations.GenerationsEndpoint),
        Route("/v1/generations/{request_id}", generation_states.GenerationStateEndpoint),
        Route("/v1/generations/{request_id}/events", generation_states.GenerationEventsEndpoint),
        Route("/v1/audio/music", openai_music.OpenAiMusicEndpoint),
        WebSocketRoute("/v1/performances", performances.performances),
        Route("/v1/rooms", rooms.RoomsEndpoint),
        WebSocketRoute("/v1/rooms/{room_id}", rooms.rooms),
        Route("/v1/takes", takes.TakesEndpoint),
        Route("/v1/takes/{request_id}", takes.TakeEndpoint),
        Route("/v1/takes/{request_id}/audio", takes.TakeAudioEndpoint),
        Route("/v1/takes/{request_id}/timeline", takes.TakeTimelineEndpoint),
        Route("/v1/takes/{request_id}/lanes", lanes.TakeLanesEndpoint),
        Route("/v1/lanes", lanes.LanesEndpoint),
        Route("/v1/lanes/request", lanes.LanesRequestEndpoint),
        Route("/v1/takes/{request_id}/narrations", speech.NarrationsEndpoint),
        Route("/v1/takes/{request_id}/captions.vtt", speech.CaptionsEndpoint),
        Route("/v1/takes/{request_id}/link", share_links.TakeLinkEndpoint),
        Route("/v1/links/{link_id}", share_links.ShareLinkEndpoint),
        Route("/v1/voices", speech.VoicesEndpoint),
        Route("/v1/speech", speech.SpeechEndpoint),
        Route("/v1/transcriptions", speech.TranscriptionsEndpoint),
        Route("/v1/videos", videos.VideosEndpoint),
        Route("/v1/videos/{video_id}", videos.VideoEndpoint),
        Route("/v1/videos/{video_id}/cancel", videos.VideoCancelEndpoint),
        Route("/v1/videos/{video_id}/events", videos.VideoEventsEndpoint),
        Route("/v1/videos/{video_id}/plan", video_plans.VideoPlanEndpoint),
        Route("/v1/videos/{video_id}/shots/{shot_id}", video_plans.ShotEndpoint),
        Route("/v1/videos/{video_id}/shots/{shot_id}/versions", video_plans.SceneVersionsEndpoint),
        Route("/v1/videos/{video_id}/shots/{shot_id}/versions/{version}", video_files.SceneFileEndpoint),
        Route("/v1/videos/{video_id}/file", video_files.VideoFileEndpoint),
        Route("/v1/videos/{video_id}/captions.vtt", video_files.CaptionsEndpoint),
        Route("/v1/videos/{video_id}/descriptions.vtt", video_files.DescriptionsEndpoint),
        Route("/v1/video-curves", videos.PictureCurvesEndpoint),
        Route("/v1/video-capabilities", videos.VideoCapabilitiesEndpoint),
        Route("/v1/verifications", verifications.VerificationsEndpoint),
        Route("/shared/{token}", share_links.SharedAudioEndpoint),
        Route("/shared/{token}/picture.png", shared_page.SharedPictureEndpoint),
    ]


def _middleware(settings: Settings, paths: dict[object, str]) -> list[Middleware]:
    upload_bytes_max = settings.upload_bytes_max + _MULTIPART_OVERHEAD_BYTES
    return [
        Middleware(PathPrefix, prefix=settings.path_prefix),
        Middleware(RequestLog, routes=paths),
        Middleware(OpenAiErrors),
        Middleware(SecurityHeaders),
        Middleware(cors_middleware, settings=settings),
        Middleware(OwnPagesOnly, settings=settings),
        Middleware(CallerKey, is_required=settings.asks_for_keys),
        Middleware(
            BodyLimit,
            json_bytes_max=settings.json_bytes_max,
            sounds_bytes_max=SOUNDS_TEXT_MAX,
            upload_bytes_max=upload_bytes_max,
        ),
    ]
