"""Several sites on this machine, as one object: the demo, the drills and the tests all use it.

async with LocalCluster(directory=Path("/var/tmp/x"), sites=3, adapters=("eido",)) as cluster:
    await cluster.kill("vas")            # SIGKILL, and it stays down
    await cluster.links.isolate("esk")   # a black hole around a site
    await cluster.start("vas")
"""

import asyncio
import contextlib
import fcntl
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import msgspec
import structlog

from granslos.local import nats as local_nats
from granslos.local import postgres, process_specs
from granslos.local.credentials import DEMO_KEY, demo_tokens, load_passwords, make_keys
from granslos.local.errors import LocalError, RefusedError
from granslos.local.faults import Faults
from granslos.local.layout import Layout, take
from granslos.local.limits import HUBS_READY_SECONDS, PROBE_INTERVAL_SECONDS, SYNC_TIMEOUT_SECONDS
from granslos.local.links import LinkControl
from granslos.local.plan import SITES_DEFAULT, Plan, Policy, regions_of, witness_of
from granslos.local.probes import nats_greets
from granslos.local.run_file import RunFile, run_document
from granslos.local.site_files import write_files
from granslos.local.supervisor import Supervisor
from granslos.replication.guard_child import Child

log = structlog.get_logger("cluster")


class KeptCluster(msgspec.Struct, frozen=True, kw_only=True):
    """What a directory remembers of its cluster: a second start continues with it."""

    sites: int
    base: int


@dataclass(frozen=True)
class LocalSite:
    """One site as tests and drills see it; addresses carry their credentials.

    Attributes:
        code, name: Of the site.
        http: URL of the node.
        nats_url: URL of the edge.
        hub_url: URL of the site's own hub, as its node uses it.
        hub_urls: The same of all hubs, own first, the others through the links.
        system_url: URL of the system account at the own hub.
        hub_monitor: URL of the own hub's monitoring.
        dsn: Of the database.
        adapters: Name → URL.
        config: The site file.
        guard_status: The guard's status file.
    """

    code: str
    name: str
    http: str
    nats_url: str
    hub_url: str
    hub_urls: tuple[str, ...]
    system_url: str
    hub_monitor: str
    dsn: str
    adapters: dict[str, str]
    config: Path
    guard_status: Path
    _pids: Callable[[], dict[str, int | None]] = field(repr=False)

    @property
    def pids(self) -> dict[str, int | None]:
        """Process ids by process; None for one that does not run."""
        return self._pids()


@dataclass(kw_only=True)
class LocalCluster(Faults):
    """A cluster of sites; runs between `async with` or between `open` and `close`.

    Attributes:
        directory: Where everything lives; PostgreSQL's account must be able to enter it.
        sites: How many; None for what the directory has, or three.
        base_port: First port of the block; None chooses a free one and keeps it.
        wan_delay_ms: One-way delay between sites.
        nodes: Whether the nodes run, or only the servers.
        adapters: Names of the adapters that run.
        traffic: Whether simulated callers, operators and crews run.
        speed, seed: Of the traffic; the seed also of the links' dice.
        policy: The region's choices.
        wait_for_disk: Whether a new cluster is ready only when its databases are on the disk, safe from a power loss.
        node_command, guard_command: How they are started; `--config SITE.toml` is appended.
    """

    directory: Path
    sites: int | None = None
    base_port: int | None = None
    wan_delay_ms: float = 0.0
    nodes: bool = True
    adapters: tuple[str, ...] = ()
    traffic: bool = False
    speed: float = 1.0
    seed: int = 1
    policy: Policy = field(default_factory=Policy)
    wait_for_disk: bool = True
    node_command: tuple[str, ...] = field(default_factory=process_specs.node_command)
    guard_command: tuple[str, ...] = field(default_factory=process_specs.guard_command)
    tokens: dict[str, str] = field(default_factory=dict, init=False)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def open(self) -> None:
        """Starts everything and returns when all nodes and adapters are ready.

        Raises:
            RefusedError: It cannot run here; nothing was started.
            StartError: A process did not become ready; everything was stopped again.
        """
        self._lock = self._locked()
        self._claim: socket.socket | None = None
        self._supervisor: Supervisor | None = None
        self._mtimes: dict[str, int] = {}
        self._hub_pids: dict[str, int | None] = {}
        self._published = False
        try:
            how = self._prepare()
            self._supervisor = Supervisor(self.directory, self._changed, self._guards_changed)
            await self._start(how)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Stops everything in order; leaves data, logs and hold files."""
        self._published = False
        RunFile(self.run_file).remove()
        try:
            if self._supervisor is not None:
                await self._supervisor.stop()
        finally:
            self._supervisor = None
            if self._claim is not None:
                self._claim.close()
            self._lock.close()

    def _locked(self) -> IO[str]:
        self.directory = self.directory.absolute()
        self.directory.mkdir(parents=True, exist_ok=True)
        lock = os.fdopen(os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT, 0o644), "r+", encoding="ascii")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = lock.read().strip()
            lock.close()
            raise RefusedError(f"{self.directory} is in use by process {pid}; stop that one first") from None
        lock.truncate()
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        return lock

    def _prepare(self) -> process_specs.Postgres:
        """Decides everything and writes all files; starts nothing."""
        account = postgres.unprivileged_account()
        self.directory.chmod(self.directory.stat().st_mode | 0o011)  # others may pass through, not look
        postgres.refuse_hidden(self.directory, account)
        nats_server = local_nats.find_binary()
        binaries = postgres.runnable_binaries(postgres.find_binaries(), account, self.directory / "binaries")
        layout = self._layout()
        passwords = load_passwords(self.directory / "secrets.json", layout.sites)
        self.plan = Plan(
            directory=self.directory,
            regions=regions_of(len(layout.sites)),
            layout=layout,
            passwords=passwords,
            policy=self.policy,
            nats_server=nats_server,
            adapters=self.adapters,
        )
        RunFile(self.run_file).remove()
        write_files(self.plan, wan_delay_ms=self.wan_delay_ms, seed=self.seed)
        key = make_keys(self.directory / "demo.jwk", self.plan.keys, DEMO_KEY)
        self.tokens = demo_tokens(self.directory / "tokens.json", key)
        return process_specs.Postgres(binaries=binaries, account=account)

    def _layout(self) -> Layout:
        """The ports: those of the directory's last run where it can have them."""
        path = self.directory / "cluster.json"
        kept = msgspec.json.decode(path.read_bytes(), type=KeptCluster) if path.exists() else None
        sites = self.sites or (kept.sites if kept else SITES_DEFAULT)
        if kept is not None and kept.sites != sites:
            raise RefusedError(f"{self.directory} holds a cluster of {kept.sites} sites; choose another --dir for {sites}")
        codes = tuple(region.code for region in regions_of(sites))
        layout, self._claim = take(
            codes,
            witness_of(sites),
            directory=self.directory,
            base=self.base_port,
            kept=kept.base if kept else None,
        )
        path.write_bytes(msgspec.json.encode(KeptCluster(sites=sites, base=layout.base)) + b"\n")
        return layout

    async def _start(self, how: process_specs.Postgres) -> None:
        plan, supervisor = self.plan, self.supervisor
        if len(plan.layout.hubs) > 1:
            supervisor.add([process_specs.links_spec(plan)])
        supervisor.add(process_specs.guard_spec(plan, code, self.guard_command) for code in plan.layout.hubs)
        supervisor.add(process_specs.edge_spec(plan, code) for code in plan.layout.sites)
        new = await self._make_databases(how)
        supervisor.add(process_specs.postgres_spec(plan, code, how) for code in plan.layout.sites)
        if self.nodes:
            supervisor.add(process_specs.node_spec(plan, code, self.node_command) for code in plan.layout.sites)
        supervisor.add(process_specs.adapter_spec(plan, code, name) for code in plan.layout.sites for name in plan.adapters)
        async with asyncio.TaskGroup() as group:
            if new and self.wait_for_disk:
                group.create_task(self._sync())
            group.create_task(self._hubs_greet())
        await supervisor.wait_ready()
        self._published = True
        self._changed()
        if self.traffic:
            supervisor.add([process_specs.traffic_spec(plan, self.run_file, speed=self.speed, seed=self.seed)])

    async def _make_databases(self, how: process_specs.Postgres) -> bool:
        """Makes the clusters that do not exist yet; whether there were any."""
        plan = self.plan
        missing = [code for code in plan.layout.sites if not (plan.of(code) / "postgres").exists()]
        if not missing:
            return False
        maker = postgres.Maker(
            binaries=how.binaries,
            account=how.account,
            directory=self.directory / "postgres",
            password=plan.passwords.postgres,
            log=plan.log("initdb"),
        )
        await maker.make_template()
        await asyncio.gather(*(maker.make_cluster(plan.of(code) / "postgres") for code in missing))
        return True

    async def _sync(self) -> None:
        """Puts new clusters on the disk, which initdb and cp left to the kernel to do within half a minute."""
        command = ("sh", "-c", 'sync -f "$0" || sync', str(self.directory))
        try:
            await postgres.run_tool(Child(command=command, log=self.plan.log("initdb")), SYNC_TIMEOUT_SECONDS)
        except LocalError as error:
            log.warning("the new databases are not on the disk yet", reason=str(error))

    async def _hubs_greet(self) -> None:
        """Waits a moment for the hubs; not for their cluster, and not for one that is held down: sites work without."""
        expected = [code for code in self.plan.layout.hubs if not self._is_held(code, f"{code}-hub", f"{code}-guard")]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HUBS_READY_SECONDS):
                for code in expected:
                    greets = nats_greets(self.plan.layout.port(code, "hub"))
                    while not await greets():
                        await asyncio.sleep(PROBE_INTERVAL_SECONDS)
                return
        log.warning("not all hubs are up yet", bound_seconds=HUBS_READY_SECONDS)

    def _is_held(self, *names: str) -> bool:
        return any(self.plan.hold_file(name).exists() for name in names)

    @property
    def supervisor(self) -> Supervisor:
        """What keeps the processes running."""
        assert self._supervisor is not None, "the cluster is not open"
        return self._supervisor

    @property
    def links(self) -> LinkControl:
        """The network between the sites."""
        return LinkControl(f"127.0.0.1:{self.plan.layout.control}")

    def site(self, code: str) -> LocalSite:
        """One site."""
        plan = self.plan
        region = next(region for region in plan.regions if region.code == code)
        hub_urls = tuple(plan.hub_urls(code))
        return LocalSite(
            code=code,
            name=region.site_name,
            http=plan.http(code),
            nats_url=plan.edge_url(code),
            hub_url=hub_urls[0],
            hub_urls=hub_urls,
            system_url=plan.system_url(code),
            hub_monitor=plan.hub_monitor(code),
            dsn=plan.dsn(code),
            adapters={name: plan.http(code, name) for name in plan.adapters},
            config=plan.site_file(code),
            guard_status=plan.guard_status(code),
            _pids=lambda: self.pids(code),
        )

    def pids(self, code: str) -> dict[str, int | None]:
        """Process ids of a site or witness by process; None for one that does not run."""
        names = self.supervisor.names(code)
        pids = {name.removeprefix(f"{code}-"): self.supervisor.pid(name) for name in names}
        return {"hub": process_specs.hub_pid(self.plan.guard_status(code)) if pids["guard"] else None, **pids}

    # --- run.json ----------------------------------------------------------------------------------------------------

    def _guards_changed(self) -> bool:
        """Whether a hub has another process id than when this was last asked."""
        changed = False
        for code in self.plan.layout.hubs:
            status = self.plan.guard_status(code)
            try:
                mtime = status.stat().st_mtime_ns
            except FileNotFoundError:
                mtime = 0
            if mtime != self._mtimes.get(code):
                self._mtimes[code] = mtime
                pid = process_specs.hub_pid(status)
                changed = changed or pid != self._hub_pids.get(code)
                self._hub_pids[code] = pid
        return changed

    def _changed(self) -> None:
        if self._published:
            pid = self.supervisor.pid(process_specs.LINKS)
            RunFile(self.run_file).write(run_document(self.plan, self.pids, pid, self.tokens))

    @property
    def run_file(self) -> Path:
        """`run.json`; it is there while the cluster is open and ready."""
        return self.directory / "run.json"
