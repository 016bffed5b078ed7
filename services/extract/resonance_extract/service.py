"""ExtractService over gRPC: message translation around use cases.

Each rpc calls one use case.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing

from resonance.errors import invalid_field
from resonance.identity import acting_as
from resonance.rpc import ServerContext
from resonance.steering.ranges import UNCALIBRATED_TASTE_MAX, uncalibrated_max
from resonance.steering.sliders import SLIDER_NAMES
from resonance.v1 import extract_pb2, extract_pb2_grpc, generate_pb2, steering_pb2
from resonance.wishes.refinement import Change
from resonance_extract.activations.configuration import CONFIGURATION
from resonance_extract.activations.reference import ReferenceStore
from resonance_extract.adoption.adoption import Adoption
from resonance_extract.adoption.transfer import AdoptionTransfer, check_operator, data_of
from resonance_extract.calibration.jobs import CalibrationJobs
from resonance_extract.concepts.store import ConceptStore
from resonance_extract.directions.layer_scores import best_layers
from resonance_extract.refining.refiner import Refiner, Wish
from resonance_extract.tastes.extraction import Extraction
from resonance_extract.tastes.store import TasteStore


class ExtractService(extract_pb2_grpc.ExtractServiceServicer):
    """The servicer of ExtractService."""

    def __init__(
        self,
        *,
        extraction: Extraction,
        tastes: TasteStore,
        concepts: ConceptStore,
        calibration_jobs: CalibrationJobs,
        references: ReferenceStore,
        adoption: Adoption,
        transfer: AdoptionTransfer,
        refiner: Refiner,
        info: generate_pb2.ModelInfo,
    ) -> None:
        self._extraction = extraction
        self._tastes = tastes
        self._concepts = concepts
        self._calibration_jobs = calibration_jobs
        self._references = references
        self._adoption = adoption
        self._transfer = transfer
        self._refiner = refiner
        self._info = info

    async def GetExtractor(  # noqa: N802
        self, request: extract_pb2.GetExtractorRequest, context: ServerContext
    ) -> extract_pb2.GetExtractorResponse:
        return extract_pb2.GetExtractorResponse(
            model=self._info,
            clip_s=CONFIGURATION.clip_s,
            hop_s=CONFIGURATION.hop_s,
            clip_min_s=CONFIGURATION.clip_min_s,
            reader=self._refiner.reader,
        )

    async def ExtractTaste(  # noqa: N802
        self,
        request_iterator: AsyncIterator[extract_pb2.ExtractTasteRequest],
        context: ServerContext,
    ) -> AsyncIterator[extract_pb2.ExtractTasteResponse]:
        async with aclosing(self._extraction.run(aiter(request_iterator))) as responses:
            async for response in responses:
                yield response

    async def GetTaste(  # noqa: N802
        self, request: extract_pb2.GetTasteRequest, context: ServerContext
    ) -> extract_pb2.GetTasteResponse:
        return extract_pb2.GetTasteResponse(taste=await self._tastes.get_checked(request.taste_id))

    async def DeleteTaste(  # noqa: N802
        self, request: extract_pb2.DeleteTasteRequest, context: ServerContext
    ) -> extract_pb2.DeleteTasteResponse:
        await self._tastes.delete(request.taste_id)
        return extract_pb2.DeleteTasteResponse()

    async def ComputeConcept(  # noqa: N802
        self, request: extract_pb2.ComputeConceptRequest, context: ServerContext
    ) -> AsyncIterator[extract_pb2.ComputeConceptResponse]:
        async with aclosing(self._concepts.compute(request)) as responses:
            async for response in responses:
                yield response

    async def ListConcepts(  # noqa: N802
        self, request: extract_pb2.ListConceptsRequest, context: ServerContext
    ) -> extract_pb2.ListConceptsResponse:
        return extract_pb2.ListConceptsResponse(concepts=await self._concepts.all())

    async def CalibrateConcept(  # noqa: N802
        self, request: extract_pb2.CalibrateConceptRequest, context: ServerContext
    ) -> AsyncIterator[extract_pb2.CalibrateConceptResponse]:
        """Runs a calibration job while its client waits. A client that leaves cancels it; the same request resumes it."""
        wanted = extract_pb2.StartCalibrationJobRequest(
            kind=extract_pb2.CALIBRATION_JOB_KIND_RANGE,
            concept=request.name,
            strengths=request.strengths,
            prompts=request.prompts,
            clip_s=request.clip_s,
            apply=request.apply,
        )
        found = extract_pb2.Calibration()
        async with aclosing(self._calibration_jobs.follow(wanted)) as changes:
            async for calibration_job in changes:
                found = calibration_job.calibration
                yield extract_pb2.CalibrateConceptResponse(progress=calibration_job.progress)
        concept = await self._concepts.get(request.name)
        if found.is_trial:
            concept.calibration.CopyFrom(found)
        yield extract_pb2.CalibrateConceptResponse(concept=concept)

    async def StartCalibrationJob(  # noqa: N802
        self, request: extract_pb2.StartCalibrationJobRequest, context: ServerContext
    ) -> extract_pb2.StartCalibrationJobResponse:
        return extract_pb2.StartCalibrationJobResponse(calibration_job=await self._calibration_jobs.start(request))

    async def GetCalibrationJob(  # noqa: N802
        self, request: extract_pb2.GetCalibrationJobRequest, context: ServerContext
    ) -> extract_pb2.GetCalibrationJobResponse:
        return extract_pb2.GetCalibrationJobResponse(
            calibration_job=await self._calibration_jobs.get(request.calibration_job_id)
        )

    async def WatchCalibrationJob(  # noqa: N802
        self, request: extract_pb2.WatchCalibrationJobRequest, context: ServerContext
    ) -> AsyncIterator[extract_pb2.WatchCalibrationJobResponse]:
        async with aclosing(self._calibration_jobs.watch(request.calibration_job_id)) as changes:
            async for calibration_job in changes:
                yield extract_pb2.WatchCalibrationJobResponse(calibration_job=calibration_job)

    async def CancelCalibrationJob(  # noqa: N802
        self, request: extract_pb2.CancelCalibrationJobRequest, context: ServerContext
    ) -> extract_pb2.CancelCalibrationJobResponse:
        return extract_pb2.CancelCalibrationJobResponse(
            calibration_job=await self._calibration_jobs.cancel(request.calibration_job_id)
        )

    async def GetCalibration(  # noqa: N802
        self, request: extract_pb2.GetCalibrationRequest, context: ServerContext
    ) -> extract_pb2.GetCalibrationResponse:
        if bool(request.concept) == bool(request.taste_id):
            raise invalid_field("concept", "ONE_SUBJECT", "name a concept or a taste, and not both")
        if request.concept:
            concept = await self._concepts.get(request.concept)
            found = concept.calibration if concept.HasField("calibration") else None
            cautious = uncalibrated_max(concept.natural_strength)
        else:
            found, cautious = await self._tastes.calibration(request.taste_id), UNCALIBRATED_TASTE_MAX
        return extract_pb2.GetCalibrationResponse(
            concept=request.concept,
            taste_id=request.taste_id,
            calibration=found,
            strength_min=found.strength_min if found else -cautious,
            strength_max=found.strength_max if found else cautious,
        )

    async def GetReference(  # noqa: N802
        self, request: extract_pb2.GetReferenceRequest, context: ServerContext
    ) -> extract_pb2.GetReferenceResponse:
        return extract_pb2.GetReferenceResponse(reference=await self._references.describe())

    async def ScanLayers(  # noqa: N802
        self, request: extract_pb2.ScanLayersRequest, context: ServerContext
    ) -> extract_pb2.ScanLayersResponse:
        concept = await self._concepts.get(request.name)
        return extract_pb2.ScanLayersResponse(layers=concept.layers, best_layers=best_layers(concept.layers))

    async def GetAdoption(  # noqa: N802
        self, request: extract_pb2.GetAdoptionRequest, context: ServerContext
    ) -> extract_pb2.GetAdoptionResponse:
        with acting_as(""):
            return extract_pb2.GetAdoptionResponse(adoption=await self._adoption.status())

    async def StartAdoption(  # noqa: N802
        self, request: extract_pb2.StartAdoptionRequest, context: ServerContext
    ) -> extract_pb2.StartAdoptionResponse:
        check_operator()
        return extract_pb2.StartAdoptionResponse(adoption=await self._adoption.start())

    async def ExportAdoption(  # noqa: N802
        self, request: extract_pb2.ExportAdoptionRequest, context: ServerContext
    ) -> AsyncIterator[extract_pb2.ExportAdoptionResponse]:
        async with aclosing(self._transfer.export()) as parts:
            async for data in parts:
                yield extract_pb2.ExportAdoptionResponse(data=data)

    async def ImportAdoption(  # noqa: N802
        self, request_iterator: AsyncIterator[extract_pb2.ImportAdoptionRequest], context: ServerContext
    ) -> extract_pb2.ImportAdoptionResponse:
        count = await self._transfer.take_in(data_of(aiter(request_iterator)))
        return extract_pb2.ImportAdoptionResponse(adoption=await self._adoption.status(), object_count=count)

    async def Refine(  # noqa: N802
        self, request: extract_pb2.RefineRequest, context: ServerContext
    ) -> extract_pb2.RefineResponse:
        wish = Wish(
            text=request.text,
            sliders=_positions(request.sliders),
            previous=_positions(request.previous) if request.HasField("previous") else None,
            concepts=_concept_positions("concepts", request.concepts),
            previous_concepts=_concept_positions("previous_concepts", request.previous_concepts),
            prompt=request.prompt,
        )
        refined = await self._refiner.refine(wish)
        found = refined.refinement
        return extract_pb2.RefineResponse(
            sliders=steering_pb2.Sliders(**found.sliders),
            changes=_to_changes(found.changes),
            explanation=found.explanation,
            not_understood=found.not_understood,
            source=found.source,
            concepts=[
                extract_pb2.RefinedConcept(
                    name=name,
                    label=found.labels[name],
                    position=position,
                    is_calibrated=refined.concepts[name].HasField("calibration"),
                )
                for name, position in found.concepts.items()
            ],
            concept_changes=_to_changes(found.concept_changes),
            unknown_words=found.unknown_words,
        )


def _positions(sliders: steering_pb2.Sliders) -> dict[str, float]:
    return {name: getattr(sliders, name) for name in SLIDER_NAMES}


def _concept_positions(field: str, concepts: Iterable[steering_pb2.ConceptPosition]) -> dict[str, float]:
    """Positions by name. Raises InvalidInput where a name comes twice."""
    found: dict[str, float] = {}
    for index, concept in enumerate(concepts):
        if concept.name in found:
            raise invalid_field(f"{field}[{index}].name", "GIVEN_TWICE", f"{concept.name} is given twice")
        found[concept.name] = concept.position
    return found


def _to_changes(changes: Iterable[Change]) -> list[extract_pb2.SliderChange]:
    return [
        extract_pb2.SliderChange(slider=one.slider, before=one.before, after=one.after, words=one.words)
        for one in changes
    ]
