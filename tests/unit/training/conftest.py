"""Import path of the training recipe's namespace package.

The package is at the repository's root, which pytest's import mode does not add by itself.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))
