"""Taste bench report: table and picture.

The wanted figures come first, then all figures by playlist.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from .manifest import FIRST_FOUR, PLAYLISTS

# Figure -> what is wanted of it.
_NOTHING: Final = {"share": 0.0, "interval": [0.0, 0.0]}
WANTED: Final = {"of four": 0.85, "of eight": 0.6, "every playlist": 0.4}


def write_report(found: dict[str, Any], folder: Path) -> str:
    """Writes `tastes.md` and `tastes.png`; returns the text."""
    parts = [
        f"# Tastes of real songs, {found['date'][:10]}",
        _heading(found),
        "## How often a take is named as the playlist whose taste made it",
        _recognition(found),
        "## By playlist",
        _by_playlist(found),
        "## What the takes are named as",
        _confusion(found),
        "## Level, motion, words",
        _level_and_motion(found),
        _words(found),
        "## One song in many forms",
        _invariance(found.get("invariance") or {}),
        "## What the directions know by themselves",
        _directions(found.get("directions") or {}),
        "## The judges",
        _judges(found),
        "## The songs",
        _songs(found),
        "![Recognition by playlist](tastes.png)",
    ]
    text = "\n\n".join(part for part in parts if part) + "\n"
    (folder / "tastes.md").write_text(text)
    _picture(found, folder / "tastes.png")
    return text


def _heading(found: dict[str, Any]) -> str:
    machine, model, conditions = found["machine"], found["model"], found["conditions"]
    return (
        f"Commit {found['commit'][:12]}, product code {found['product']}; model {model['id']} {model['digest'][:12]}; "
        f"{machine['processor']}, {machine['cores']} cores, {found['date']}. Material: {len(PLAYLISTS)} playlists of real recordings from "
        f"Debian packages ({', '.join(found['material']['packages'])}), eight songs each, and four more that only test the judges. "
        f"Takes: {len(conditions['prompts'])} prompts that name no style, {len(conditions['seeds'])} seeds, "
        f"{conditions['duration_s']:g} s, default settings. Songs and takes are brought to -23 LUFS (BS.1770) before a judge hears them; "
        f"the product gets {_uploaded(conditions['uploaded_s'])}, at the level and in the channels that it has. "
        "`make bench-tastes` goes on where it was stopped."
    )


def _uploaded(seconds: float) -> str:
    return f"the middle {seconds:g} s of each song" if seconds else "each song whole"


def _recognition(found: dict[str, Any]) -> str:
    rows = []
    for judge, arms in found["recognition"].items():
        for arm, figures in arms.items():
            if figures:
                shares = [_share(figures[key]) for key in ("of_first_four", "of_four", "of_eight")]
                rows.append([judge, arm, str(figures["takes"]), *shares])
    note = (
        f"*First four*: {', '.join(FIRST_FOUR)} alone, as first measured. *Four*: the mean over all sets of four. Chance is 0.25, 0.25 and "
        "0.125; brackets hold Wilson's 95 % interval, and takes that share a prompt or a seed are not independent. *Random "
        "playlist*: a taste of eight songs, one of each playlist, in every playlist's place; it stands for a random direction, "
        "which the public API cannot express. Without a taste the share is chance by construction; the table of names below shows where "
        "the model leans by itself."
    )
    return table(["judge", "arm", "takes", "of the first four", "of four", "of eight"], rows) + "\n\n" + note


def _by_playlist(found: dict[str, Any]) -> str:
    tables = []
    for judge, arms in found["recognition"].items():
        rows = [
            [arm, *(_of(figures["of_eight_by_playlist"], name) for name in PLAYLISTS)]
            for arm, figures in arms.items()
            if figures
        ]
        rows += [
            [f"{arm}, of four", *(_of(figures["of_four_by_playlist"], name) for name in PLAYLISTS)]
            for arm, figures in arms.items()
            if figures and arm == "taste"
        ]
        if rows:
            tables.append(f"{judge}, right of eight:\n\n" + table(["arm", *PLAYLISTS], rows))
    return "\n\n".join(tables)


def _confusion(found: dict[str, Any]) -> str:
    """Off the diagonal is what another playlist's taste makes of a playlist."""
    tables = []
    for judge, arms in found["recognition"].items():
        figures = arms.get("taste") or {}
        if figures:
            rows = [[name, *(f"{one:.2f}" for one in row)] for name, row in figures["named"].items()]
            if plain := found["untasted"][judge]:
                rows.append(["no taste", *(f"{plain[name]:.2f}" for name in PLAYLISTS)])
            if mixed := arms.get("random playlist"):
                rows.append(
                    ["random playlist", *(f"{one:.2f}" for one in np.mean(list(mixed["named"].values()), axis=0))]
                )
            tables.append(f"{judge}; rows: whose taste, columns: named as:\n\n" + table(["taste", *PLAYLISTS], rows))
    return "\n\n".join(tables)


def _level_and_motion(found: dict[str, Any]) -> str:
    rows = []
    for name in (*PLAYLISTS, "no taste"):
        level, motion = found["levels"].get(name, {}), found["motion"].get(name)
        against = (
            f"{level['against_untasted']:+.1f} ({level['least']:+.1f} to {level['most']:+.1f})"
            if "least" in level
            else ""
        )
        songs = found["tastes"].get(name, {}).get("songs_lufs", [])
        rows.append(
            [
                name,
                f"{np.median(songs):.1f}" if songs else "",
                f"{level['lufs']:.1f}" if level else "",
                against,
                f"{motion['songs']:.3f}" if isinstance(motion, dict) else "",
                _number(motion["takes"] if isinstance(motion, dict) else motion),
            ]
        )
    heads = ["taste", "songs, LUFS", "takes, LUFS", "against untasted, LU", "motion of songs", "motion of takes"]
    return (
        table(heads, rows)
        + "\n\nMedians. *Against untasted*: the untasted take of the same prompt and seed; wanted: within 3 LU. *Motion*: the median "
        "cosine distance of the harmonic part's chroma from second to second; wanted: 0.10."
    )


def _words(found: dict[str, Any]) -> str:
    obeyed = found.get("words_obeyed") or {}
    if not obeyed:
        return ""
    by = ", ".join(f"{name} {share:.2f}" for name, share in obeyed.get("by_playlist", {}).items())
    tasted = _share(obeyed["with"]) if "with" in obeyed else "not measured"
    return (
        f"Words obeyed, by MTT_musicnn's tags ({len(found['conditions']['asked'])} prompts, each asking for what a tag says; "
        f"chance {1 / len(found['conditions']['asked']):.2f}): without a taste {_share(obeyed['without'])}, "
        f"with one {tasted}. By taste: {by}."
    )


def _invariance(found: dict[str, Any]) -> str:
    if not found:
        return "Not measured."
    rows = [
        [
            name,
            f"{one['cosine']:.3f}",
            f"{one['nearest_other']} ({one['its_cosine']:.3f})",
            "yes" if one["is_kept"] else "**no**",
        ]
        for name, one in found["variants"].items()
    ]
    loud = ", ".join(
        f"{name} {np.median(apart):+.1f} ({min(apart):+.1f} to {max(apart):+.1f})"
        for name, apart in found["takes_against_plain_lu"].items()
    )
    return (
        f"*{found['song']}*, and 12 other songs. Cosines are taken layer by layer and averaged. Wanted: 0.98 (8 kHz: 0.95), and nearer to "
        "the plain file than any other song.\n\n"
        + table(["form", "cosine to the plain file's taste", "nearest other song", "kept"], rows)
        + f"\n\nLoudness of takes made with the form's taste against those made with the plain file's, LU (four prompts): {loud}."
    )


def _directions(found: dict[str, Any]) -> str:
    if not found:
        return "Not measured."
    rows = []
    for word in ("plain", "centred"):
        for split, told in (("leave_one_out", "the tastes' songs, each left out"), ("held", "held-out songs")):
            figures = found.get(f"{word}_{split}")
            if figures:
                shares = [f"{figures['by_playlist'][name]:.2f}" for name in found["playlists"]]
                rows.append([word, told, _share(figures["of_four"]), _share(figures["of_all"]), *shares])
    layers = found.get("centred_leave_one_out", {}).get("by_layer", [])
    return (
        "Each song's own taste, put to the playlist with the nearest direction: no music is made, so this is what the directions know, "
        "obeyed or not. *Centred*: the mean of all playlists' directions is taken out first.\n\n"
        + table(["directions", "songs", "of four", "of eight", *found["playlists"]], rows)
        + "\n\nShare of eight by layer (centred, left out): "
        + ", ".join(f"{at}: {share:.2f}" for at, share in enumerate(layers))
        + "."
    )


def _judges(found: dict[str, Any]) -> str:
    rows = []
    for name, one in found["judges"].items():
        right = [
            f"{one[key]:.2f}"
            for key in ("of_four_song", "of_all_song", "of_four_window", "of_all_window")
            if key in one
        ]
        verdict = "" if "is_useful" not in one else "yes" if one["is_useful"] else "**no**"
        rows.append([name, one["role"], one["taught_on"], one["licence"], *(right or [""] * 4), verdict])
    heads = ["judge", "role", "taught on", "licence", "song of 4", "song of 8", "8 s of 4", "8 s of 8", "useful"]
    weak = "; ".join(
        f"{name}: " + ", ".join(f"{key} {share:.2f}" for key, share in one["of_all_by_playlist"].items())
        for name, one in found["judges"].items()
        if "of_all_by_playlist" in one
    )
    return (
        table(heads, rows)
        + "\n\nEach judge was tried on the 32 held-out songs: how often it names the right playlist of a whole song (six windows of 8 s) "
        f"and of one window. Below 0.75 of four a judge is useless. The embeddings are whitened by "
        f"what varies within the playlists of the tastes' songs, and a clip is named as the playlist whose mean has the largest cosine. "
        f"Right of eight by playlist (whole songs): {weak}."
    )


def _songs(found: dict[str, Any]) -> str:
    rows = [
        [name, ", ".join(found["material"]["songs"][name]), ", ".join(found["material"]["held"][name])]
        for name in PLAYLISTS
    ]
    return table(["playlist", "songs of the taste", "held out"], rows)


def _of(by_playlist: dict[str, Any], name: str) -> str:
    return f"{by_playlist[name]['share']:.2f}" if name in by_playlist else ""


def _share(one: dict[str, Any]) -> str:
    low, high = one["interval"]
    return f"{one['share']:.2f} ({low:.2f}-{high:.2f})"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def _picture(found: dict[str, Any], path: Path) -> None:
    """By judge: a bar for each playlist and arm, right of eight."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    judges = {judge: {arm: one for arm, one in arms.items() if one} for judge, arms in found["recognition"].items()}
    figure, axes = pyplot.subplots(len(judges), 1, figsize=(10, 3 * len(judges)), squeeze=False)
    for axis, (judge, arms) in zip(axes[:, 0], judges.items(), strict=True):
        width = 0.8 / max(1, len(arms))
        for at, (arm, figures) in enumerate(arms.items()):
            shares = [figures["of_eight_by_playlist"].get(name, _NOTHING) for name in PLAYLISTS]
            heights = np.array([one["share"] for one in shares])
            ends = np.array([one["interval"] for one in shares]).T
            axis.bar(
                np.arange(len(PLAYLISTS)) + at * width,
                heights,
                width,
                label=arm,
                yerr=np.abs(ends - heights),
                error_kw={"lw": 0.7},
            )
        axis.axhline(1 / len(PLAYLISTS), color="grey", lw=0.8, ls="--")
        axis.set_xticks(np.arange(len(PLAYLISTS)) + 0.4 - width / 2, PLAYLISTS)
        axis.set_ylim(0, 1)
        axis.set_title(f"{judge}: right playlist of eight (dashed: chance)")
        axis.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    pyplot.close(figure)
