"""The console's sources: types, lint and unit tests; and the script that builds them."""

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONSOLE = Path(__file__).resolve().parents[2] / "platform" / "granslos" / "console"
BUILD = CONSOLE / "build.py"
UNIT_TESTS_MIN = 220


async def build(*arguments: str, folder: Path, **environment: str) -> tuple[int, str, str]:
    """Runs the build script and returns its exit code and what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(folder / "build.py"), *arguments),
        env=os.environ | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, error = await process.communicate()
    return process.returncode or 0, out.decode(), error.decode()


@pytest.fixture(scope="module")
def checked() -> subprocess.CompletedProcess[str]:
    """What the check of the real sources says; it also installs everything that the copies below lean on."""
    return subprocess.run([sys.executable, str(BUILD), "--check"], capture_output=True, text=True, check=False)


@pytest.fixture
def copied(tmp_path: Path, checked: subprocess.CompletedProcess[str]) -> Path:
    """The sources with their installed packages, in a folder of their own."""
    assert checked.returncode == 0, checked.stderr
    folder = tmp_path / "console"
    shutil.copytree(CONSOLE, folder, ignore=shutil.ignore_patterns("node_modules", "static*", "lock"))
    (folder / "node_modules").symlink_to(CONSOLE / "node_modules")
    return folder


@pytest.mark.timeout(400)
def test_types_lint_and_unit_tests_pass(checked: subprocess.CompletedProcess[str]) -> None:
    assert checked.returncode == 0, checked.stderr
    passed = next(line for line in checked.stdout.splitlines() if line.strip().startswith("Tests "))
    assert int(passed.split()[1]) >= UNIT_TESTS_MIN, passed


async def test_a_missing_word_in_english_does_not_compile(copied: Path) -> None:
    english = copied / "src" / "i18n" / "en.ts"
    english.write_text(english.read_text().replace('  title: "Gränslös",\n', ""))
    code, _, error = await build("--check", folder=copied)
    assert code == 1
    assert "types failed" in error
    assert "'title' is missing" in error


async def test_building_again_without_a_change_does_nothing_and_a_change_builds(copied: Path) -> None:
    assert (await build(folder=copied))[1].startswith("console: built in")
    assert (await build(folder=copied))[1] == ""
    before = (copied / "static" / "index.html").read_text()
    (copied / "index.html").write_text((copied / "index.html").read_text().replace("<title>Gränslös", "<title>Annat"))
    assert (await build(folder=copied))[1].startswith("console: built in")
    after = (copied / "static" / "index.html").read_text()
    assert "<title>Annat" in after
    assert after != before


async def test_a_test_of_the_sources_is_no_reason_to_build(copied: Path) -> None:
    await build(folder=copied)
    (copied / "src" / "feed" / "later.test.ts").write_text("// nothing")
    assert (await build(folder=copied))[1] == ""


async def test_two_at_once_both_succeed_and_one_builds(copied: Path) -> None:
    both = await asyncio.gather(build(folder=copied), build(folder=copied))
    assert [code for code, _, _ in both] == [0, 0]
    assert sorted(out[:14] for _, out, _ in both) == ["", "console: built"]


async def test_a_fault_in_the_sources_is_said_and_the_old_build_stays(copied: Path) -> None:
    await build(folder=copied)
    before = (copied / "static" / "index.html").read_bytes()
    (copied / "src" / "main.tsx").write_text('import "./nowhere";\n')
    code, _, error = await build(folder=copied)
    assert code == 1
    assert "console: build failed" in error
    assert "./nowhere" in error
    assert (copied / "static" / "index.html").read_bytes() == before


async def test_the_build_can_be_left_out(copied: Path) -> None:
    code, out, _ = await build(folder=copied, GRANSLOS_SKIP_UI="1")
    assert (code, out) == (0, "console: skipped (GRANSLOS_SKIP_UI=1)\n")
    assert not (copied / "static").exists()


def test_the_lock_names_no_registry() -> None:
    assert '"resolved"' not in (CONSOLE / "package-lock.json").read_text()
