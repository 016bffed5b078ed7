"""What several test folders share."""

import os

import pytest

# The long runs: `ROBUST=1 make test`. A sample of each runs on every push.
robust = pytest.mark.skipif(not os.environ.get("ROBUST"), reason="a long run: ROBUST=1 runs it")
