"""This repository as a set of files, for tests that read it."""

import ast
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE_ROOTS = ("platform", "adapters", "migrations", "ops", "loadtests", "docs")
"""Where program code lives; tests are apart."""

_NOT_OURS = frozenset(
    {".demo", ".git", ".hypothesis", ".import_linter_cache", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".venv"}
    | {"__pycache__", "build", "dist", "node_modules", "static"}
)
_TEXT = frozenset(
    {".bash", ".cfg", ".conf", ".css", ".hcl", ".html", ".ini", ".j2", ".js", ".json", ".lock", ".md", ".mjs", ".py"}
    | {".service", ".sh", ".sql", ".svg", ".toml", ".ts", ".tsx", ".txt", ".yaml", ".yml"}
)


@cache
def all_files() -> tuple[Path, ...]:
    """Return every file that is ours, sorted; built, fetched and ignored ones are left out."""
    found: list[Path] = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = sorted(name for name in folders if name not in _NOT_OURS and not name.endswith(".egg-info"))
        found += [Path(folder, name) for name in sorted(names)]
    return tuple(found)


def text_files() -> Iterator[Path]:
    """Yield the files that people write and read."""
    for path in all_files():
        if path.suffix in _TEXT or not path.suffix:
            yield path


def python_files(*roots: str) -> Iterator[Path]:
    """Yield the Python files below these folders of the repository."""
    for path in all_files():
        if path.suffix == ".py" and name_of(path).partition("/")[0] in roots:
            yield path


def name_of(path: Path) -> str:
    """Return a file's path inside the repository, for messages."""
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    """Return a Python file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def lines_of(path: Path) -> list[str]:
    """Return a text file's lines."""
    return path.read_text(encoding="utf-8").splitlines()
