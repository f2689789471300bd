import { expect, test } from "vitest";
import { answer } from "../contract/commands";
import { applyFrames, type Board, EMPTY_BOARD } from "./board";
import type { Wire } from "./calls";
import { type Clock, Core } from "./core";
import { COMMAND_MS, PROBE_MS, REFRESH_MS, RETURN_MS, SILENCE_MS, SNAPSHOT_MS, TICK_MS } from "./limits";
import type { Outbox } from "./outbox";
import type { FromCore, Link } from "./protocol";

const SITES = ["vas", "esk"].map((code) => ({ code, name: code, http: `http://${code}` }));
const SNAPSHOT = {
  position: 5,
  incidents: [{ id: "i1", state: "offered", centre: "vas", durability: "cluster", version: 1 }],
};

interface Task {
  at: number;
  run: () => void;
  every: number | null;
}

/** Time that passes only when told; between two tasks it lets promises settle. */
class HandClock implements Clock {
  time = 1_000;
  tasks = new Set<Task>();
  now = () => this.time;
  random = () => 0;
  every = (ms: number, run: () => void) => this.add(ms, run, ms);
  after = (ms: number, run: () => void) => this.add(ms, run, null);

  private add(ms: number, run: () => void, every: number | null): () => void {
    const task = { at: this.time + ms, run, every };
    this.tasks.add(task);
    return () => this.tasks.delete(task);
  }

  async pass(ms: number, each: () => void = () => {}): Promise<void> {
    const end = this.time + ms;
    for (;;) {
      await settle();
      const [next] = [...this.tasks].filter((task) => task.at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.time = Math.max(this.time, next.at);
      if (next.every === null) this.tasks.delete(next);
      else next.at += next.every;
      each();
      next.run();
    }
    this.time = end;
    await settle();
  }
}

async function settle(): Promise<void> {
  for (let n = 0; n < 20; n++) await Promise.resolve();
}

interface Asked {
  site: string;
  path: string;
  init: RequestInit;
  resolve: (response: Response) => void;
  reject: (error: unknown) => void;
}

/** A network in which the test answers each request. Aborting does nothing, as with a hung site. */
class HandWire implements Wire {
  asked: Asked[] = [];
  fetch = (url: string, init: RequestInit): Promise<Response> =>
    new Promise((resolve, reject) => {
      const { host, pathname, search } = new URL(url);
      this.asked.push({ site: host, path: pathname + search, init, resolve, reject });
    });

  of(path: string): Asked[] {
    return this.asked.filter((asked) => asked.path.startsWith(path));
  }

  last(path: string): Asked {
    const asked = this.of(path).at(-1);
    if (asked === undefined) throw new Error(`nothing asked for ${path}`);
    return asked;
  }
}

class Feed {
  private control: ReadableStreamDefaultController<Uint8Array> | null = null;

  constructor(asked: Asked) {
    const body = new ReadableStream<Uint8Array>({
      start: (control) => {
        this.control = control;
      },
    });
    asked.resolve(new Response(body, { status: 200 }));
  }

  send(event: string, data: unknown): void {
    this.control?.enqueue(new TextEncoder().encode(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`));
  }

  beat = () => this.send("heartbeat", { position: 5, at: "2026-11-25T04:00:00Z", data_age_seconds: 0, island: false });

  break(): void {
    this.control?.error(new TypeError("network error"));
  }
}

/** A window: folds what the core tells, as the page does. */
class Window {
  board: Board = EMPTY_BOARD;
  link: Link | null = null;
  outbox: Outbox = [];

  listen = (message: FromCore): void => {
    if (message.type === "welcome") ({ board: this.board, link: this.link, outbox: this.outbox } = message);
    else if (message.type === "frames") this.board = applyFrames(this.board, message.frames, message.site, message.at);
    else if (message.type === "link") this.link = message.link;
    else this.outbox = message.outbox;
  };

  get state(): string | undefined {
    return this.outbox[0]?.state;
  }
}

async function begin() {
  const wire = new HandWire();
  const clock = new HandClock();
  const core = new Core(wire, clock);
  const window = new Window();
  core.join(window.listen);
  core.receive({ type: "hello", setup: { sites: SITES, home: "vas", token: "t0k3n" } });
  const feed = new Feed(wire.last("/v1/feed"));
  feed.send("snapshot", SNAPSHOT);
  await clock.pass(TICK_MS);
  return { wire, clock, core, window, feed };
}

const reply = (status: number, body: unknown) => new Response(JSON.stringify(body), { status });

test("the token goes in a header, never in an address", async () => {
  const { wire } = await begin();
  const asked = wire.last("/v1/feed");
  expect(asked.path).toBe("/v1/feed");
  expect(new Headers(asked.init.headers).get("Authorization")).toBe("Bearer t0k3n");
});

test("a window that joins later gets the whole picture, and both go on alike", async () => {
  const { clock, core, window, feed } = await begin();
  const second = new Window();
  core.join(second.listen);
  expect(second.board.incidents.size).toBe(1);
  feed.send("change", {
    event_id: "e6",
    position: 6,
    changes: [{ kind: "incident", id: "i2", resource: { id: "i2" } }],
  });
  await clock.pass(TICK_MS);
  expect([...second.board.incidents.keys()]).toEqual(["i1", "i2"]);
  expect(second.board).toEqual(window.board);
  core.leave(second.listen);
});

test("a hung site: the next one within 2.5 s, from the position reached, and the picture is never empty", async () => {
  const { wire, clock, window } = await begin();
  const begun = clock.time;
  while (wire.of("/v1/feed").length < 2) {
    expect(window.board.incidents.size).toBe(1);
    await clock.pass(TICK_MS);
  }
  const asked = wire.last("/v1/feed");
  expect([asked.site, asked.path]).toEqual(["esk", "/v1/feed?after=5"]);
  new Feed(asked).beat();
  await clock.pass(TICK_MS);
  expect(clock.time - begun).toBeLessThanOrEqual(SILENCE_MS + 500);
  expect(window.link).toMatchObject({ phase: "live", isAway: true, site: { code: "esk" } });
  expect([window.board.site, window.board.incidents.size]).toEqual(["esk", 1]);
});

test("a broken connection: the next site in the same moment", async () => {
  const { wire, clock, feed } = await begin();
  feed.break();
  await settle();
  expect(wire.last("/v1/feed").site).toBe("esk");
  expect(clock.time).toBeLessThan(1_500);
});

test("with something at one site only, the next one is asked for its whole picture", async () => {
  const { wire, clock, feed } = await begin();
  feed.send("change", { event_id: "e6", position: null, changes: [] });
  await clock.pass(TICK_MS);
  feed.break();
  await settle();
  expect(wire.last("/v1/feed").path).toBe("/v1/feed");
});

test("a site that beats but sends no picture is left", async () => {
  const { wire, clock, window, feed } = await begin();
  feed.break();
  await settle();
  const silentOnPicture = new Feed(wire.last("/v1/feed"));
  // esk resumed; now it asks for resync and then never sends a picture.
  silentOnPicture.send("resync", {});
  await settle();
  const again = new Feed(wire.last("/v1/feed"));
  expect(wire.of("/v1/feed")).toHaveLength(3);
  await clock.pass(SNAPSHOT_MS + TICK_MS, () => again.beat());
  expect(wire.last("/v1/feed").site).toBe("vas");
  expect(window.board.incidents.size).toBe(1);
});

test("a command: pending, ✓, and ✓✓ by the feed", async () => {
  const { wire, clock, core, window, feed } = await begin();
  core.receive({ type: "submit", id: "c1", intent: answer("i1") });
  expect(window.state).toBe("sent");
  const post = wire.last("/v1/incidents/i1/answer");
  expect(new Headers(post.init.headers).get("Idempotency-Key")).toBe("c1");
  post.resolve(reply(200, { durability: "site", position: null, event_ids: ["e6"] }));
  await settle();
  expect(window.state).toBe("site");
  feed.send("change", { event_id: "e6", position: null, changes: [] });
  feed.send("confirmed", { event_id: "e6", position: 6, ticks: [] });
  await clock.pass(TICK_MS);
  expect(window.state).toBe("cluster");
});

test("a command under way when its site hangs is sent to the next one with the same id", async () => {
  const { wire, clock, core, window } = await begin();
  core.receive({ type: "submit", id: "c1", intent: answer("i1") });
  while (wire.of("/v1/feed").length < 2) await clock.pass(TICK_MS);
  new Feed(wire.last("/v1/feed")).beat();
  await clock.pass(TICK_MS);
  const posts = wire.of("/v1/incidents/i1/answer");
  expect(posts.map((post) => post.site)).toEqual(["vas", "esk"]);
  expect(posts.map((post) => new Headers(post.init.headers).get("Idempotency-Key"))).toEqual(["c1", "c1"]);
  posts[1]?.resolve(reply(200, { durability: "cluster", position: 9, event_ids: ["e9"] }));
  await settle();
  expect(window.state).toBe("cluster");
});

test("a site that answers 503 is left at once, and the command goes with it", async () => {
  const { wire, core } = await begin();
  core.receive({ type: "submit", id: "c1", intent: answer("i1") });
  wire.last("/v1/incidents").resolve(reply(503, { code: "not_durable", title: "no" }));
  await settle();
  expect(wire.last("/v1/feed").site).toBe("esk");
  new Feed(wire.last("/v1/feed")).beat();
  await settle();
  expect(wire.last("/v1/incidents").site).toBe("esk");
});

test("a command that gets no answer while the site beats makes the console leave it", async () => {
  const { wire, clock, core, feed } = await begin();
  core.receive({ type: "submit", id: "c1", intent: answer("i1") });
  await clock.pass(2 * COMMAND_MS, () => feed.beat());
  expect(wire.of("/v1/feed")).toHaveLength(1);
  await clock.pass(TICK_MS * 5, () => feed.beat());
  expect(wire.last("/v1/feed").site).toBe("esk");
});

test("a rejection keeps the console where it is", async () => {
  const { wire, core, window } = await begin();
  core.receive({ type: "submit", id: "c1", intent: answer("i1") });
  wire
    .last("/v1/incidents")
    .resolve(reply(409, { type: "https://granslos/problems/already_answered", title: "Taken" }));
  await settle();
  expect(window.outbox[0]).toMatchObject({ state: "rejected", problem: { code: "already_answered", title: "Taken" } });
  expect(wire.of("/v1/feed")).toHaveLength(1);
});

test("dialling one site after another is one outage, told from its beginning", async () => {
  const { clock, window, feed } = await begin();
  feed.break();
  await settle();
  const begun = clock.time;
  await clock.pass(10_000);
  expect(window.link?.phase).not.toBe("live");
  expect(window.link?.since).toBe(begun);
});

test("a token that every site refuses asks for a new one", async () => {
  const { wire, clock, window, feed } = await begin();
  feed.break();
  for (let n = 0; n < 2; n++) {
    await clock.pass(1_000);
    wire.last("/v1/feed").resolve(new Response(null, { status: 401 }));
    await settle();
  }
  expect(window.link?.phase).toBe("refused");
});

test("away from home, home is asked, and when it answers long enough the console goes back", async () => {
  const { wire, clock, window, feed } = await begin();
  feed.break();
  await settle();
  const other = new Feed(wire.last("/v1/feed"));
  const ready = () => {
    other.beat();
    for (const asked of wire.of("/health/ready")) asked.resolve(new Response("{}", { status: 200 }));
  };
  await clock.pass(PROBE_MS + TICK_MS, ready);
  expect(window.link).toMatchObject({ isAway: true, homeAnswers: true });
  await clock.pass(RETURN_MS - PROBE_MS, ready);
  expect(wire.of("/v1/feed")).toHaveLength(2);
  while (wire.of("/v1/feed").length < 3) await clock.pass(TICK_MS, ready);
  expect(wire.last("/v1/feed").site).toBe("vas");
  expect(window.link?.cause).toBe("return");
});

test("a notice makes it ask for what changes without events", async () => {
  const { wire, clock, window, feed } = await begin();
  feed.send("centres", { centres: [] });
  await clock.pass(REFRESH_MS + TICK_MS);
  wire.last("/v1/site").resolve(reply(200, { code: "vas", island: true }));
  wire.last("/v1/centres").resolve(reply(200, { items: [{ id: "upp", code: "upp", name: "Uppsala", desks: {} }] }));
  wire.last("/v1/units").reject(new TypeError("network error"));
  await clock.pass(TICK_MS);
  expect([window.board.siteState?.island, window.board.centres.get("upp")?.name]).toEqual([true, "Uppsala"]);
});
