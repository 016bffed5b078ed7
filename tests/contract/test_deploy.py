"""Dockerfile and Kubernetes manifests: lint, rendering, settings, hardening."""

from __future__ import annotations

import asyncio
import base64
import importlib.util
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.s3 import free_ports, ports_chosen, running_weed, weed_program

from resonance.durable.dev_server import find_program, server_command
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


OVERLAYS = sorted(path.name for path in (ROOT / "deploy/k8s/overlays").iterdir())
# Kinds of operators and controllers, of which the validator has no schemas.
FOREIGN = ("cert-manager.io/", "gateway.networking.k8s.io/", "keda.sh/", "monitoring.coreos.com/")


@cache
def _rendered(overlay: str, *components: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "deploy/k8s", Path(folder, "k8s"))
        made = Path(folder, "k8s/overlays", overlay)
        kustomization = made / "kustomization.yaml"
        chosen = yaml.safe_load(kustomization.read_text())
        chosen.setdefault("components", []).extend(f"../../components/{name}" for name in components)
        kustomization.write_text(yaml.safe_dump(chosen))
        secret = "5" * 64
        (made / "secrets.env").write_text(
            f"RESONANCE_S3_ACCESS_KEY=resonance\nRESONANCE_S3_SECRET_KEY={secret}\nRESONANCE_SERVICE_KEY={secret}\n"
        )
        (made / "engine.env").write_text(f"PASSWORD={secret}\n")
        done = subprocess.run(["kubectl", "kustomize", str(made)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def render(overlay: str, *components: str) -> list[dict[str, Any]]:
    """The manifests of an overlay with more components, with secrets made as docs/operations.md says."""
    return list(yaml.load_all(_rendered(overlay, *components), yaml.CSafeLoader))


def settings_of(objects: list[dict[str, Any]]) -> dict[str, str]:
    """The settings of all services in rendered objects."""
    (found,) = (
        each["data"]
        for each in objects
        if each["kind"] == "ConfigMap" and re.fullmatch(r"resonance-[a-z0-9]+", each["metadata"]["name"])
        if "dashboard.json" not in each["data"]
    )
    return dict(found)


@pytest.fixture(scope="module")
def manifests() -> list[dict[str, Any]]:
    """The manifests of the overlay for one machine."""
    return render("laptop")


@needs_kubectl
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_manifests_are_valid_against_the_schemas(overlay: str, tmp_path: Path) -> None:
    found = render(overlay)
    path = tmp_path / "all.yaml"
    path.write_text(yaml.safe_dump_all(each for each in found if not each["apiVersion"].startswith(FOREIGN)))
    validate = Path(sys.executable).with_name("kubernetes-validate")
    done = subprocess.run([validate, "--strict", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_kubectl
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_starts_with_settings_that_the_services_accept(overlay: str) -> None:
    found = render(overlay)
    chosen = {each["metadata"]["name"]: each for each in found if each["kind"] in ("ConfigMap", "Secret")}
    named = settings_of(found)
    secrets = next(each["data"] for name, each in chosen.items() if name.startswith("resonance-store"))
    decoded = {name: base64.b64decode(text).decode() for name, text in secrets.items()}
    image = dict(re.findall(r"(RESONANCE_\w+)=(\S+)", DOCKERFILE.read_text()))
    settings = read_settings(image | named | decoded)
    settings.check_shared_settings()
    assert settings.asks_for_keys, "a cluster asks for keys"
    assert settings.engine, "every overlay has one workflow engine for all services"


@needs_kubectl
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_pod_may_start_slowly_drain_and_be_told_apart(overlay: str) -> None:
    found = render(overlay)
    accounts = {each["metadata"]["name"] for each in found if each["kind"] == "ServiceAccount"}
    budgets = {each["metadata"]["name"]: each for each in found if each["kind"] == "PodDisruptionBudget"}
    assert accounts == set(budgets) == set(SERVICES)
    for each in found:
        name = each["metadata"]["name"]
        if each["kind"] != "Deployment" or name not in SERVICES:
            continue
        pod = each["spec"]["template"]["spec"]
        container = pod["containers"][0]
        labels = each["spec"]["template"]["metadata"]["labels"]
        assert pod["serviceAccountName"] == name
        assert budgets[name]["spec"]["selector"]["matchLabels"].items() <= labels.items()
        (spread,) = pod["topologySpreadConstraints"]
        assert spread["labelSelector"]["matchLabels"] == {"app": name}
        drain_s = 45 + container["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert pod["terminationGracePeriodSeconds"] > drain_s
        if name != "gateway":
            start = container["startupProbe"]
            assert start["failureThreshold"] * start["periodSeconds"] >= 1800, "time for a first download of weights"


@needs_kubectl
def test_tls_inside_mounts_certificates_and_lets_probes_ask_the_plain_port() -> None:
    found = render("laptop", "tls", "tls-certificates")
    certificates = {each["metadata"]["name"]: each["spec"] for each in found if each["kind"] == "Certificate"}
    settings = read_settings(settings_of(found))
    for name in SERVICES:
        (pod,) = (
            each["spec"]["template"]["spec"]
            for each in found
            if (each["kind"], each["metadata"]["name"]) == ("Deployment", name)
        )
        (container,) = pod["containers"]
        (volume,) = (each for each in pod["volumes"] if each["name"] == "tls")
        assert volume["secret"]["secretName"] == certificates[name]["secretName"]
        (mount,) = (each for each in container["volumeMounts"] if each["name"] == "tls")
        assert mount["mountPath"] == str(settings.tls_dir)
        assert certificates[name]["usages"] == ["server auth", "client auth"]
        if name != "gateway":
            assert settings.service_address(name) == f"dns:///{certificates[name]['dnsNames'][0]}:50051"
            probes = [container[f"{kind}Probe"]["grpc"]["port"] for kind in ("startup", "readiness", "liveness")]
            assert {f"0.0.0.0:{port}" for port in probes} == {settings.health_addr}


@needs_kubectl
def test_every_service_may_reach_the_issuer_of_tokens() -> None:
    found = render("laptop", "oidc")
    settings = read_settings(settings_of(found))
    assert settings.oidc_audience == "resonance"
    (policy,) = (each["spec"] for each in found if each["metadata"]["name"] == "services-reach-issuer")
    assert {*policy["podSelector"]["matchExpressions"][0]["values"], "gateway"} == set(SERVICES)


@needs_kubectl
def test_the_engine_inside_has_what_the_laptop_s_engine_has(manifests: list[dict[str, Any]]) -> None:
    command = server_command("temporal", 7233, Path("engine.db"))
    ours = [text for option, text in itertools.pairwise(command) if option == "--dynamic-config-value"]
    (text,) = (
        each["data"]["dynamic-config.yaml"]
        for each in manifests
        if each["metadata"]["name"].startswith("engine-dynamic-config")
    )
    given = {name: json.dumps(values[0]["value"]) for name, values in yaml.safe_load(text).items()}
    assert given == dict(each.split("=") for each in ours)
    version = re.search(
        r"Server (\S+),", subprocess.run([find_program(), "--version"], capture_output=True, text=True).stdout
    )
    assert version is not None
    images = {image for each in manifests for image in re.findall(r"temporalio/\S+(?=')", str(each))}
    assert images == {f"temporalio/server:{version[1]}", f"temporalio/admin-tools:{version[1]}"}


@needs_kubectl
def test_a_replica_with_weights_on_a_volume_keeps_its_address_for_rooms() -> None:
    (generate,) = (
        each for each in render("cpu-small") if (each["kind"], each["metadata"]["name"]) == ("Deployment", "generate")
    )
    names = [each["name"] for each in generate["spec"]["template"]["spec"]["containers"][0]["env"]]
    assert {"HF_HOME", "POD_IP", "RESONANCE_ROOM_ADDR"} == set(names)
    assert names.index("POD_IP") < names.index("RESONANCE_ROOM_ADDR"), "the one names the other"


@needs_kubectl
def test_alerts_and_dashboard_name_metrics_that_exist() -> None:
    found = render("gpu")
    (rule,) = (each for each in found if each["kind"] == "PrometheusRule")
    assert rule["spec"] == yaml.safe_load((ROOT / "deploy/monitoring/rules.yaml").read_text())
    dashboard = json.loads((ROOT / "deploy/k8s/components/monitoring/dashboard.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    queries += [each["expr"] for group in rule["spec"]["groups"] for each in group["rules"]]
    named = {name for query in queries for name in re.findall(r"\bresonance_\w+", query)}
    ours = [path for folder in ("common", "services", "gateway", "model") for path in (ROOT / folder).rglob("*.py")]
    sources = "".join(path.read_text() for path in ours)
    for name in named:
        family = re.sub(r"_(bucket|count|sum)$", "", name)
        assert f'"{family}"' in sources, f"{name} is a metric of no service"


@needs_kubectl
def test_every_setting_in_the_cluster_is_one_that_we_read(manifests: list[dict[str, Any]]) -> None:
    settings = read_settings(settings_of(manifests))
    assert settings.service_address("extract") == "dns:///extract:50051"
    assert settings.store_url == "s3+http://store:8333/resonance"


@needs_kubectl
def test_our_pods_are_locked_down_and_have_images_that_we_build(manifests: list[dict[str, Any]]) -> None:
    deployments = {each["metadata"]["name"]: each for each in manifests if each["kind"] == "Deployment"}
    assert set(deployments) == {*SERVICES, "temporal"}
    del deployments["temporal"]  # its image is not ours
    for deployment in deployments.values():
        pod = deployment["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        assert container["image"].split(":")[0] == f"resonance-{deployment['metadata']['name']}"
        assert pod["securityContext"]["runAsNonRoot"]
        assert container["securityContext"]["readOnlyRootFilesystem"]
        image = dict(re.findall(r"(RESONANCE_\w+)=(\S+)", DOCKERFILE.read_text()))
        places = {mount["mountPath"] for mount in container["volumeMounts"]}
        assert {image["RESONANCE_DATA_DIR"], "/tmp"} <= places, "all else is read-only"
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


def test_the_dockerfile_installs_the_lock_of_its_service_and_starts_its_package() -> None:
    text = DOCKERFILE.read_text()
    assert re.findall(r"deploy/locks/(\S+?)\.txt", text) == [
        "build",
        "torch-${TORCH}",
        "torch-cuda",
        "${SERVICE}",
        "${SERVICE}",
    ]
    assert text.count("--require-hashes") == 4
    assert re.findall(r"-m (resonance_\S+)", text) == ["resonance_%s"]
    for service in SERVICES:
        assert service in PROJECT["project"]["optional-dependencies"]
        assert (ROOT / f"deploy/locks/{service}.txt").exists()
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
    """The container of the store in the laptop overlay."""
    documents = yaml.safe_load_all((ROOT / "deploy/k8s/overlays/laptop/store.yaml").read_text())
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
