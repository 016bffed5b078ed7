"""Entry point of `resonance`."""

from __future__ import annotations

import sys

from resonance.any_text import accept_any_text
from resonance.extras import missing_extra_named


def main() -> None:
    """Runs the command line. Missing extras, texts of no known encoding and closed pipes end in one sentence."""
    accept_any_text()
    with missing_extra_named("cli"):
        from resonance_cli.commands import app
        from resonance_cli.terminal import quiet_stdout
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        quiet_stdout()
        sys.exit("resonance: the reader of the output has closed it")
    except UnicodeError:
        sys.exit("resonance: an argument has bytes that are no UTF-8 text")


if __name__ == "__main__":
    main()
