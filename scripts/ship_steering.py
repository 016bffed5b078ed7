"""Writes shipped steering: reference statistics, calibrated sliders, example tastes.

    python scripts/ship_steering.py [PLAYLISTS]
    python scripts/ship_steering.py --tastes PLAYLISTS
    python scripts/ship_steering.py --tastes-only
    python scripts/ship_steering.py --same-states

PLAYLISTS is a folder of folders of audio files (`python -m model.training.examples PLAYLISTS` renders ours); each becomes a
taste. The script runs the real system in this process on an empty store, and copies the objects that a first start computes.
With `--tastes` it keeps reference and sliders, and makes the example tastes anew. With `--tastes-only` it keeps all
objects, and measures the safe ranges of the shipped tastes alone. With `--same-states` it keeps every direction, and measures all safe
ranges: for weights in which nothing but the codec's decoder has changed, so that all hidden states are what they were. Run it after every
export of weights.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import shutil
import tempfile
from pathlib import Path

from resonance.client import AsyncClient
from resonance.errors import FailedPrecondition
from resonance.settings import Settings
from resonance.steering.sliders import SLIDER_NAMES
from resonance.store import ObjectStore, open_store
from resonance.store.keys import reference_key
from resonance.v1 import extract_pb2, jobs_pb2
from resonance_app.all_in_one import all_in_one
from resonance_extract.activations.configuration import reference_digest
from resonance_extract.concepts.shipped import FOLDER
from resonance_model.loaders import load_model

KEPT = ("calibrations/", "concepts/", "job-list/", "jobs/", "reference/", "tastes/", "vectors/")


async def main(playlists: list[Path]) -> None:
    """Runs the system, makes the tastes, waits for the sliders, calibrates all of them, and copies the objects."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        settings = _settings(folder)
        async with all_in_one(settings, print) as running, AsyncClient(running.grpc_address) as client:
            tastes = [await _make_taste(client, playlist) for playlist in playlists]
            while not all(concept.ready for concept in await client.concepts()):  # noqa: ASYNC110
                await asyncio.sleep(1)
            at_once = asyncio.Semaphore(3)
            await asyncio.gather(
                *(_calibrate(client, name, at_once) for name in SLIDER_NAMES),
                *(_calibrate_taste(client, taste_id, at_once) for taste_id in tastes),
            )
            digest = (await client.model()).digest
        await _copy(settings, KEPT)
    (FOLDER / "made_for.json").write_text(json.dumps({"model_digest": digest}, indent=1) + "\n")


async def tastes_anew(playlists: list[Path]) -> None:
    """Runs the system with the shipped reference and sliders, makes the example tastes and their safe ranges, and copies them."""
    _remove_tastes()
    with tempfile.TemporaryDirectory() as folder:
        settings, at_once = _settings(folder), asyncio.Semaphore(3)
        async with all_in_one(settings, print) as running, AsyncClient(running.grpc_address) as client:
            jobs = [await _make_taste(client, playlist) for playlist in playlists]
            await asyncio.gather(*(_calibrate_taste(client, job_id, at_once) for job_id in jobs))
        await _copy(settings, ("calibrations/", "job-list/", "jobs/", "tastes/", "vectors/"))


def _remove_tastes() -> None:
    for path in FOLDER.glob("tastes/*.json"):
        (FOLDER / json.loads(path.read_text())["vectorKey"]).unlink(missing_ok=True)
    for name in ("calibrations", "job-list", "jobs", "tastes"):
        shutil.rmtree(FOLDER / name, ignore_errors=True)


async def _make_taste(client: AsyncClient, playlist: Path) -> str:
    files = sorted(playlist.iterdir())  # noqa: ASYNC240  one small folder, before any work runs
    job = await client.taste_from_files(files, title=playlist.name)
    print(playlist.name, job.job_id, jobs_pb2.JobState.Name(job.state), flush=True)
    return job.job_id


async def tastes_only() -> None:
    """Runs the system with the shipped objects, and adds the safe ranges of its tastes."""
    tastes, at_once = sorted(path.stem for path in FOLDER.glob("tastes/*.json")), asyncio.Semaphore(3)
    with tempfile.TemporaryDirectory() as folder:
        settings = _settings(folder)
        async with all_in_one(settings, print) as running, AsyncClient(running.grpc_address) as client:
            await asyncio.gather(*(_calibrate_taste(client, taste_id, at_once) for taste_id in tastes))
        await _copy(settings, ("calibrations/",))


async def same_states() -> None:
    """Names the new weights in all shipped objects, and measures the safe ranges of sliders and tastes with them."""
    _name_weights(load_model(Settings()).description.digest)
    tastes, at_once = sorted(path.stem for path in FOLDER.glob("tastes/*.json")), asyncio.Semaphore(3)
    with tempfile.TemporaryDirectory() as folder:
        settings = _settings(folder)
        async with all_in_one(settings, print) as running, AsyncClient(running.grpc_address) as client:
            await asyncio.gather(
                *(_calibrate(client, name, at_once) for name in SLIDER_NAMES),
                *(_calibrate_taste(client, taste_id, at_once) for taste_id in tastes),
            )
        await _copy(settings, ("calibrations/", "concepts/"))


def _name_weights(digest: str) -> None:
    """Puts the digest of the weights in the place of the one that the objects were made for, and removes all safe ranges."""
    before = json.loads((FOLDER / "made_for.json").read_text())["model_digest"]
    shutil.rmtree(FOLDER / "calibrations", ignore_errors=True)
    names = {before: digest, before[:16]: digest[:16]}
    for path in FOLDER.glob("vectors/*"):
        data = path.read_bytes()
        renamed = data.replace(before.encode(), digest.encode())
        names[hashlib.sha256(data).hexdigest()] = hashlib.sha256(renamed).hexdigest()
        path.write_bytes(renamed)
    for path in FOLDER.glob("reference/*"):
        path.rename(FOLDER / reference_key(reference_digest(digest)))
    for path in [
        path for path in FOLDER.rglob("*") if path.is_file() and path.parent.name not in ("vectors", "reference")
    ]:
        text = path.read_text()
        for old, new in names.items():
            text = text.replace(old, new)
        path.write_text(text)
    (FOLDER / "concepts" / before[:16]).rename(FOLDER / "concepts" / digest[:16])
    for path in FOLDER.glob("concepts/*/*.json"):
        concept = json.loads(path.read_text())
        concept.pop("calibration", None)
        path.write_text(json.dumps(concept))


def _settings(folder: str) -> Settings:
    # The sliders' ranges are asked for below; layer scans are not shipped.
    return Settings(
        adoption="sliders", data_dir=Path(folder), http_addr="127.0.0.1:0", grpc_addr="127.0.0.1:0", drain_s_max=1.0
    )


async def _copy(settings: Settings, prefixes: tuple[str, ...]) -> None:
    store: ObjectStore = await open_store(settings)
    for prefix in prefixes:
        async for key in store.keys(prefix):
            path = FOLDER / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes((await store.get(key)).data)
    await store.close()


async def _calibrate_taste(client: AsyncClient, taste_id: str, at_once: asyncio.Semaphore) -> None:
    async with at_once:
        limits = (await client.calibration_job(extract_pb2.StartCalibrationJobRequest(taste_id=taste_id))).calibration
    print(f"{taste_id}: safe from {limits.strength_min:g} to {limits.strength_max:g}", flush=True)


async def _calibrate(client: AsyncClient, name: str, at_once: asyncio.Semaphore) -> None:
    """Calibrates a slider. One whose concept is not usable keeps its reason, which is printed."""
    async with at_once:
        try:
            concept = await client.calibrate_concept(name)
        except FailedPrecondition as refusal:
            print(f"{name}: {refusal.message}", flush=True)
            return
    limits, best = concept.calibration, max(layer.auc for layer in concept.layers)
    line = f"{name}: safe from {limits.strength_min:g} to {limits.strength_max:g}, best held-out AUC {best:.2f}"
    print(line, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("playlists", nargs="?", type=Path)
    parser.add_argument("--tastes", action="store_true")
    parser.add_argument("--tastes-only", action="store_true")
    parser.add_argument("--same-states", action="store_true")
    arguments = parser.parse_args()
    playlists = sorted(arguments.playlists.iterdir()) if arguments.playlists else []
    if arguments.same_states:
        asyncio.run(same_states())
    elif arguments.tastes_only:
        asyncio.run(tastes_only())
    else:
        asyncio.run(tastes_anew(playlists) if arguments.tastes else main(playlists))
