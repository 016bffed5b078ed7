"""Report of the bench: tables and plots, goals first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from resonance.steering.sliders import SLIDER_NAMES

from .goals import SIDES, goals_of


def write_report(found: dict[str, Any], folder: Path) -> str:
    """`steering.md` and the pictures; returns the text."""
    machine, versions = found["machine"], found["versions"]
    parts = [
        f"# Steering, {found['date']}",
        f"Model {found['model']['id']} {found['model']['digest'][:12]} in {found['model']['precision']}; {machine['processor']}, "
        f"{machine['cores']} thread; torch {versions['torch']}; commit {found['commit'][:12]}"
        f"{'+changes' if found['commit'].endswith('+changes') else ''}; size `{found['size']}`: {_conditions(found)}. "
        "Effects are paired with the unsteered clip of the same prompt and seed, in standard deviations of unsteered clips. "
        "What the Frechet distance is by chance, unsteered clips of a third seed say. "
        "All numbers are in `steering.json`.",
        "## Goals",
        _table(("goal", "wanted", "measured", ""), list(goals_of(found))),
        "## Sliders",
        _sliders(found),
        "![Strength against score](steering.png)",
        "## What the words alone do",
        "The slider's own words added to the prompt, and nothing pushed: what this model knows to do when it is told. "
        "`+-` is a standard error.",
        _said(found),
        _random(found),
        "## What a slider does to the others",
        "Effect at the upper end less effect at the lower one, halved; of a slider with one open side, at that end. "
        "Rows are what is pushed, columns what is heard.",
        _side_effects(found),
        "## Tastes",
        _tastes(found),
        "![Layers and tastes](steering-layers.png)",
        "## Several at once",
        _stacking(found),
        "## Other ways of steering",
        _variants(found),
    ]
    text = "\n\n".join(part for part in parts if part) + "\n"
    (folder / "steering.md").write_text(text)
    _curves(found, folder / "steering.png")
    _layers_and_tastes(found, folder / "steering-layers.png")
    return text


def _conditions(found: dict[str, Any]) -> str:
    size = found["conditions"]
    return (
        f"{size['prompts']} prompts x {size['seeds']} seeds x {len(size['strengths'])} strengths per sign, "
        f"clips of {size['clip_s']:g} s, at the ends {size['end_seeds']} seeds"
    )


def _sliders(found: dict[str, Any]) -> str:
    rows = []
    for name, slider in found["sliders"].items():
        for side in SIDES:
            one = slider["sides"][side]
            if one["closed"]:
                rows.append((name, side, "closed", f"{one['spearman_all']:.2f}", "", "", "", "", "", ""))
                continue
            rows.append(
                (
                    name,
                    side,
                    f"{one['end']:+g}",
                    f"{one['spearman']:.2f}",
                    f"{one['own']:+.2f} +- {one['own_error']:.2f}",
                    f"{one['specificity']:.1f}x (at most {one['own'] / max(one['others_by_chance'], 1e-9):.1f}x)",
                    f"{one['frechet']:.2f}x" if one["frechet"] else "",
                    f"{one['failed']}/{one['clips']}",
                    f"{one['loudness_db']:+.1f}",
                    f"{one['tempo']:+.0%} / {one['onsets']:+.0%} / {one['low_share']:+.0%}",
                )
            )
    head = (
        "slider", "side", "safe end", "Spearman", "own effect (sd)", "over others", "Frechet", "failed", "level (dB)",
        "tempo / onsets / low share",
    )  # fmt: skip
    judge = ""
    if found["judges"]:
        figures = found["judges"]
        judge = (
            f"Of held-out renderings the judges of voices, rich harmony, tension and many players have an AUC of "
            f"{figures['voice_auc']:.2f}, {figures['rich_harmony_auc']:.2f}, {figures['tension_auc']:.2f} and "
            f"{figures['many_players_auc']:.2f}; the octave of the tempo is right in "
            f"{figures['octaves_right']:.0%} (by the tracker alone in {figures['octaves_right_of_tracker']:.0%})."
        )
    text = (
        _table(head, rows)
        + '\n\nOf a closed side the Spearman is that over all strengths tried. "At most" is the own effect over '
        "what so few clips make of no effect at all. " + judge
    )
    return text + "\n\n" + _table(("slider", "acts on layers", "lower end", "upper end"), _ends(found)) + _steps(found)


def _steps(found: dict[str, Any]) -> str:
    sides = [one for slider in found["sliders"].values() for one in slider["sides"].values() if "uneven" in one]
    if not sides:
        return ""
    ours, straight = (np.nanmean([one[key] for one in sides]) for key in ("uneven", "uneven_straight"))
    return (
        "\n\nAt a quarter, half and three quarters of a slider the effect is that share of the end's within "
        f"{ours:.2f} (root mean square, mean over sides) by the stored remap; on a straight line within {straight:.2f}."
    )


def _said(found: dict[str, Any]) -> str:
    rows = []
    for name, sides in found.get("said", {}).items():
        for side, one in sides.items():
            slider = found["sliders"].get(name, {}).get("sides", {}).get(side, {"closed": True})
            pushed = "closed" if slider["closed"] else f"{slider['own']:+.2f} +- {slider['own_error']:.2f}"
            measured = f"{one['own']:+.2f} +- {one['own_error']:.2f}"
            rows.append((name, side, measured, f"{one['specificity']:.1f}x", pushed))
    return _table(("attribute", "side", "said (sd)", "over others", "the slider's end (sd)"), rows) if rows else ""


def _ends(found: dict[str, Any]) -> list[tuple[str, ...]]:
    """Where each slider acts, and why its sides end where they do."""
    return [
        (
            name,
            " ".join(f"{layer}: {gain:.2f}" for layer, gain in slider["gains"].items() if gain) or "all",
            *slider["reasons"],
        )
        for name, slider in found["sliders"].items()
    ]


def _side_effects(found: dict[str, Any]) -> str:
    rows = [(name, *(f"{value:+.2f}" for value in values)) for name, values in found["side_effects"].items()]
    return _table(("pushed", *SLIDER_NAMES), rows) if rows else ""


def _random(found: dict[str, Any]) -> str:
    """The control, where it was rendered; its own conditions, since it may be renewed alone."""
    control = found.get("random") or {}
    if not control.get("sliders"):
        return ""
    rows = []
    for name, sides in control["sliders"].items():
        for side, one in sides.items():
            slider = found["sliders"].get(name, {}).get("sides", {}).get(side, {})
            rows.append(
                (
                    name,
                    side,
                    f"{one['own']:+.2f} +- {one['own_error']:.2f}",
                    f"{slider['own']:+.2f} +- {slider['own_error']:.2f}" if "own" in slider else "closed",
                    f"{one['others']:.2f}",
                    f"{one['failed']}/{one['clips']}",
                )
            )
    own = [abs(one["own"]) for sides in control["sliders"].values() for one in sides.values()]
    return (
        "## What a random direction of the same length does\n\n"
        "In each slider's place a direction drawn at random, as long as the slider's in every layer, at the slider's end: what a push does "
        f"by its size alone. Median absolute effect on the slider's own scores {np.median(own):.2f} sd, largest {max(own):.2f}. "
        f"Commit {control['commit'][:12]}, {control['date'][:10]}, {control['clips']} clips a side.\n\n"
        + _table(("slider", "side", "random (sd)", "slider (sd)", "random, on others", "failed"), rows)
    )


def _tastes(found: dict[str, Any]) -> str:
    tastes = found["tastes"]
    if not tastes:
        return "Not measured: FluidSynth is not installed, so there are no playlists."
    rows = [
        (
            label,
            f"{tastes['judged'].get(label, float('nan')):.0%}",
            f"{share:.0%}",
            f"{tastes['change_points_at'].get(label, float('nan')):.0%}",
            f"{tastes['failed'][label]}/{tastes['clips'][label]}" if label in tastes["failed"] else "",
            f"{tastes['frechet'][label]:.2f}x" if label in tastes["frechet"] else "",
        )
        for label, share in tastes["nearest"].items()
    ]
    counts = list(next(iter(tastes["split_half"].values())))
    halves = _table(
        ("split-half cosine", *(f"{count} against {count} tracks" for count in counts)),
        [(kind, *(f"{by[count]:.2f}" for count in counts)) for kind, by in tastes["split_half"].items()],
    )
    apart = ", ".join(
        f"{kind} {np.mean(np.array(matrix)[~np.eye(len(matrix), dtype=bool)]):.2f}"
        for kind, matrix in tastes["between"].items()
    )
    return (
        _table(
            (
                "how",
                "the judge picks it",
                "nearest playlist is the right one",
                "the change points at it",
                "failed",
                "Frechet",
            ),
            rows,
        )
        + f"\n\nChance is {tastes['chance']:.1%}; of the playlists' own tracks the judge picks {tastes['real_tracks_judged']:.0%} right, "
        f"and the nearest is right in {tastes['real_tracks']:.0%}. "
        f"Mean cosine between different tastes: {apart}.\n\n{halves}"
    )


def _stacking(found: dict[str, Any]) -> str:
    rows = [
        (
            label.replace("_", ", "),
            str(row["count"]),
            f"{row['as_asked']:.0%}",
            f"{row['parts_as_asked']:.0%}",
            f"{row['weakest_part']:+.2f}",
        )
        for label, row in found["stacking"].items()
    ]
    return (
        _table(("stacked", "groups", "all parts as asked", "parts as asked", "weakest part (sd)"), rows) if rows else ""
    )


def _variants(found: dict[str, Any]) -> str:
    rows = [
        (
            name,
            f"{row['own']:+.2f}",
            f"{row['others']:.2f}",
            f"{row['ratio']:.1f}x",
            f"{row['failed']:.0%}",
            str(row["conditions"]),
        )
        for name, row in found["variants"].items()
    ]
    return (
        _table(("way", "own effect (sd)", "effect on others", "ratio", "clips that fail", "conditions"), rows)
        if rows
        else ""
    )


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def _curves(found: dict[str, Any], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, grid = plt.subplots(2, 4, figsize=(13, 6), sharey=True)
    for axes, (name, slider) in zip(grid.flat, found["sliders"].items(), strict=False):
        strengths = sorted(map(float, slider["curve"]))
        axes.axvspan(*slider["ends"], color="#2a7", alpha=0.15, label="safe range")
        axes.plot(strengths, [slider["curve"][f"{s:g}"] for s in strengths], "o-", color="#246")
        failed = [
            s for s in strengths if len(slider["failed_clips"].get(f"{s:g}", [])) > slider["clips"].get(f"{s:g}", 0) / 8
        ]
        axes.plot(
            failed,
            [slider["curve"][f"{s:g}"] for s in failed],
            "x",
            color="#c33",
            markersize=10,
            label="more than 1 in 8 fails",
        )
        axes.axhline(0, color="#999", linewidth=0.7)
        axes.set_title(name.replace("_", " "))
        axes.set_xlabel("strength (sd of the residual)")
    grid[0, 0].set_ylabel("effect on audio (sd)")
    grid[1, 0].set_ylabel("effect on audio (sd)")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    grid[1, 3].axis("off")
    grid[1, 3].legend(handles, labels, loc="center")
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    plt.close(figure)


def _layers_and_tastes(found: dict[str, Any], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.6))
    for name, slider in found["sliders"].items():
        left.plot(range(len(slider["auc"])), slider["auc"], "o-", label=name.replace("_", " "))
    left.axhline(0.6, color="#999", linewidth=0.7)
    left.set_xlabel("layer")
    left.set_ylabel("held-out AUC")
    left.set_title("separation by layer")
    left.legend(fontsize=8)
    if found["tastes"]:
        from .kinds import NAMES

        matrix = np.array(found["tastes"]["between"]["contrast"])
        image = right.imshow(matrix, vmin=-1, vmax=1, cmap="RdBu_r")
        right.set_xticks(range(len(NAMES)), NAMES, rotation=45, ha="right")
        right.set_yticks(range(len(NAMES)), NAMES)
        for row in range(len(NAMES)):
            for column in range(len(NAMES)):
                right.text(column, row, f"{matrix[row, column]:.1f}", ha="center", va="center", fontsize=8)
        right.set_title("cosine between tastes")
        figure.colorbar(image)
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    plt.close(figure)
