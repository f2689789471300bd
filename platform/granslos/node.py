"""The composition root: ``granslos node --config SITE.toml``. Everything is made here, wired here, and closed here."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import msgspec
from structlog import get_logger

from granslos import __version__
from granslos.api.app import ApiSettings, create_app
from granslos.api.feed import FeedHub
from granslos.api.server import serve
from granslos.api.system import ConsoleConfig, ConsolePriority, ConsoleSite
from granslos.application.decisions import Known
from granslos.application.dispatcher import Dispatcher
from granslos.application.outside import Ports
from granslos.application.recommendation import Recommender
from granslos.contract.commands import CommandRequest, RegisterUnit
from granslos.contract.errors import AuthorityUnavailableError
from granslos.domain import geography
from granslos.domain.centre import Centre
from granslos.domain.priorities import default_scale
from granslos.intake.observations import Observations
from granslos.intake.remote import BusRemote
from granslos.intake.server import Intake
from granslos.journal.migrate import migrate
from granslos.readmodel.audit import AuditLog
from granslos.readmodel.kpi import KpiQueries
from granslos.readmodel.pool import make_read_pool
from granslos.readmodel.queries import Queries
from granslos.replication.alarms import Alarms
from granslos.replication.beats import Beats, BeatSource
from granslos.replication.disk import watch_disk
from granslos.replication.fresh import Fresh
from granslos.replication.keys import DeskKeys, DrainReply, DrainRequest
from granslos.replication.presence import Presence
from granslos.replication.site import SiteCore
from granslos.replication.state import Present
from granslos.replication.takeover import SYSTEM, Takeover
from granslos.runtime import limits, logging, metrics
from granslos.runtime.bus import Bus
from granslos.runtime.clock import Clock, SystemClock
from granslos.runtime.settings import CentreSettings, SiteSettings
from granslos.runtime.tokens import TokenVerifier

log = get_logger(__name__)
_drains = msgspec.json.Decoder(DrainRequest)
_replies = msgspec.json.Decoder(DrainReply)


class SiteLink(BusRemote):
    """The other sites as this one sees and reaches them (a ``NodeLink``)."""

    def __init__(self, buses: tuple[Bus, ...], presence: Presence, clock: Clock) -> None:
        super().__init__(buses)
        self._presence, self._clock = presence, clock

    def is_silent(self, site: str) -> bool:
        """Tell whether a site has not been heard for the silence bound."""
        return self._presence.is_silent(site, self._clock.monotonic())

    def claimant(self, centre: str, desk: str) -> str | None:
        """Return the site that serves a desk provisionally, if one that is heard says so."""
        return self._presence.claimant(centre, desk, self._clock.monotonic())

    async def drain(self, site: str, request: DrainRequest, timeout: float) -> DrainReply:
        """Ask a desk's authority to let go of it; raises AuthorityUnavailableError."""
        data = await self.control(site, "drain", msgspec.json.encode(request), timeout)
        try:
            return _replies.decode(data)
        except msgspec.DecodeError as error:
            raise AuthorityUnavailableError("unreadable reply") from error


class Node:
    """All parts of one node, made from its settings; ``run`` lives until ``stop`` is set."""

    def __init__(self, settings: SiteSettings, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()
        site = settings.site.code
        centres = {c.code: _centre(c) for c in settings.centres}
        self.known = Known(site=site, scale=default_scale(), centres=centres, geography=geography.load())
        self.hub = Bus(settings.nats.hub_urls, f"node-{site}-hub")
        self.edge = Bus(settings.nats.edge_urls, f"node-{site}-edge")
        dsn = settings.postgres.dsn
        self.core = SiteCore(self.known, settings.cluster.sites, dsn, self.hub, self.clock)
        self.core.trust.replicas, self.core.trust.log_bytes_max = settings.cluster.replicas, settings.cluster.log_max_bytes
        presence = Presence(site, settings.cluster.sites, settings.cluster.witness, self.clock.monotonic())
        self.remote = SiteLink((self.hub, self.edge), presence, self.clock)
        guard = settings.guard.status if settings.guard else None
        self.present = Present(self.core, settings.site.name, settings.site.environment, __version__, guard)
        beats = self._beats(presence)
        watch = _Watch(presence, self.present)
        timer = settings.policy.takeover_after_seconds
        self.takeover = Takeover(self.core.desks, watch, self.core.log, self.clock, timer)
        self.core.wire(beats, self.takeover, Fresh(site, self.hub, self.core.projector.tails, self.clock))
        self.alarms = Alarms(site, self.core.world, self.edge)
        self.core.writer.listeners.append(self.alarms)
        self.keys = DeskKeys(self.core.desks, self.takeover, self.core.forwarder, self.remote, self.core.writer.barrier)
        self.pool = make_read_pool(dsn)
        self.queries = Queries(self.pool)
        self.dispatcher = Dispatcher(self.known, self.core.world, self.clock, self._ports())
        self.intake = Intake(site, self.dispatcher)
        self.intake.controls["drain"] = self._drain

    def _beats(self, presence: Presence) -> Beats:
        core, present = self.core, self.present
        beats = Beats(self.known.site, (self.hub, self.edge), presence, core.desks, self.clock)
        beats.source = BeatSource(
            staff=present.staff,
            free_staff=present.free_staff,
            log_position=lambda: core.state.log_cursor,
            backlog=lambda: core.forwarder.backlog,
            version=__version__,
            draining=lambda: present.draining,
        )
        return beats

    def _ports(self) -> Ports:
        return Ports(
            writer=self.core.writer,
            log=self.core.forwarder,
            remote=self.remote,
            takeover=self.keys,
            conflicts=self.core.store,
            desks=self.core.desks,
            is_island=self.present.is_island,
            parked=lambda: self.core.projector.parked,
        )

    def _console_config(self) -> ConsoleConfig:
        names = {centre.site: centre.name for centre in self.settings.centres}
        sites = [ConsoleSite(code=p.code, name=names.get(p.code, p.code), http=p.http) for p in self.settings.peers]
        own = ConsoleSite(code=self.known.site, name=names.get(self.known.site, self.known.site), http="")
        scale = self.known.scale.priorities
        return ConsoleConfig(
            site=self.known.site,
            environment=self.settings.site.environment,
            sites=(own, *sites),
            priorities=tuple(
                ConsolePriority(code=p.code, rank=p.rank, label_sv=p.label_sv, label_en=p.label_en) for p in scale
            ),
        )

    async def _drain(self, data: bytes) -> bytes:
        try:
            request = _drains.decode(data)
        except msgspec.DecodeError:
            return msgspec.json.encode(DrainReply(code="invalid"))
        return msgspec.json.encode(await self.keys.drain(request))

    # --- life ----------------------------------------------------------------------------------------------------------

    async def run(self, stop: asyncio.Event, listening: Callable[[], None] = lambda: None) -> None:
        """Start whole or not at all, work until ``stop``, drain, close."""
        settings = self.settings
        await asyncio.to_thread(migrate, settings.postgres.dsn)
        async with self._stores():
            await self._serve(stop, listening)

    @contextlib.asynccontextmanager
    async def _stores(self) -> AsyncIterator[None]:
        """Read everything into memory; close all connections to PostgreSQL in the end."""
        try:
            await self.core.load()
            await self.pool.open()
            yield
        finally:
            await self.pool.close(timeout=limits.READ_TURN_SECONDS)
            await self.core.store.close()
            await self.core.journal_source.close()

    async def _serve(self, stop: asyncio.Event, listening: Callable[[], None]) -> None:
        settings = self.settings
        feed = FeedHub(queries=self.queries, state=self.present)
        audit = AuditLog(settings.postgres.dsn)
        self.core.publish, self.core.confirm = feed.publish_all, feed.confirm
        self.present.announce = feed.announce
        tokens = TokenVerifier(settings.auth.public_keys)
        app = create_app(
            commands=self.dispatcher,
            state=self.present,
            queries=self.queries,
            feed=feed,
            tokens=tokens,
            settings=ApiSettings(
                site=self.known.site,
                version=__version__,
                console_connects=tuple(peer.http for peer in settings.peers),
                console=self._console_config(),
            ),
            audit=audit,
            kpi=KpiQueries(self.pool, self.known.scale),
            recommendations=Recommender(self.known, self.core.world, self.clock, self.present.positions, self.present.is_grey),
        )
        async with self.hub, self.edge, self._tasks({"feed": feed.run, "audit": audit.run}):
            for bus in (self.hub, self.edge):
                await self.intake.listen(bus)
            await Observations(self.present.observe, feed.announce).listen(self.edge)
            await self.core.beats.subscribe()
            await self.core.fresh.subscribe()
            await self.core.join(limits.START_LOG_PATIENCE_SECONDS)
            ready = asyncio.Event()
            web = asyncio.create_task(serve(app, settings.http.host, settings.http.port, ready), name="http")
            try:
                await _first(ready.wait(), web)
                listening()
                log.info("node_ready", port=settings.http.port, generation=self.core.state.generation)
                await self._register_fleet()
                await _first(stop.wait(), web)
            finally:
                self.present.draining = True
                await self._stop(web)
        await audit.close()

    @contextlib.asynccontextmanager
    async def _tasks(self, more: Mapping[str, Callable[[], Awaitable[None]]]) -> AsyncIterator[None]:
        core = self.core
        work: Mapping[str, Callable[[], Awaitable[None]]] = {
            "writer": core.writer.run,
            "forwarder": core.forwarder.run,
            "projector": core.follow,
            "log": core.watch_log,
            "store": core.keep_store,
            "beats": core.beats.run,
            "probe": lambda: core.beats.probe(core.store),
            "takeover": core.takeover.run,
            "fresh-send": core.fresh.send,
            "fresh-show": core.fresh.run,
            "tidy": core.tidy,
            "alarms": self.alarms.run,
            "disk": lambda: watch_disk(self.settings.site.data_dir, core.writer, core.beats, core),
            **more,
        }
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_supervised(name, run), name=name) for name, run in work.items()]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()

    async def _stop(self, web: "asyncio.Task[None]") -> None:
        """Finish what was accepted, let the journal reach the LOG if it can, then close."""
        self.core.writer.closed_for.add("stopping")
        await self.core.forwarder.drained(limits.DRAIN_SECONDS / 4)
        web.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await web

    async def _register_fleet(self) -> None:
        """Make the site file's units known, as far as their desk is served here."""
        for unit in self.settings.units:
            if not self.core.desks.serving(unit.centre, "dispatch").here or self.core.world.state("unit", unit.id):
                continue
            command = RegisterUnit(
                unit_id=unit.id,
                kind=unit.kind,
                centre=unit.centre,
                station=unit.station,
                latitude=unit.latitude,
                longitude=unit.longitude,
                skills=unit.skills,
            )
            await self.dispatcher.submit(
                CommandRequest(
                    command_id=f"fleet-{unit.id}-{self.core.state.generation}",
                    actor=SYSTEM,
                    payload=command,
                    deadline_ms=limits.FLEET_DEADLINE_MILLISECONDS,
                )
            )


class _Watch:
    """What the takeover watches."""

    def __init__(self, presence: Presence, present: Present) -> None:
        self.presence, self._present = presence, present

    def staff(self) -> dict[str, int]:
        return self._present.staff_everywhere()

    def is_island(self) -> bool:
        return self._present.is_island()


def _centre(settings: CentreSettings) -> Centre:
    return Centre(
        code=settings.code,
        name=settings.name,
        site=settings.site,
        areas=settings.areas,
        succession=settings.succession,
    )


async def _supervised(name: str, run: Callable[[], Awaitable[None]]) -> None:
    """Restart a task that died of a bug, with a growing pause; the supervisor is the one place that catches everything."""
    pause = limits.TASK_RESTART_SECONDS
    loop = asyncio.get_running_loop()
    while True:
        started = loop.time()
        try:
            return await run()
        except asyncio.CancelledError:
            raise
        except Exception:
            metrics.TASK_RESTARTS.labels(name).inc()
            log.exception("task_died", task=name)
            if loop.time() - started > limits.TASK_SOUND_SECONDS:
                pause = limits.TASK_RESTART_SECONDS
            await asyncio.sleep(pause)
            pause = min(pause * 2, limits.TASK_RESTART_SECONDS_MAX)


async def _first(waited: Awaitable[object], web: "asyncio.Task[None]") -> None:
    """Wait for something, or for the web server's early end, which is an error."""
    task = asyncio.ensure_future(waited)
    done, _ = await asyncio.wait({task, web}, return_when=asyncio.FIRST_COMPLETED)
    if web in done:
        task.cancel()
        web.result()


async def run_node(settings: SiteSettings, stop: asyncio.Event) -> None:
    """Run one node until ``stop`` is set."""
    logging.configure(settings.site.code)
    metrics.BUILD.info({"version": __version__, "site": settings.site.code})
    await Node(settings).run(stop)
