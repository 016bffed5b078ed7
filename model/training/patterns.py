"""Pattern banks: drums, comping, bass and melody rhythms.

Each string is one bar of sixteenths. Drums are ordered by tier of energy.
"""

from __future__ import annotations

from typing import Final

KICK, RIM, SNARE, CLAP, HAT, OPEN, LOW_TOM, HIGH_TOM, CRASH, RIDE = 36, 37, 38, 39, 42, 46, 45, 48, 49, 51

Bar = dict[int, str]

# Each style: three tiers (calm, moving, driving), each with its variants. "X" is an accent, "x" a plain stroke.
DRUM_BARS: Final[dict[str, tuple[tuple[Bar, ...], ...]]] = {
    "rock": (
        ({KICK: "X.......X.......", RIM: "....x.......x...", HAT: "x...x...x...x..."},),
        (
            {KICK: "X.......X.x.....", SNARE: "....X.......X...", HAT: "x.x.x.x.x.x.x.x."},
            {KICK: "X.....x.X.......", SNARE: "....X.......X...", HAT: "x.x.x.x.x.x.x.x."},
        ),
        (
            {KICK: "X.x...x.X.x.....", SNARE: "....X.......X..x", OPEN: "X.x.X.x.X.x.X.x."},
            {KICK: "X...X...X...X...", SNARE: "....X.......X.X.", CRASH: "X...............", HAT: "x.x.x.x.x.x.x.x."},
        ),
    ),
    "boombap": (
        ({KICK: "X.........x.....", RIM: "....x.......x...", HAT: "x...x...x...x..."},),
        (
            {KICK: "X.......x.X.....", SNARE: "....X.......X...", HAT: "x.x.x.x.x.x.x.x."},
            {KICK: "X.....x...X.....", SNARE: "....X.......X...", HAT: "x.x.x.x.x.x.x.x."},
        ),
        ({KICK: "X.x.....X.x...x.", SNARE: "....X.......X...", HAT: "x.x.X.x.x.x.X.x.", CRASH: "X..............."},),
    ),
    "trap": (
        ({KICK: "X.........x.....", CLAP: "........x.......", HAT: "x...x...x...x..."},),
        ({KICK: "X.....x...X.....", CLAP: "........X.......", HAT: "x.x.x.x.x.x.x.x."},),
        ({KICK: "X..x..x...X..x..", CLAP: "........X.......", HAT: "xxx.xxxxx.x.xxxx"},),
    ),
    "house": (
        ({KICK: "X...x...X...x...", HAT: "..x...x...x...x."},),
        (
            {KICK: "X...X...X...X...", CLAP: "....x.......x...", HAT: "..x...x...x...x."},
            {KICK: "X...X...X...X...", CLAP: "....x.......x...", HAT: "x.x.x.x.x.x.x.x."},
        ),
        (
            {KICK: "X...X...X...X...", CLAP: "....X.......X...", OPEN: "..X...X...X...X.", HAT: "x..xx..xx..xx..x"},
            {KICK: "X...X...X...X.x.", SNARE: "....X.......X..x", OPEN: "..X...X...X...X.", HAT: "xxxxxxxxxxxxxxxx"},
        ),
    ),
    "swing": (
        ({RIDE: "x...x.x.x...x.x."},),
        ({RIDE: "x...X.x.x...X.x.", HAT: "....x.......x...", KICK: "x.........x....."},),
        ({RIDE: "X...X.x.X...X.x.", SNARE: "......x.......x.", KICK: "X...x...X...x...", HAT: "....X.......X..."},),
    ),
    "funk": (
        ({KICK: "X.........x.....", RIM: "....x.......x...", HAT: "x.x.x.x.x.x.x.x."},),
        (
            {KICK: "X.x.......x..x..", SNARE: "....X..x.x..X...", HAT: "x.x.x.x.x.x.x.x."},
            {KICK: "X..x..x...x.....", SNARE: "....X.......X..x", HAT: "x.x.x.x.x.x.x.x."},
        ),
        ({KICK: "X.xx..x...x..x..", SNARE: "....X..x.x..X..x", HAT: "xxxxxxxxxxxxxx.x", OPEN: "..............X."},),
    ),
    "toms": (
        ({LOW_TOM: "X.......x......."},),
        ({LOW_TOM: "X.....x.X.....x.", KICK: "X.......X......."},),
        (
            {
                LOW_TOM: "X.x.X.x.X.x.X.x.",
                KICK: "X...X...X...X...",
                HIGH_TOM: "......x.......xx",
                CRASH: "X...............",
            },
            {LOW_TOM: "X..x..x.X..x..x.", KICK: "X.....X.X.....X.", SNARE: "....X.......X.xx"},
        ),
    ),
    "brushes": (
        ({HAT: "x...x...x...x..."}, {RIM: "....x.......x..."}),
        ({KICK: "x.......x.......", RIM: "....x.......x...", HAT: "x.x.x.x.x.x.x.x."},),
        ({KICK: "X...x...X...x...", SNARE: "....X.......X...", HAT: "x.x.x.x.x.x.x.x."},),
    ),
}

FILLS: Final[tuple[Bar, ...]] = (
    {SNARE: "........x.x.xxxx"},
    {HIGH_TOM: "........xx......", LOW_TOM: "............xx..", SNARE: "..............XX"},
    {SNARE: "........X..X..X.", KICK: "........X..X..X."},
    {HIGH_TOM: "............xx..", LOW_TOM: "..............xx"},
    {HIGH_TOM: "........X.x.....", LOW_TOM: "............X.x.", KICK: "........X...X..."},
    {SNARE: "........x...x.xX", KICK: "........X.X.X.X."},
    {LOW_TOM: "........x.x.....", HIGH_TOM: "............x.x.", SNARE: ".............X.X"},
)

# Comping rhythms: "X"/"x" starts the chord, "-" holds it, "." is silence.
CHORD_BARS: Final = {
    "block": ("X-------X-------", "X-----x-x-------"),
    "late": ("X-----x---------", "x---..x-------..", "..x---....x---.."),
    "power": ("X-x-x-x-X-x-x-x-", "X---x-x-X---x-x-", "X-X-..x-X-X-..x-"),
    "strum": ("X---x-x---x-x-x-", "X---x---X-x-x-x-", "X-x-x-x-X-x-x-x-"),
    "stabs": ("X-....X-....X-..", "..X-..X-..X-..X-", "X-.X-.X-..X-.X-."),
    "comp": ("X-....x---......", "....x-....x---..", "X---..x-....x-.."),
    "chops": ("..x...x...x...x.", "x..x..x...x..x..", "....x..x....x..x"),
    "ostinato": ("X-x-x-x-X-x-x-x-", "X-xxX-xxX-xxX-xx"),
}

# Broken chords: digits index the voicing.
BROKEN_BARS: Final = {
    "alberti": ("0.2.1.2.0.2.1.2.", "0212021202120212"),
    "arpeggio": ("0.1.2.3.2.1.0.1.", "0...1...2...1...", "0.1.2.1.3.1.2.1."),
    "arp": ("0123012301230123", "0.2.1.3.0.2.1.3.", "0.1.2.3.0.1.2.3.", "3.2.1.0.3.2.1.0."),
}

# Bass: "0" root, "1" octave above, "5" fifth, "3" third, "-" holds.
BASS_BARS: Final = {
    "roots": ("0-------0-------", "0-----0-0-------", "0---------0-----"),
    "eighths": ("0-0-0-0-0-0-0-0-",),
    "octaves": ("0-1-0-1-0-1-0-1-", "0..10..10..10..1"),
    "offbeat": ("..0-..0-..0-..0-", "..00..00..00..00"),
    "walking": ("0---3---5---3---", "0---5---1---5---", "0-0-3-3-5-5-3-3-"),
    "syncopated": ("0--0..0-..0-....", "0-....0-0-.0..1.", "0..0--0...5-0-.."),
    "fifths": ("0---5---0---5---",),
    "drone": ("0---------------",),
}

# A melody's first bar, by pace (calm, moving, driving); what follows it in `phrases` is made from it.
MELODY_BARS: Final = (
    ("x-------x-------", "x-----------x---", "....x-------x---"),
    ("x---x---x-x-x---", "x-----x-x---x-x-", "x-x-x---x-----x-", "..x-x-x-x-------"),
    ("x-x-x-x-x-x-x-x-", "x--x--x-x--x--x-", "x-xxx-x-x-xxx-x-", "x-x-xxx-..x-x-x-"),
)
