"""Compose file: settings that exist, one image for each service, the engine and store of the tests, everything watched."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from resonance.durable.dev_server import find_program, server_command
from resonance.settings import read_settings

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/compose"
SERVICES = {"ingest", "extract", "generate", "video", "speech", "gateway"}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]
    return found


def test_each_service_is_the_image_of_its_name(services: dict[str, Any]) -> None:
    for name in SERVICES:
        build = services[name]["build"]
        assert build["args"] == {"SERVICE": name}
        assert (FOLDER / build["context"] / build["dockerfile"]).resolve() == ROOT / "deploy/Dockerfile"
        assert services[name]["image"] == f"resonance-{name}:0.1.0"


def test_every_setting_is_read_and_every_address_is_a_service(services: dict[str, Any]) -> None:
    for name in SERVICES:
        environment = services[name]["environment"]
        settings = read_settings(environment)
        assert settings.store == "s3+http://store:8333/resonance"
        assert settings.engine.startswith("temporal://temporal:")
        for peer in SERVICES - {"gateway"}:
            assert settings.service_address(peer) == f"dns:///{peer}:50051"
    secrets = dict(line.split("=") for line in (FOLDER / "secrets.env.example").read_text().split() if "=" in line)
    read_settings(dict.fromkeys(secrets, "0123456789abcdef" * 4))


def test_containers_have_no_more_rights_than_pods(services: dict[str, Any]) -> None:
    for name in SERVICES:
        assert services[name]["read_only"] is True
        assert services[name]["volumes"] == [f"{name}:/data"], "the data folder can be written to"
        assert services[name]["cap_drop"] == ["ALL"]
        assert services[name]["security_opt"] == ["no-new-privileges:true"]
    published = [port for each in services.values() for port in each.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_store_and_engine_have_the_flags_of_those_that_are_tested(services: dict[str, Any]) -> None:
    manifests = yaml.safe_load_all((ROOT / "deploy/k8s/overlays/laptop/store.yaml").read_text())
    (pod,) = (each["spec"]["template"]["spec"] for each in manifests if each["kind"] == "StatefulSet")
    assert services["store"]["command"] == pod["containers"][0]["args"]
    assert services["store"]["image"] == pod["containers"][0]["image"]
    ours = server_command("temporal", 7233, Path("/data/engine.db"))
    given = " ".join(services["temporal"]["command"]).replace("=", " ").split()
    for value in (
        "matching.useNewMatcher=true",
        "matching.enableFairness=true",
        "frontend.WorkflowPauseEnabled=true",
        "matching.numTaskqueueReadPartitions=1",
        "matching.numTaskqueueWritePartitions=1",
    ):
        assert value in ours
        assert value.replace("=", " ") in " ".join(given)
    version = subprocess.run([find_program(), "--version"], capture_output=True, text=True, check=True).stdout.split()[
        2
    ]
    assert services["temporal"]["image"] == f"temporalio/temporal:{version}"
    assert "ResonanceOwner=Keyword" in ours
    assert "--search-attribute=ResonanceOwner=Keyword" in services["temporal"]["command"]


def test_every_service_is_watched_and_every_file_that_is_mounted_exists(services: dict[str, Any]) -> None:
    scraped = yaml.safe_load((FOLDER / "prometheus.yaml").read_text())
    (job,) = scraped["scrape_configs"]
    (lookup,) = job["dns_sd_configs"]
    assert set(lookup["names"]) == SERVICES
    dockerfile = (ROOT / "deploy/Dockerfile").read_text()
    assert f"RESONANCE_METRICS_ADDR=0.0.0.0:{lookup['port']}" in dockerfile
    mounts = [volume for name in ("prometheus", "grafana") for volume in services[name]["volumes"]]
    files = {source: target for source, target, *_ in (mount.split(":") for mount in mounts) if source.startswith(".")}
    for source in files:
        assert (FOLDER / source).resolve().is_file(), source
    assert set(scraped["rule_files"]) <= set(files.values())
    dashboards = yaml.safe_load((FOLDER / "dashboards.yaml").read_text())["providers"][0]["options"]["path"]
    (dashboard,) = (source for source, target in files.items() if target.startswith(dashboards))
    json.loads((FOLDER / dashboard).read_text())
    source = yaml.safe_load((FOLDER / "grafana.yaml").read_text())["datasources"][0]["url"]
    assert re.fullmatch(r"http://(\w+):9090", source)[1] in services  # type: ignore[index]
