"""Templates of the Helm chart, made from the objects that kubectl renders of deploy/k8s.

python scripts/helm_chart.py            writes deploy/helm/resonance/templates
python scripts/helm_chart.py --check    exits with 1 where they are not what it would write

The base is rendered alone and with each component. What a component adds to an object, or changes in it, stands in the template
under `if .Values.components.NAME`; images, replicas, resources, sizes and hosts come from values.yaml, which is written by hand, as
are `_helpers.tpl`, `settings.yaml` and `secrets.yaml`. Needs kubectl.
"""

from __future__ import annotations

import functools
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
K8S = ROOT / "deploy/k8s"
TEMPLATES = ROOT / "deploy/helm/resonance/templates"
BY_HAND = ("_helpers.tpl", "NOTES.txt", "secrets.yaml", "settings.yaml")
# Components of the chart that are no kustomize component: files of an overlay.
FROM_OVERLAYS = {"store": "../../overlays/laptop/store.yaml"}
# Whole values that are chosen, wherever they stand.
CHOSEN = {
    "music.example.com": "{{ .Values.ingress.host }}",
    "grpc.music.example.com": "{{ .Values.ingress.grpcHost }}",
    "public": "{{ .Values.ingress.className }}",
    "resonance-tls": "{{ .Values.ingress.tlsSecret }}",
    "resonance-store": '{{ include "resonance.secret" . }}',
    "engine-database": '{{ include "resonance.engineSecret" . }}',
    "http://prometheus-operated.monitoring:9090": "{{ .Values.autoscaling.prometheus }}",
    "resonance-gemini": "{{ .Values.secrets.gemini }}",
}
_IMAGE = re.compile(r"resonance-(\w+):0\.1\.0")
Objects = dict[tuple[str, str], dict[str, Any]]


def components() -> list[str]:
    """Names of all components, in the order of the alphabet."""
    return sorted([*(path.name for path in (K8S / "components").iterdir()), *FROM_OVERLAYS])


@functools.cache
def render(*chosen: str) -> Objects:
    """The objects of the base with these components, by kind and name, without namespace and without hashes in names."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(K8S, Path(folder) / "k8s")
        made = Path(folder) / "k8s/overlays/made"
        made.mkdir()
        for name in FROM_OVERLAYS:
            source = Path(folder) / "k8s/overlays/made" / FROM_OVERLAYS[name]
            shutil.copy(source, made / f"{name}.yaml")
        plan = {
            "resources": ["../../base", *(f"{name}.yaml" for name in chosen if name in FROM_OVERLAYS)],
            "components": [f"../../components/{name}" for name in chosen if name not in FROM_OVERLAYS],
        }
        (made / "kustomization.yaml").write_text(yaml.safe_dump(plan))
        done = subprocess.run(["kubectl", "kustomize", str(made)], capture_output=True, text=True, check=True)
    return plain(list(yaml.safe_load_all(done.stdout)))


def plain(objects: list[dict[str, Any]]) -> Objects:
    """Objects by kind and name, as a cluster of any namespace has them: without it, and without hashes in names."""
    names = [each["metadata"]["name"] for each in objects if each["kind"] in ("ConfigMap", "Secret")]
    hashed = {name: re.sub(r"-[a-z0-9]{10}$", "", name) for name in names}
    found: Objects = {}
    for each in objects:
        renamed = _renamed(each, hashed)
        renamed["metadata"].pop("namespace", None)
        found[renamed["kind"], renamed["metadata"]["name"]] = renamed
    return found


def templates() -> dict[str, str]:
    """All files that this writes, by name."""
    base = render()
    variants = {name: render(name) for name in components()}
    files: dict[str, list[str]] = {"base": []}
    for key, each in base.items():
        if key[0] == "ConfigMap":
            continue
        changed = {name: found[key] for name, found in variants.items() if found[key] != each}
        files.setdefault("workloads" if key[0] == "Deployment" else "base", []).append(_object(each, changed))
    for name, found in variants.items():
        added = [_object(each, {}) for key, each in found.items() if key not in base and key[0] != "ConfigMap"]
        if added:
            files[name] = [f"{{{{- if {_chosen(name)} }}}}\n" + "---\n".join(added) + "{{- end }}\n"]
        for key, each in found.items():
            if key[0] == "ConfigMap" and key not in base and key[1] != "resonance-dashboard":
                files[name].insert(0, f"{{{{- if {_chosen(name)} }}}}\n{_object(each, {})}{{{{- end }}}}\n")
    head = "# Made by scripts/helm_chart.py from deploy/k8s: change the objects there.\n"
    made = {f"{name}.yaml": head + "---\n".join(parts) for name, parts in files.items()}
    made["_components.tpl"] = _settings(base, variants)
    return made


def _settings(base: Objects, variants: dict[str, Objects]) -> str:
    """The settings of base and components, which values may change, as a named template."""
    key = ("ConfigMap", "resonance")
    lines = ["{{- /* Made by scripts/helm_chart.py: settings of the base and of the components. */}}"]
    lines += ['{{- define "resonance.componentSettings" -}}', *_plain_lines(base[key]["data"], 0)]
    for name, found in variants.items():
        added = {each: text for each, text in found[key]["data"].items() if base[key]["data"].get(each) != text}
        if added:
            lines += [f"{{{{- if {_chosen(name)} }}}}", *_plain_lines(added, 0), "{{- end }}"]
    return "\n".join([*lines, "{{- end }}", ""])


def _object(each: dict[str, Any], changed: dict[str, Any]) -> str:
    each = {**each, "metadata": {**each["metadata"], "namespace": "{{ .Release.Namespace }}"}}
    changed = {name: {**other, "metadata": each["metadata"]} for name, other in changed.items()}
    return "\n".join([*_lines(each, changed, 0, (each["kind"], each["metadata"]["name"])), ""])


def _lines(node: Any, changed: dict[str, Any], indent: int, path: tuple[str, ...]) -> Iterator[str]:
    """YAML of a mapping or list in which parts depend on components; `changed` has the same node with each of them."""
    if isinstance(node, dict):
        yield from _mapping(node, changed, indent, path)
    else:
        yield from _list(node, changed, indent, path)


def _mapping(node: dict[str, Any], changed: dict[str, Any], indent: int, path: tuple[str, ...]) -> Iterator[str]:
    pad = " " * indent
    for key in [*node, *sorted({key for other in changed.values() for key in other} - set(node))]:
        here = (*path, key)
        if special := _special(here, changed, indent):
            yield from special
            continue
        others = {name: other.get(key) for name, other in changed.items() if other.get(key) != node.get(key)}
        if key in node and not others:
            yield from _entry(f"{pad}{key}:", node[key], indent, here)
        elif key in node and all(isinstance(other, type(node[key])) for other in others.values()):
            if isinstance(node[key], dict | list):
                yield f"{pad}{key}:"
                yield from _lines(node[key], others, indent + 2, here)
            else:
                ((name, other),) = others.items()
                yield f"{pad}{key}: {{{{ ternary {json.dumps(other)} {json.dumps(node[key])} {_chosen(name)} }}}}"
        elif key in node:  # a component removes it
            yield f"{pad}{{{{- if not {_any(others)} }}}}"
            yield from _entry(f"{pad}{key}:", node[key], indent, here)
            yield f"{pad}{{{{- end }}}}"
        else:
            yield f"{pad}{{{{- if {_any(others)} }}}}"
            sample = next(iter(others.values()))
            if len(others) == 1:
                yield from _entry(f"{pad}{key}:", sample, indent, here)
            else:
                yield f"{pad}{key}:"
                yield from _lines(type(sample)(), others, indent + 2, here)
            yield f"{pad}{{{{- end }}}}"


def _list(node: list[Any], changed: dict[str, Any], indent: int, path: tuple[str, ...]) -> Iterator[str]:
    """Items of the base with their changes, then what each component adds; items are known again by their names."""
    pad = " " * indent
    for each in node:
        others = {name: _same(each, other) for name, other in changed.items()}
        differing = {name: other for name, other in others.items() if other != each}
        if not differing:
            yield from _entry(f"{pad}-", each, indent, (*path, _name(each)))
            continue
        first, *rest = _lines(each, differing, indent + 2, (*path, _name(each)))
        yield f"{pad}- {first.strip()}"
        yield from rest
    for name, other in changed.items():
        added = [each for each in other if _same(each, node) is None]
        if added:
            yield f"{pad}{{{{- if {_chosen(name)} }}}}"
            for each in added:
                yield from _entry(f"{pad}-", each, indent, (*path, _name(each)))
            yield f"{pad}{{{{- end }}}}"


def _special(path: tuple[str, ...], changed: dict[str, Any], indent: int) -> list[str]:
    """Lines of what values.yaml chooses: replicas, resources, sizes of volumes, and the date of the settings."""
    pad = " " * indent
    kind, name = path[:2]
    if kind == "Deployment" and path[2:] == ("spec", "template", "spec", "containers", name, "resources"):
        lines = [f"{pad}{{{{- $resources := deepCopy .Values.resources.{name} }}}}"] if name != "temporal" else []
        for component, other in changed.items():
            if "nvidia.com/gpu" in other["resources"]["limits"]:
                added = '(dict "limits" (dict "nvidia.com/gpu" 1))'
                lines.append(
                    f"{pad}{{{{- if {_chosen(component)} }}}}{{{{- $_ := mergeOverwrite $resources {added} }}}}{{{{- end }}}}"
                )
        return [*lines, f"{pad}resources: {{{{- toYaml $resources | nindent {indent + 2} }}}}"] if lines else []
    if kind == "Deployment" and path[2:] == ("spec", "replicas") and name != "temporal":
        removing = [component for component, other in changed.items() if "replicas" not in other]
        line = f"{pad}replicas: {{{{ .Values.replicas.{name} }}}}"
        return [f"{pad}{{{{- if not {_any(removing)} }}}}", line, f"{pad}{{{{- end }}}}"] if removing else [line]
    if kind == "PersistentVolumeClaim" and path[2:] == ("spec", "resources"):
        return _volume(name, indent)
    if kind == "StatefulSet" and path[-2:] == ("spec", "resources"):
        return _volume(name, indent)
    if kind == "Deployment" and path[2:] == ("spec", "template", "metadata") and name != "temporal":
        digest = '{{ include "resonance.settings" . | sha256sum }}'
        return [
            f"{pad}metadata:",
            f"{pad}  labels:",
            f"{pad}    app: {name}",
            f"{pad}  annotations:",
            f"{pad}    resonance/settings: {digest}",
        ]
    return []


def _volume(name: str, indent: int) -> list[str]:
    pad, values = " " * indent, f".Values.storage.{name}"
    return [
        f"{pad}resources:",
        f"{pad}  requests:",
        f"{pad}    storage: {{{{ {values}.size }}}}",
        f"{pad}{{{{- with {values}.className }}}}",
        f"{pad}storageClassName: {{{{ . }}}}",
        f"{pad}{{{{- end }}}}",
    ]


def _entry(start: str, value: Any, indent: int, path: tuple[str, ...]) -> Iterator[str]:
    """One key or item with its whole value."""
    if isinstance(value, dict | list) and value:
        lines = list(_lines(value, {}, indent + 2, path))
        if start.endswith("-"):
            yield f"{start} {lines[0].strip()}"
            yield from lines[1:]
        else:
            yield start
            yield from lines
    else:
        yield f"{start} {_scalar(value)}"


def _plain_lines(node: dict[str, str], indent: int) -> list[str]:
    return [f"{' ' * indent}{key}: {json.dumps(text)}" for key, text in node.items()]


def _scalar(value: Any) -> str:
    """A scalar as JSON, which is YAML; template marks of other programs are kept as they are."""
    if isinstance(value, str):
        if value == "{{ .Release.Namespace }}":
            return value
        if value in CHOSEN:
            return f"{CHOSEN[value].replace('}}', '| quote }}')}"
        if image := _IMAGE.fullmatch(value):
            return f'{{{{ include "resonance.image" (list . "{image[1]}") }}}}'
        return json.dumps(value, ensure_ascii=False).replace("{{", '{{ "{{" }}')
    return json.dumps(value)


def _renamed(node: Any, names: dict[str, str]) -> Any:
    if isinstance(node, dict):
        return {key: _renamed(value, names) for key, value in node.items()}
    if isinstance(node, list):
        return [_renamed(each, names) for each in node]
    return names.get(node, node) if isinstance(node, str) else node


def _same(each: Any, others: list[Any]) -> Any:
    """The item of that name among others; None where there is none."""
    if each in others:
        return each
    named = [other for other in others if isinstance(other, dict) and _name(other) and _name(other) == _name(each)]
    return named[0] if named else None


def _name(each: Any) -> str:
    if not isinstance(each, dict):
        return ""
    name = each.get("mountPath") or each.get("name") or each.get("metadata", {}).get("name", "")
    return str(name)


def _chosen(component: str) -> str:
    return f'(index .Values.components "{component}")'


def _any(names: Any) -> str:
    chosen = " ".join(_chosen(name) for name in names)
    return chosen if len(list(names)) == 1 else f"(or {chosen})"


def main() -> int:
    """Writes the templates, or compares them."""
    made = templates()
    there = {path.name: path.read_text() for path in TEMPLATES.iterdir() if path.name not in BY_HAND}
    if sys.argv[1:] == ["--check"]:
        wrong = sorted(name for name in made.keys() | there.keys() if made.get(name) != there.get(name))
        for name in wrong:
            print(f"deploy/helm/resonance/templates/{name}: run `make helm`")
        return bool(wrong)
    for name in there.keys() - made.keys():
        (TEMPLATES / name).unlink()
    for name, text in made.items():
        (TEMPLATES / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
