"""Entry point of `resonance`."""

from __future__ import annotations

from resonance_cli.commands import app


def main() -> None:
    """Runs the command line."""
    app()


if __name__ == "__main__":
    main()
