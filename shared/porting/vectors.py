"""Golden vectors to take away: one algorithm's file as safetensors and as plain JSON, with a manifest of SHA-256."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from shared import files
from shared.checking import golden

MANIFEST = "manifest.json"
RULES = {
    "error": "max|got - wanted| / max|wanted| over one tensor; at most the case's tolerance in float64, "
    "1e-5 in float32, ten times that for values on the way (trace/)",
    "zero": "where everything wanted is zero: max|got|",
    "not finite": "NaN, Infinity and -Infinity must stand at the same places; they are left out of max|wanted|",
}


def write(path: str, folder: Path) -> list[Path]:
    """Writes `<path>.safetensors`, `<path>.json` and the manifest; the paths written.

    ValueError if the folder cannot be written to, or if its manifest is of something else.
    """
    listed = _manifest(folder)
    content = {f"{path}.safetensors": golden.file(path).read_bytes(), f"{path}.json": _text(path).encode()}
    written = []
    for name, data in content.items():
        files.open_folder((folder / name).parent)
        written.append(files.write(folder / name, data))
        listed["files"][name] = hashlib.sha256(data).hexdigest()
    listed["files"] = dict(sorted(listed["files"].items()))
    written.append(files.write(folder / MANIFEST, json.dumps(listed, indent=1).encode() + b"\n"))
    return written


def _manifest(folder: Path) -> dict[str, Any]:
    new = {"format": golden.FORMAT, "files": {}}
    if not (folder / MANIFEST).exists():
        return new
    try:
        found = json.loads((folder / MANIFEST).read_bytes())
        if found["format"] == golden.FORMAT and all(isinstance(x, str) for x in found["files"].values()):
            return {"format": golden.FORMAT, "files": dict(found["files"])}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        pass
    raise ValueError(f"{folder / MANIFEST} is no manifest of format {golden.FORMAT}: --out names another folder")


def _text(path: str) -> str:
    """The whole fixture as JSON; a tensor is its dtype, its shape, and its numbers in row-major order."""
    tensors, metadata = golden.content(path)
    head = {key: json.loads(value) if value[:1] in "{[" else value for key, value in metadata.items()}
    return json.dumps(
        {**head, "rules": RULES, "tensors": {name: _plain(x) for name, x in tensors.items()}},
        ensure_ascii=False,
        allow_nan=False,
    )


def _plain(array: np.ndarray) -> dict[str, Any]:
    """JSON has no NaN and no infinity: they are written as text."""
    data = array.reshape(-1).tolist()
    if array.dtype.kind == "f":
        words = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
        data = [words.get(str(x), x) for x in data]
    return {"dtype": str(array.dtype), "shape": list(array.shape), "data": data}
