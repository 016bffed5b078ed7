"""The application: routes, middleware, problems, and the backends it opens and closes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute

from resonance.settings import Settings
from resonance_gateway.bodies import MELODY_TEXT_MAX
from resonance_gateway.http.middleware import BodyLimit, CallerKey, OwnPagesOnly, RequestLog, SecurityHeaders
from resonance_gateway.http.problems import HANDLERS
from resonance_gateway.routes import (
    calibration_jobs,
    concepts,
    generations,
    health,
    models,
    page,
    performances,
    refinements,
    session,
    share_links,
    takes,
    tastes,
    uploads,
)
from resonance_gateway.schema.openapi import openapi
from resonance_gateway.services.services import Services

_MULTIPART_OVERHEAD_BYTES = 64 * 1024


def build_app(settings: Settings) -> Starlette:
    """The gateway for these settings. Services are opened when it starts and closed when it ends."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.backends = Services(settings)
        app.state.settings = settings
        try:
            yield
        finally:
            await app.state.backends.close()

    return Starlette(routes=_routes(), middleware=_middleware(settings), exception_handlers=HANDLERS, lifespan=lifespan)


def _routes() -> list[BaseRoute]:
    return [
        Route("/", page.page, name="page"),
        Mount("/static", page.Static(directory=page.STATIC), name="static"),
        Route("/livez", health.Alive),
        Route("/readyz", health.Health),
        Route("/healthz", health.Health),
        Route("/openapi.json", openapi),
        Route("/v1/openapi.json", openapi),
        Route("/v1/session", session.Session),
        Route("/v1/models", models.Models),
        Route("/v1/tastes", tastes.Tastes),
        Route("/v1/tastes/{taste_id}", tastes.Taste),
        Route("/v1/tastes/{taste_id}/cancel", tastes.TasteCancel),
        Route("/v1/tastes/{taste_id}/retry", tastes.TasteRetry),
        Route("/v1/tastes/{taste_id}/events", tastes.TasteEvents),
        Route("/v1/uploads", uploads.Uploads),
        Route("/v1/uploads/{upload_id}", uploads.Upload),
        Route("/v1/tastes/{taste_id}/calibration", calibration_jobs.TasteCalibration),
        Route("/v1/tastes/{taste_id}/layers", calibration_jobs.TasteLayers),
        Route("/v1/reference", calibration_jobs.Reference),
        Route("/v1/calibration-jobs/{calibration_job_id}", calibration_jobs.CalibrationJob),
        Route("/v1/calibration-jobs/{calibration_job_id}/cancel", calibration_jobs.CalibrationJobCancel),
        Route("/v1/calibration-jobs/{calibration_job_id}/events", calibration_jobs.CalibrationJobEvents),
        Route("/v1/concepts", concepts.Concepts),
        Route("/v1/concepts/{name}/calibration", concepts.ConceptCalibration),
        Route("/v1/concepts/{name}/layers", concepts.ConceptLayers),
        Route("/v1/refinements", refinements.Refinements),
        Route("/v1/generations", generations.Generations),
        WebSocketRoute("/v1/performances", performances.performances),
        Route("/v1/takes", takes.Takes),
        Route("/v1/takes/{request_id}", takes.Take),
        Route("/v1/takes/{request_id}/audio", takes.TakeAudio),
        Route("/v1/takes/{request_id}/link", share_links.TakeLink),
        Route("/v1/links/{link_id}", share_links.Link),
        Route("/shared/{token}", share_links.Shared),
    ]


def _middleware(settings: Settings) -> list[Middleware]:
    upload_bytes_max = settings.upload_bytes_max + _MULTIPART_OVERHEAD_BYTES
    return [
        Middleware(RequestLog),
        Middleware(SecurityHeaders),
        Middleware(OwnPagesOnly, http_addr=settings.http_addr),
        Middleware(CallerKey, asks=settings.asks_for_keys),
        Middleware(
            BodyLimit,
            json_bytes_max=settings.json_bytes_max,
            melody_bytes_max=MELODY_TEXT_MAX,
            upload_bytes_max=upload_bytes_max,
        ),
    ]
