"""Settings: read once, all mistakes reported together."""

from __future__ import annotations

from pathlib import Path

import pytest

from resonance.errors import InvalidInput
from resonance.settings import Settings, read_settings


def test_defaults_are_a_laptop() -> None:
    settings = read_settings({"HOME": "/nobody"})
    assert settings.http_addr == "127.0.0.1:8000"
    assert settings.grpc_addr == "127.0.0.1:50051"
    assert settings.store_url.startswith("file:")
    assert settings.service_address("extract") == settings.grpc_addr


def test_variables_become_typed_values() -> None:
    settings = read_settings(
        {"RESONANCE_SLOTS": "2", "RESONANCE_DATA_DIR": "/tmp/x", "RESONANCE_ALLOW_GENERIC_SOURCES": "yes"}
    )
    assert (settings.slots, settings.data_dir, settings.allow_generic_sources) == (2, Path("/tmp/x"), True)


def test_all_mistakes_are_reported_together() -> None:
    wrong = {
        "RESONANCE_SLOTS": "many",
        "RESONANCE_HTTP_ADDR": "nowhere",
        "RESONANCE_COLOUR": "red",
        "RESONANCE_STORE": "ftp://x",
        "RESONANCE_DECODE_S_MAX": "nan",
    }
    with pytest.raises(InvalidInput) as caught:
        read_settings(wrong)
    assert {fault.field for fault in caught.value.violations} == set(wrong)


@pytest.mark.parametrize("slots", ["0", "65"])
def test_limits_hold_at_the_number_plus_one(slots: str) -> None:
    with pytest.raises(InvalidInput):
        read_settings({"RESONANCE_SLOTS": slots})


def test_only_read_settings_looks_at_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESONANCE_SLOTS", "3")
    assert (read_settings().slots, Settings().slots) == (3, 4)


def test_a_mistake_in_a_secret_does_not_show_the_secret() -> None:
    with pytest.raises(InvalidInput) as caught:
        read_settings({"RESONANCE_SERVICE_KEY": "too-short"})
    assert "too-short" not in str(caught.value)
    assert "k" * 40 not in repr(read_settings({"RESONANCE_SERVICE_KEY": "k" * 40}))


@pytest.mark.parametrize("name", ["SERVICE_KEY", "S3_SECRET_KEY"])
def test_an_example_s_secret_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match=f"RESONANCE_{name}: is an example's placeholder"):
        read_settings({f"RESONANCE_{name}": "change-me-before-use-change-me-before-use"})


def test_a_process_whose_services_are_elsewhere_names_the_store_that_they_share() -> None:
    alone = Settings(generate_addr="127.0.0.1:50052")
    alone.check_shared_settings()
    split = {"generate_addr": "dns:///generate:50051"}
    with pytest.raises(InvalidInput, match="dns:///generate:50051"):
        Settings(**split).check_shared_settings()  # type: ignore[arg-type]
    Settings(**split, store="s3+http://store:8333/resonance").check_shared_settings()  # type: ignore[arg-type]
