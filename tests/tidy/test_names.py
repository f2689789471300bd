"""Metrics and bounds carry their unit in their name."""

import ast
import re

import pytest
from prometheus_client import REGISTRY

import granslos.runtime.metrics
from support.repository import ROOT, name_of, python_files, tree_of

KINDS = {"Counter", "Gauge", "Histogram", "Summary", "Info", "Enum"}
METRIC = re.compile(r"^granslos(_[a-z][a-z0-9]*)+$")
NOT_BASE = re.compile(r"_(ms|us|ns|millis\w*|micros\w*|minutes|hours|days|kb|mb|kib|mib|percent|pct|cnt|num|avg)(_|$)")
STATES = {"connected", "halted", "island", "known", "ready", "up"}
"""What a gauge of 0 or 1 may end in: a state, which has no unit."""
UNITS = {"seconds", "bytes", "ratio", "metres"}

BOUND = re.compile(
    r"^[A-Z][A-Z0-9_]*_(SECONDS|MILLISECONDS|BYTES|METRES|DEGREES|RATIO|ZONE)(_MIN|_MAX)?$|^[A-Z][A-Z0-9_]*S(_[A-Z]+)?_(MIN|MAX|DEFAULT)$"
)


def _metrics() -> list[tuple[str, str, str]]:
    found = []
    for path in python_files("platform", "adapters", "loadtests"):
        for node in ast.walk(tree_of(path)):
            if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
                continue
            kind = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            name = node.args[0].value
            if kind in KINDS and isinstance(name, str) and len(node.args) > 1:
                found.append((f"{name_of(path)}:{node.lineno}", kind, name))
    return found


METRICS = _metrics()


def test_there_are_metrics() -> None:
    assert len(METRICS) > 30


@pytest.mark.parametrize(("where", "kind", "name"), METRICS, ids=[name for _, _, name in METRICS])
def test_a_metric_is_named_by_noun_and_base_unit(where: str, kind: str, name: str) -> None:
    assert METRIC.match(name), where
    assert not NOT_BASE.search(name), where
    assert (kind == "Counter") == name.endswith("_total"), where
    last = name.removesuffix("_total").rpartition("_")[2]
    if kind in ("Histogram", "Summary"):
        assert last in UNITS, where
    elif kind != "Info":
        # What is counted is a noun in the plural.
        assert last in UNITS or last in STATES or last.endswith("s"), where


def test_no_metric_is_named_twice() -> None:
    names = [name for _, _, name in METRICS]
    assert [name for name in names if names.count(name) > 1] == []


def test_no_label_can_hold_a_case_or_a_person() -> None:
    forbidden = {
        "incident",
        "incident_id",
        "handover",
        "command_id",
        "operator",
        "user",
        "unit",
        "unit_id",
        "phone",
        "name",
    }
    collectors = set(REGISTRY._names_to_collectors.values())
    assert granslos.runtime.metrics.COMMANDS in collectors
    labels = {label for collector in collectors for label in getattr(collector, "_labelnames", ())}
    assert labels & forbidden == set()


def _bounds() -> list[tuple[str, bool]]:
    body = tree_of(ROOT / "platform/granslos/runtime/limits.py").body
    return [
        (target.id, _is_docstring(following))
        for statement, following in zip(body, [*body[1:], None], strict=True)
        if isinstance(statement, ast.Assign | ast.AnnAssign)
        for target in (statement.targets if isinstance(statement, ast.Assign) else [statement.target])
        if isinstance(target, ast.Name)
    ]


def _is_docstring(node: ast.stmt | None) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


BOUNDS = _bounds()


@pytest.mark.parametrize(("name", "explained"), BOUNDS, ids=[name for name, _ in BOUNDS])
def test_a_bound_has_a_unit_and_a_reason(name: str, explained: bool) -> None:
    assert BOUND.match(name)
    assert explained


def test_every_bound_bounds_something() -> None:
    code = "\n".join(
        path.read_text(encoding="utf-8") for path in python_files("platform", "adapters") if path.name != "limits.py"
    )
    assert [name for name, _ in BOUNDS if not re.search(rf"\b{name}\b", code)] == []


def test_every_metric_of_the_node_is_fed() -> None:
    """A metric that nothing feeds says 0 for ever, which somebody will believe at three in the morning."""
    names = {
        target.id
        for statement in tree_of(ROOT / "platform/granslos/runtime/metrics.py").body
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    code = "\n".join(path.read_text(encoding="utf-8") for path in python_files("platform", "adapters"))
    assert [name for name in sorted(names) if f"metrics.{name}" not in code] == []
