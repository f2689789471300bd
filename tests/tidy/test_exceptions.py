"""Every exception from a tool's rule, and every broad ``except``, is there for a reason that is written down."""

import ast
import re

from support.repository import ROOT, SOURCE_ROOTS, all_files, lines_of, name_of, python_files, tree_of

REASON = re.compile(r"--\s+\S|\bbecause\s+\S|#\s*\S+ \S+")
"""mypy wants a comment of its own behind its exception, so there a second ``#`` does."""
PYTHON_EXCEPTION = re.compile(r"#\s*(noqa|type:\s*ignore|mypy:|nosec|pragma:|fmt:\s*(off|skip))")
TYPESCRIPT_EXCEPTION = re.compile(r"(biome-ignore\b(?!.*:\s*\S)|@ts-(ignore|nocheck|expect-error)\s*$|eslint-disable)")

EXCEPTION_LIST = re.compile(r'("[^"]+"|ignore|DEP\d+|exclude|exhaustive_ignores|ignore_imports|filterwarnings|module) = \[')
"""Settings of pyproject.toml that let something pass."""

BROAD_HANDLERS = {
    "platform/granslos/runtime/process.py": "the outermost shell: every end of a process becomes an exit code",
    "platform/granslos/journal/writer.py": "one command's bug ends that command, and not the others of its group",
    "platform/granslos/projection/projector.py": "an event that breaks its fold is parked, and the site goes on",
    "platform/granslos/projection/rebuild.py": "the same when the read model is made again",
    "platform/granslos/node.py": "the supervisor: a task that dies of a bug is restarted, and said",
}
"""Where ``except Exception`` (or ``BaseException``, or a bare one) may stand without raising again, and why."""


def test_every_exception_of_a_line_has_its_reason() -> None:
    found = [
        f"{name_of(path)}:{number}"
        for path in python_files(*SOURCE_ROOTS, "tests")
        for number, line in enumerate(lines_of(path), 1)
        if (exception := PYTHON_EXCEPTION.search(line)) and not REASON.search(line[exception.end() :])
        if path.name != "test_exceptions.py"
    ]
    assert found == []


def test_every_exception_of_a_typescript_line_has_its_reason() -> None:
    found = [
        f"{name_of(path)}:{number}"
        for path in all_files()
        if path.suffix in (".ts", ".tsx")
        for number, line in enumerate(lines_of(path), 1)
        if TYPESCRIPT_EXCEPTION.search(line)
    ]
    assert found == []


def test_every_exception_in_the_configuration_has_its_reason() -> None:
    silent, inside = [], False
    for number, line in enumerate(lines_of(ROOT / "pyproject.toml"), 1):
        opened = EXCEPTION_LIST.match(line)
        inside = inside or opened is not None
        holds_entry = re.search(r'"', line.removeprefix(opened[0]) if opened else line)
        if inside and holds_entry and line != 'filterwarnings = ["error"]' and not REASON.search(line):
            silent.append(f"pyproject.toml:{number} {line.strip()}")
        if "]" in line.partition("#")[0]:
            inside = False
    assert silent == []


def test_broad_handlers_are_listed() -> None:
    found = {
        name_of(path)
        for path in python_files(*SOURCE_ROOTS)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ExceptHandler) and _is_broad(node) and not _raises_again(node)
    }
    assert found <= set(BROAD_HANDLERS)


def _is_broad(handler: ast.ExceptHandler) -> bool:
    names = {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)} if handler.type else set()
    return handler.type is None or bool(names & {"Exception", "BaseException"})


def _raises_again(handler: ast.ExceptHandler) -> bool:
    """A handler that only tidies up and raises the same exception hides nothing."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None
