"""Benchmark report: table and picture of ratios beside their goals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

# name -> (description, goal, True where more is better). From the engine's design.
GOALS: dict[str, tuple[str, float, bool]] = {
    "step_small_fp32_vs_hf_fp32": (
        "one stream, musicgen-small's shape, times faster than transformers' generate",
        1.1,
        True,
    ),
    "step_small_int8_vs_hf_fp32": ("the same in int8", 7.0, True),
    "step_embedded_fp32_vs_hf_fp32": ("the same at the embedded shape, fp32", 1.25, True),
    "step_embedded_int8_vs_hf_fp32": ("the same at the embedded shape, int8", 2.4, True),
    "batch8_vs_1_fp32": ("8 slots against one at a time, musicgen-small's shape", 4.0, True),
    "batch8_vs_1_int8": ("the same in int8", 2.5, True),
    "steering_overhead": ("all layers steered, every take differently, over unsteered", 1.03, False),
    "ttfa_vs_structural": ("time to first audio over its indispensable parts", 1.5, False),
    "codec_work_vs_one_library_decode": ("streamed codec work over one library decode", 0.6, False),
    "codec_work_vs_prefix_redecode": ("times less codec work than decoding the prefix for every chunk", 50.0, True),
    "extraction_vs_bare_forward": ("extraction, speed against the bare forward", 0.9, True),
    "extraction_vs_generating": ("extraction, times faster than hooks while generating", 20.0, True),
    "embedded_rtf_one_core": ("real-time factor of the embedded model on one core", 0.25, False),
    "small_int8_rtf_one_core": ("the same at musicgen-small's shape in int8, streamed codec included", 1.0, False),
    "underruns_at_80_percent": (
        "clients at 80 % of capacity that ran dry (one chunk of prebuffer), were refused or cut",
        0.0,
        False,
    ),
    "simulated_underruns_at_80_percent": (
        "the same in a simulated fleet of eight replicas, of 2,000 clients",
        0.0,
        False,
    ),
    "int8_frechet_vs_fp32": ("int8's Frechet distance from fp32, over fp32's from itself on other seeds", 1.25, False),
    "int8_likelihood_loss_nats": ("loss of int8 against fp32's log-likelihood, nats a token", 0.05, False),
    "cuda_small_graph_vs_hf": (
        "one stream by CUDA graphs, musicgen-small's shape in fp16, times faster than transformers' generate",
        4.0,
        True,
    ),
    "cuda_large_graph_vs_hf": ("the same at musicgen-large's shape", 4.0, True),
    "cuda_small_bandwidth_share": ("share of the GPU's memory bandwidth, musicgen-small's shape", 0.4, True),
    "cuda_large_bandwidth_share": ("the same at musicgen-large's shape", 0.7, True),
    "served_vs_bare_engine": ("served speed over the bare engine's", 0.95, True),
}


def write_table(found: dict[str, Any], path: Path) -> str:
    """Writes the table as Markdown and returns it."""
    lines = [
        f"# Engine, {found['date']}",
        "",
        f"{found['machine']['processor']}, {found['machine']['cores']} thread; torch {found['versions']['torch']}; "
        f"commit {found['commit'][:12]}{'+changes' if found['commit'].endswith('+changes') else ''}. "
        "Medians of interleaved rounds; raw samples are in `engine.json`.",
        "",
        "| figure | measured | goal | |",
        "|---|---|---|---|",
    ]
    for name, (text, goal, is_more) in GOALS.items():
        value = found["ratios"].get(name)
        told = f"{value:.3g}" if value is not None else f"- ({found['absent'].get(name, 'not measured')})"
        is_met = value is not None and (value >= goal if is_more else value <= goal)
        verdict = "" if value is None else ("met" if is_met else "**missed**")
        lines.append(f"| {text} (`{name}`) | {told} | {'≥' if is_more else '≤'} {goal:g} | {verdict} |")
    for name, again in found.get("measured_again", {}).items():
        lines += ["", f"Measured again by itself: {name}, {again['date']}, commit {again['commit'][:12]}."]
    others = {name: value for name, value in found["ratios"].items() if name not in GOALS}
    lines += ["", "Others: " + ", ".join(f"`{name}` {value:.3g}" for name, value in sorted(others.items())) + "."]
    absent = {name: why for name, why in found["absent"].items() if name not in GOALS}
    lines += ["", "Could not run: " + "; ".join(f"{name} ({why})" for name, why in absent.items()) + "."]
    text = "\n".join(lines) + "\n"
    path.write_text(text)
    return text


def write_picture(found: dict[str, Any], path: Path) -> None:
    """Draws each ratio as a share of its goal on a logarithmic axis; right of the line the goal is met."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    names = [name for name, (_, goal, _) in GOALS.items() if name in found["ratios"] and goal > 0]
    shares = []
    for name in names:
        _, goal, is_more = GOALS[name]
        value = found["ratios"][name]
        shares.append(value / goal if is_more else goal / value)
    figure, axes = plt.subplots(figsize=(9, 0.45 * len(names) + 1))
    axes.barh(
        names, [share - 1 for share in shares], left=1, color=["#2a7" if share >= 1 else "#c54" for share in shares]
    )
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.invert_yaxis()
    axes.set_xlabel("measured against goal (right of the line is met)")
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    plt.close(figure)
