"""A function fits a screen, a module fits a head."""

import ast

import pytest

from support.repository import SOURCE_ROOTS, all_files, lines_of, name_of, python_files, tree_of

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60


@pytest.mark.parametrize("path", [pytest.param(path, id=name_of(path)) for path in python_files(*SOURCE_ROOTS)])
def test_modules_and_functions_are_short(path) -> None:
    too_long = [
        f"{node.name} has {length} lines"
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]
    assert too_long == []
    length = len(lines_of(path))
    assert length <= MODULE_LINES_MAX


def test_functions_of_tests_are_short() -> None:
    too_long = [
        f"{name_of(path)}:{node.lineno} {node.name}"
        for path in python_files("tests")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno >= FUNCTION_LINES_MAX
    ]
    assert too_long == []


def test_the_consoles_modules_are_short() -> None:
    sources = [path for path in all_files() if path.suffix in (".ts", ".tsx")]
    assert [name_of(path) for path in sources if len(lines_of(path)) > MODULE_LINES_MAX] == []
