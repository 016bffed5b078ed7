"""Picture child: `PYTHON diffusers_worker.py ORDER` makes one picture by a pipeline of diffusers that lies in a folder.

It is run as a file by the operator's own interpreter, so it imports nothing of this package; diffusers and torch are imported here alone.
"""

from __future__ import annotations

import inspect
import json
import os
import runpy
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    """Prints one line of JSON: empty where the picture is written, else a reason and a message."""
    order = json.loads(Path(sys.argv[1]).read_text())
    confinement = runpy.run_path(order["confinement"])
    confinement["leave_network"]()
    confinement["die_with_parent"]()
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", DIFFUSERS_VERBOSITY="error")
    try:
        answer = _draw(order)
    except ImportError as failure:
        answer = _refused("LIBRARY_MISSING", f"{sys.executable} cannot import {failure.name or 'a library'}")
    except Exception as failure:  # a pipeline raises whatever its parts raise
        answer = _refused("PIPELINE_FAILED", f"{type(failure).__name__}: {str(failure)[:300]}")
    print(json.dumps(answer), flush=True)


def _draw(order: dict[str, Any]) -> dict[str, str]:
    import diffusers
    import torch

    is_cuda = torch.cuda.is_available()
    pipeline = diffusers.DiffusionPipeline.from_pretrained(
        order["folder"],
        local_files_only=True,
        use_safetensors=True,  # other weights can hold code
        torch_dtype=torch.float16 if is_cuda else torch.float32,
    )
    pipeline.to("cuda" if is_cuda else "cpu")
    pipeline.set_progress_bar_config(disable=True)
    wanted = {
        "prompt": order["prompt"],
        "negative_prompt": "text, captions, logos",
        "width": order["width"],
        "height": order["height"],
        "num_inference_steps": order["steps"],
        "generator": torch.Generator("cpu").manual_seed(order["seed"]),
    }
    known = inspect.signature(pipeline.__call__).parameters
    result = pipeline(**{name: value for name, value in wanted.items() if name in known})
    if not getattr(result, "images", None):
        return _refused("NO_PICTURE", "the pipeline makes no pictures")
    if any(getattr(result, "nsfw_content_detected", None) or ()):
        return _refused("REFUSED", "the pipeline's own filter took the picture; say it in other words")
    result.images[0].convert("RGB").save(order["target"], format="PNG")
    return {}


def _refused(reason: str, message: str) -> dict[str, str]:
    return {"reason": reason, "message": message}


if __name__ == "__main__":
    main()
