"""Files are where a newcomer looks for them."""

import ast
import subprocess
import sys
import tomllib

import pytest

from support.repository import ROOT, all_files, name_of, python_files, tree_of

AGGREGATES = {
    "domain": ("handover", "incident", "unit", "centre", "booking", "operator"),
    "application": ("handover", "incident", "unit", "booking", "operator"),
}


def test_source_roots_and_tests_are_no_packages() -> None:
    """An ``__init__.py`` in platform/ would hide the standard library's module of that name."""
    found = [
        name_of(path)
        for path in all_files()
        if path.name == "__init__.py" and (path.parent.parent == ROOT or name_of(path).startswith("tests/"))
    ]
    assert found == []


@pytest.mark.parametrize("way", [["-c"], ["-m", "timeit", "-n", "1", "-r", "1", "-s"]])
def test_the_standard_library_is_not_hidden_from_the_repositorys_root(way: list[str]) -> None:
    check = "import platform; assert platform.system()"
    assert subprocess.run([sys.executable, *way, check], cwd=ROOT, check=False, capture_output=True).returncode == 0


@pytest.mark.parametrize(("folder", "stem"), [(f, stem) for f, stems in AGGREGATES.items() for stem in stems])
def test_every_aggregate_has_its_file_stem(folder: str, stem: str) -> None:
    names = {path.stem for path in (ROOT / "platform/granslos" / folder).glob("*.py")}
    assert any(name == stem or name.startswith(f"{stem}_") for name in names)


def test_every_package_says_what_belongs_there() -> None:
    silent = [
        name_of(path)
        for path in python_files("platform", "adapters")
        if path.name == "__init__.py" and not ast.get_docstring(tree_of(path))
    ]
    assert silent == []


def test_every_folder_of_python_below_the_source_roots_is_a_package() -> None:
    folders = {path.parent for path in python_files("platform", "adapters")}
    # The console is TypeScript; its one script is run by make.
    folders -= {ROOT / "platform/granslos/console"}
    assert [name_of(folder) for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []


def _contracts() -> dict[str, dict[str, list[str]]]:
    document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {contract["name"].split()[0]: contract for contract in document["tool"]["importlinter"]["contracts"]}


def _parts() -> set[str]:
    folder = ROOT / "platform/granslos"
    packages = {path.parent.name for path in folder.glob("*/__init__.py")}
    modules = {path.stem for path in folder.glob("*.py") if path.stem != "__init__"}
    return {f"granslos.{name}" for name in packages | modules}


def test_adapters_are_kept_out_of_every_part_of_the_node() -> None:
    forbidden = set(_contracts()["Adapters"]["forbidden_modules"])
    assert forbidden == _parts() - {"granslos.contract", "granslos.runtime", "granslos.__main__"}


@pytest.mark.parametrize(
    ("contract", "allowed"),
    [
        ("NATS", {"granslos.stream", "granslos.intake", "granslos.replication"}),
        ("SQL", {"granslos.journal", "granslos.projection", "granslos.readmodel", "granslos.local"}),
    ],
)
def test_the_contracts_on_libraries_name_every_part(contract: str, allowed: set[str]) -> None:
    # The command line only calls others; what it must not import is checked by the layers below it.
    named = set(_contracts()[contract]["source_modules"]) | allowed
    assert named >= _parts() - {"granslos.cli", "granslos.__main__"}
