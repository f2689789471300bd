"""``granslos conform KIND FILE…``: what this release understands of a message, what it keeps, and every defect.

A sender can test with it, without a node. One object per message, or one line of JSON with ``--json``:
``{"file", "understood": {…}, "kept": […], "defects": [{"code", "where", "text"}]}``. Exit code 0: all understood; 1: with
defects; 2: something could not be read (its object is printed all the same).
"""

import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

MODULES: dict[str, str] = {
    **dict.fromkeys(("eido", "pidf", "sip", "aml", "msd", "cap", "additional"), "granslos_adapters.emergency.conform"),
    **dict.fromkeys(("pei", "sds", "lip", "status"), "granslos_adapters.rakel.conform"),
}
"""Which module reads which kind."""
BYTES_MAX = 64 * 1024 * 1024
"""Largest input read; a larger one is a defect of its own."""
UNREADABLE = "unreadable"


def run_conform(kind: str, files: Sequence[str], *, as_json: bool) -> int:
    """Read ``files`` (``-`` is stdin), print what was understood, and return the exit code."""
    if kind not in MODULES:
        sys.stderr.write(f"granslos conform: no kind {kind!r}; there are {', '.join(sorted(MODULES))}\n")
        return 2
    conform = importlib.import_module(MODULES[kind]).conform
    worst = 0
    for name in files or ("-",):
        for found in _one(conform, kind, name):
            worst = max(worst, _code(found))
            sys.stdout.write((json.dumps(found, ensure_ascii=False) if as_json else _text(found)) + "\n")
    return worst


def _one(conform: Any, kind: str, name: str) -> list[dict[str, Any]]:
    try:
        data = sys.stdin.buffer.read(BYTES_MAX + 1) if name == "-" else _read(Path(name))
    except OSError as error:
        return [_failed(name, error.strerror or type(error).__name__)]
    if len(data) > BYTES_MAX:
        return [_failed(name, f"larger than {BYTES_MAX} bytes")]
    return [{"file": name, **found} for found in conform(kind, data)]


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(BYTES_MAX + 1)


def _failed(name: str, text: str) -> dict[str, Any]:
    return {"file": name, "understood": {}, "kept": [], "defects": [{"code": UNREADABLE, "where": "", "text": text}]}


def _code(found: dict[str, Any]) -> int:
    if not found["understood"] and found["defects"]:
        return 2
    return 1 if found["defects"] else 0


def _text(found: dict[str, Any]) -> str:
    lines = [f"{found['file']}:"]
    lines += [f"  {name}: {value}" for name, value in found["understood"].items()]
    lines += [f"  kept: {value}" for value in found["kept"]]
    lines += [f"  defect {d['code']} at {d['where'] or '-'}: {d['text']}" for d in found["defects"]]
    return "\n".join(lines)
