"""Tests wait for conditions, and skip only with a reason."""

import ast

from support.repository import name_of, python_files, tree_of

SLEEPS = {("time", "sleep"), ("asyncio", "sleep"), ("anyio", "sleep"), ("trio", "sleep")}
MARKS_WITH_REASON = {"skip", "skipif", "xfail"}


def _tests() -> list[tuple[str, ast.Module]]:
    return [(name_of(path), tree_of(path)) for path in python_files("tests") if not name_of(path).startswith("tests/support/")]


def test_no_test_sleeps() -> None:
    found = [
        f"{name}:{node.lineno}"
        for name, tree in _tests()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _dotted(node.func) in SLEEPS and not _yields_only(node)
    ]
    found += [
        f"{name}:{node.lineno}"
        for name, tree in _tests()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and any(alias.name == "sleep" for alias in node.names)
    ]
    assert found == []


def _dotted(node: ast.expr) -> tuple[str, str] | None:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return node.value.id, node.attr
    return None


def _yields_only(call: ast.Call) -> bool:
    """``sleep(0)`` lets no time pass: it gives the other tasks their turn."""
    return bool(call.args) and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0


def test_whatever_is_skipped_says_why() -> None:
    found = [
        f"{name}:{node.lineno}"
        for name, tree in _tests()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in MARKS_WITH_REASON
        and isinstance(node.func.value, ast.Attribute)
        and node.func.value.attr == "mark"
        and not any(keyword.arg == "reason" for keyword in node.keywords)
    ]
    assert found == []


def test_every_test_can_fail() -> None:
    """A test without an assertion, an expected exception or a helper that checks proves nothing."""
    found = [
        f"{name}:{node.lineno} {node.name}"
        for name, tree in _tests()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not any(isinstance(inner, ast.Assert | ast.Call) for inner in ast.walk(node))
    ]
    assert found == []
