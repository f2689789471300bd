/**
 * The console's one connection: runs the session machine, folds the feed, and carries commands, for all windows.
 *
 * All decisions are made by pure modules (`session`, `board`, `outbox`); here are sockets and clocks only.
 */

import { decodeFrame, type Frame } from "../contract/frames";
import { applyFrames, type Board, EMPTY_BOARD, hasPending } from "./board";
import { fetchOverview, isHomeReady, sendCommand, type Wire } from "./calls";
import { FOLD_MS, PROBE_MS, REFRESH_MS, SNAPSHOT_MS, TICK_MS } from "./limits";
import * as outbox from "./outbox";
import type { FromCore, Link, Setup, ToCore } from "./protocol";
import { createSession, type Effect, type Input, isAway, type Session, type Site, siteOf, step } from "./session";
import { EventStreamParser, StreamTooLargeError } from "./sse";

export interface Clock {
  /** Milliseconds that never go back. */
  now(): number;
  random(): number;
  every(ms: number, run: () => void): () => void;
  after(ms: number, run: () => void): () => void;
}

export type Listener = (message: FromCore) => void;

export class Core {
  private readonly wire: Wire;
  private readonly clock: Clock;
  private readonly listeners = new Set<Listener>();
  private session: Session | null = null;
  private token = "";
  private board: Board = EMPTY_BOARD;
  private outbox: outbox.Outbox = [];
  private link: Link | null = null;
  private stream: AbortController | null = null;
  private waitsForPicture: number | null = null;
  private frames: Frame[] = [];
  private framesOf = "";
  private flushing = false;
  private refreshing = false;
  private probedAt = 0;
  private stopTicking: (() => void) | null = null;

  constructor(wire: Wire, clock: Clock) {
    this.wire = wire;
    this.clock = clock;
  }

  /** Adds a window. It is welcomed with the whole picture once the connection is set up. */
  join(listener: Listener): void {
    this.listeners.add(listener);
    this.welcome(listener);
  }

  leave(listener: Listener): void {
    this.listeners.delete(listener);
  }

  /** Ends all work of this core. */
  stop(): void {
    this.input({ type: "stop" });
    this.stopTicking?.();
    this.stopTicking = null;
  }

  receive(message: ToCore): void {
    const now = this.clock.now();
    switch (message.type) {
      case "hello":
        return this.begin(message.setup);
      case "submit":
        return this.changeOutbox(outbox.submit(this.outbox, message.intent, message.id, now));
      case "restore":
        return this.changeOutbox(outbox.restore(this.outbox, message.commands));
      case "again":
        return this.changeOutbox(outbox.again(this.outbox, message.id, now));
      case "dismiss":
        return this.changeOutbox(outbox.dismiss(this.outbox, message.id));
      case "go":
        return this.input({ type: "go", code: message.code });
      case "refresh":
        return this.refresh();
      case "bye":
        return;
    }
  }

  private begin(setup: Setup): void {
    if (this.session !== null) return;
    this.token = setup.token;
    this.session = createSession(setup.sites, setup.home);
    this.stopTicking = this.clock.every(TICK_MS, () => this.tick());
    this.input({ type: "start" });
    for (const listener of this.listeners) this.welcome(listener);
  }

  private welcome(listener: Listener): void {
    if (this.link === null) return;
    this.flush();
    listener({ type: "welcome", board: this.board, link: this.link, outbox: this.outbox });
  }

  private tell(message: FromCore): void {
    for (const listener of this.listeners) listener(message);
  }

  // --- the connection -------------------------------------------------------------------------------------------------

  private input(input: Input): void {
    if (this.session === null) return;
    const before = this.session;
    const { session, effects } = step(before, input, this.clock.now());
    this.session = session;
    const hasMoved = before.attempt !== session.attempt;
    for (const effect of effects) this.perform(effect);
    if (hasMoved && before.attempt > 0) this.changeOutbox(outbox.askAgain(this.outbox));
    this.showLink(before, session);
    if (before.phase !== "live" && session.phase === "live") this.pump();
  }

  private perform(effect: Effect): void {
    if (effect.type === "open") {
      void this.listen(effect.attempt, effect.site, effect.fresh);
      return;
    }
    // Abort and forget: nothing here waits for the connection to close.
    this.flush();
    this.stream?.abort();
    this.stream = null;
  }

  private async listen(attempt: number, site: Site, fresh: boolean): Promise<void> {
    const stream = new AbortController();
    this.stream = stream;
    const resumes = !fresh && this.board.isLoaded && !hasPending(this.board);
    this.waitsForPicture = resumes ? null : this.clock.now();
    try {
      const response = await this.wire.fetch(`${site.http}/v1/feed${resumes ? `?after=${this.board.position}` : ""}`, {
        headers: { Authorization: `Bearer ${this.token}`, Accept: "text/event-stream" },
        cache: "no-store",
        credentials: "omit",
        signal: stream.signal,
      });
      if (response.status === 401 || response.status === 403) return this.input({ type: "refused", attempt });
      if (!response.ok || response.body === null) return this.input({ type: "failed", attempt });
      if (resumes) this.take(attempt, site, [{ type: "resumed" }]);
      await this.read(attempt, site, response.body.getReader());
    } catch (error) {
      // A broken or aborted connection shows as a TypeError or an AbortError; a fault of our own must not look like one.
      if (!isBroken(error)) throw error;
    }
    this.input({ type: "failed", attempt });
  }

  private async read(attempt: number, site: Site, reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    const parser = new EventStreamParser();
    const decoder = new TextDecoder();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || attempt !== this.session?.attempt) return;
      this.input({ type: "heard", attempt });
      const events = parser.push(decoder.decode(value, { stream: true }));
      this.take(
        attempt,
        site,
        events.map((event) => decodeFrame(event.event, event.data)),
      );
    }
  }

  private take(attempt: number, site: Site, frames: Frame[]): void {
    if (attempt !== this.session?.attempt || frames.length === 0) return;
    this.board = applyFrames(this.board, frames, site.code, this.clock.now());
    if (frames.some((frame) => frame.type === "snapshot")) {
      this.waitsForPicture = null;
      if (this.outbox.some((command) => command.state === "site")) this.changeOutbox(outbox.askAgain(this.outbox));
    }
    if (this.framesOf !== site.code) this.flush();
    this.framesOf = site.code;
    this.frames.push(...frames);
    this.flushSoon();
    this.changeOutbox(outbox.confirmedEvents(this.outbox, this.isConfirmed));
    // When a desk moves or its site falls silent, its units turn grey without an event of theirs.
    if (frames.some((frame) => frame.type === "notice" && frame.kind === "centres")) this.refreshSoon();
    if (frames.some((frame) => frame.type === "resync")) this.input({ type: "resync", attempt });
  }

  private flushSoon(): void {
    if (this.flushing) return;
    this.flushing = true;
    this.clock.after(FOLD_MS, () => this.flush());
  }

  private flush(): void {
    this.flushing = false;
    if (this.frames.length === 0) return;
    const frames = this.frames;
    this.frames = [];
    this.tell({ type: "frames", site: this.framesOf, frames, at: this.clock.now() });
  }

  private tick(): void {
    const now = this.clock.now();
    this.input({ type: "tick", jitter: this.clock.random() });
    const session = this.session;
    if (session === null) return;
    if (session.phase === "live" && this.waitsForPicture !== null && now - this.waitsForPicture >= SNAPSHOT_MS) {
      this.waitsForPicture = now;
      this.input({ type: "unfit", code: siteOf(session).code });
    }
    this.changeOutbox(outbox.tick(this.outbox, now));
    this.pump();
    if (isAway(session) && session.phase !== "stopped" && now - this.probedAt >= PROBE_MS) void this.probe(session);
  }

  private async probe(session: Session): Promise<void> {
    this.probedAt = this.clock.now();
    const home = session.sites[0];
    if (home === undefined) return;
    const isAlive = await isHomeReady(this.wire, this.clock, home);
    if (this.session !== null && isAway(this.session)) this.input({ type: "probed", isAlive });
  }

  private showLink(before: Session, session: Session): void {
    const site = siteOf(session);
    const made: Link = {
      phase: session.phase,
      site,
      home: session.sites[0] ?? site,
      isAway: isAway(session),
      cause: session.lastCause,
      since: this.sinceOf(before, session),
      homeAnswers: session.homeAnswersSince !== null,
      rounds: Math.floor(session.failures / session.sites.length),
    };
    if (this.link !== null && sameLink(this.link, made)) return;
    this.link = made;
    this.flush();
    this.tell({ type: "link", link: made });
  }

  /** Since when it has been live at this site, or not live anywhere: dialling one site after another is one outage. */
  private sinceOf(before: Session, session: Session): number {
    const isLive = session.phase === "live";
    const isSame = isLive === (before.phase === "live") && (!isLive || before.at === session.at);
    return isSame && this.link !== null ? this.link.since : this.clock.now();
  }

  // --- what changes without events ------------------------------------------------------------------------------------

  private refreshSoon(): void {
    if (this.refreshing) return;
    this.refreshing = true;
    this.clock.after(REFRESH_MS, () => this.refresh());
  }

  private refresh(): void {
    const session = this.session;
    if (session?.phase === "live") void this.askOverview(session.attempt, siteOf(session));
    this.refreshing = false;
  }

  private async askOverview(attempt: number, site: Site): Promise<void> {
    const frame = await fetchOverview(this.wire, this.clock, site, this.token);
    if (frame !== null) this.take(attempt, site, [frame]);
  }

  // --- commands -------------------------------------------------------------------------------------------------------

  private readonly isConfirmed = (eventId: string): boolean => typeof this.board.seen.get(eventId) === "number";

  private changeOutbox(made: outbox.Outbox): void {
    if (made === this.outbox) return;
    this.outbox = made;
    this.tell({ type: "outbox", outbox: made });
    this.pump();
  }

  private pump(): void {
    const session = this.session;
    if (session?.phase !== "live") return;
    const now = this.clock.now();
    const site = siteOf(session);
    const commands = outbox.due(this.outbox, now);
    if (commands.length === 0) return;
    for (const command of commands) this.outbox = outbox.sending(this.outbox, command.id, site.code, now);
    this.tell({ type: "outbox", outbox: this.outbox });
    for (const command of commands) void this.send(command, site);
  }

  private async send(command: outbox.Command, site: Site): Promise<void> {
    const reply = await sendCommand(this.wire, this.clock, site, this.token, command);
    const now = this.clock.now();
    if (reply === null) this.outbox = outbox.lost(this.outbox, command.id, site.code, now);
    else {
      const sites = this.session?.sites.map((item) => item.code) ?? [];
      const at = { now, sites, isConfirmed: this.isConfirmed };
      this.outbox = outbox.replied(this.outbox, command.id, reply, site.code, at);
    }
    this.tell({ type: "outbox", outbox: this.outbox });
    const session = this.session;
    if (reply !== null && outbox.meaningOf(reply) === "refused" && session !== null) {
      this.input({ type: "refused", attempt: session.attempt });
    } else if (outbox.isDoubtful(this.outbox, command.id, site.code)) this.input({ type: "unfit", code: site.code });
    this.pump();
  }
}

function isBroken(error: unknown): boolean {
  if (error instanceof StreamTooLargeError || error instanceof DOMException) return true;
  return error instanceof TypeError;
}

function sameLink(a: Link, b: Link): boolean {
  const { site, home, ...restA } = a;
  const { site: otherSite, home: otherHome, ...restB } = b;
  if (site.code !== otherSite.code || home.code !== otherHome.code) return false;
  return JSON.stringify(restA) === JSON.stringify(restB);
}
