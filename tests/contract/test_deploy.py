"""Dockerfile and Kubernetes manifests: lint, rendering, settings, hardening."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.s3 import free_ports, ports_chosen, running_weed, weed_program

from resonance.errors import ResonanceError
from resonance.settings import Settings, read_settings
from resonance.store import ObjectStore, open_store

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "deploy/Dockerfile"
SERVICES = ["ingest", "extract", "generate", "video", "speech", "gateway"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
needs_kubectl = pytest.mark.skipif(
    shutil.which("kubectl") is None and "CI" not in os.environ, reason="kubectl is not installed; CI always runs this"
)


@pytest.fixture(scope="module")
def rendered() -> str:
    """The local overlay as one stream of manifests."""
    command = ["kubectl", "kustomize", str(ROOT / "deploy/k8s/overlays/local")]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def manifests(rendered: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(rendered))


@needs_kubectl
def test_manifests_are_valid_against_the_schemas(rendered: str, tmp_path: Path) -> None:
    path = tmp_path / "all.yaml"
    path.write_text(rendered)
    validate = Path(sys.executable).with_name("kubernetes-validate")
    done = subprocess.run([validate, "--strict", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_kubectl
def test_every_setting_in_the_cluster_is_one_that_we_read(manifests: list[dict[str, Any]]) -> None:
    chosen = next(each["data"] for each in manifests if each["kind"] == "ConfigMap")
    settings = read_settings(chosen)
    assert settings.service_address("extract") == "dns:///extract:50051"
    assert settings.store_url == "s3+http://store:8333/resonance"


@needs_kubectl
def test_our_pods_are_locked_down_and_have_images_that_we_build(manifests: list[dict[str, Any]]) -> None:
    deployments = [each for each in manifests if each["kind"] == "Deployment"]
    assert {each["metadata"]["name"] for each in deployments} == set(SERVICES)
    for deployment in deployments:
        pod = deployment["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        assert container["image"].split(":")[0] == f"resonance-{deployment['metadata']['name']}"
        assert pod["securityContext"]["runAsNonRoot"]
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert pod["terminationGracePeriodSeconds"] > read_settings({}).drain_s_max


@needs_kubectl
def test_only_ingest_may_reach_the_internet(manifests: list[dict[str, Any]]) -> None:
    open_policies = [
        each["spec"]["podSelector"]
        for each in manifests
        if each["kind"] == "NetworkPolicy" and "0.0.0.0/0" in yaml.safe_dump(each)
    ]
    assert open_policies == [{"matchLabels": {"app": "ingest"}}]


def test_the_dockerfile_is_lint_clean_and_runs_without_root() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, str(DOCKERFILE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "USER 65532" in DOCKERFILE.read_text()


def test_the_dockerfile_installs_the_extra_of_its_service_and_starts_its_package() -> None:
    text = DOCKERFILE.read_text()
    assert re.findall(r"\.\[([^]]+)\]", text) == ["${SERVICE:?}"]
    assert re.findall(r"-m (resonance_\S+)", text) == ["resonance_%s"]
    for service in SERVICES:
        assert service in PROJECT["project"]["optional-dependencies"]
        assert importlib.util.find_spec(f"resonance_{service}.__main__") is not None


def test_the_dockerfile_copies_every_package_of_the_wheel() -> None:
    copied = re.findall(r"^COPY (\S+) \1$", DOCKERFILE.read_text(), re.MULTILINE)
    for package in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]:
        assert any(package == folder or package.startswith(f"{folder}/") for folder in copied), package


def test_every_setting_of_the_image_is_one_that_the_services_read() -> None:
    named = dict(re.findall(r"(RESONANCE_\w+)=(\S+)", DOCKERFILE.read_text()))
    assert {"RESONANCE_HTTP_ADDR", "RESONANCE_GRPC_ADDR"} < named.keys()
    read_settings(named)


@pytest.fixture(scope="module")
def store_container() -> dict[str, Any]:
    """The container of the store in the local overlay."""
    documents = yaml.safe_load_all((ROOT / "deploy/k8s/overlays/local/store.yaml").read_text())
    (store,) = (each for each in documents if each["kind"] == "StatefulSet")
    (container,) = store["spec"]["template"]["spec"]["containers"]
    return container


def test_the_store_s_image_has_the_version_that_the_tests_start(store_container: dict[str, Any]) -> None:
    printed = subprocess.run([weed_program(), "version"], capture_output=True, text=True, check=True).stdout
    version = re.search(r"\b\d+\.\d\d\b", printed)
    assert version is not None, printed
    assert store_container["image"] == f"chrislusf/seaweedfs:{version[0]}"


async def test_the_store_s_own_flags_make_a_bucket_that_the_services_may_use(
    store_container: dict[str, Any], tmp_path: Path
) -> None:
    keys = dict.fromkeys((each["name"] for each in store_container["env"]), "a-key-of-the-cluster")
    port, *others = free_ports(10)
    here = {"-dir=/data": f"-dir={tmp_path / 'data'}", "-s3.port=8333": f"-s3.port={port}"}
    here["-ip.bind=0.0.0.0"] = "-ip.bind=127.0.0.1"
    assert here.keys() < set(store_container["args"])
    arguments = [here.get(each, each) for each in store_container["args"]] + ports_chosen(others)
    (tmp_path / "data").mkdir()
    settings = Settings(
        store=f"s3+http://127.0.0.1:{port}/resonance",
        s3_access_key=keys["AWS_ACCESS_KEY_ID"],
        s3_secret_key=keys["AWS_SECRET_ACCESS_KEY"],
    )
    with running_weed(arguments, tmp_path / "log", **keys) as process:
        store = await _open_when_ready(settings, process, tmp_path / "log")
        await store.put("jobs/t-1", b"whole")
        assert (await store.get("jobs/t-1")).data == b"whole"
        await store.close()


async def _open_when_ready(settings: Settings, process: subprocess.Popen[bytes], log: Path) -> ObjectStore:
    refused = ""
    for _ in range(200):
        if process.poll() is not None:
            break
        try:
            return await open_store(settings)
        except ResonanceError as failure:
            refused = failure.message
            await asyncio.sleep(0.2)
    pytest.fail(f"no store with these flags: {refused}\n{log.read_text()[-2000:]}")
