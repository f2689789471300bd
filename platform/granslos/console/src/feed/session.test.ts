import { describe, expect, test } from "vitest";
import {
  CONNECT_MS,
  RETRY_MS,
  RETRY_MS_MAX,
  RETURN_MS,
  RETURN_MS_MAX,
  SETTLED_MS,
  SILENCE_MS,
  STALL_MS,
  TICK_MS,
} from "./limits";
import { createSession, type Effect, type Input, type Session, siteOf, step } from "./session";

const SITES = ["esk", "vas", "upp"].map((code) => ({ code, name: code, http: `http://${code}` }));

/** A session driven by hand on a clock of its own. */
class Bench {
  session: Session;
  now = 10_000;
  opened: string[] = [];
  abandoned: number[] = [];
  causes: string[] = [];

  constructor(home = "vas", sites = SITES) {
    this.session = createSession(sites, home);
  }

  do(input: Input): Effect[] {
    const { session, effects } = step(this.session, input, this.now);
    this.session = session;
    for (const effect of effects) {
      if (effect.type === "open") this.opened.push(effect.site.code);
      else {
        this.abandoned.push(effect.attempt);
        this.causes.push(effect.cause);
      }
    }
    return effects;
  }

  /** Lets time pass in looks of the watch. */
  pass(ms: number, each: (bench: Bench) => void = () => {}): void {
    for (const end = this.now + ms; this.now < end; ) {
      this.now += Math.min(TICK_MS, end - this.now);
      each(this);
      this.do({ type: "tick", jitter: 0 });
    }
  }

  hear(): void {
    this.do({ type: "heard", attempt: this.session.attempt });
  }

  live(): this {
    this.do({ type: "start" });
    this.hear();
    return this;
  }

  get code(): string {
    return siteOf(this.session).code;
  }
}

test("begins at home, whatever the order of the list, with a whole picture", () => {
  const bench = new Bench("vas");
  expect(bench.do({ type: "start" })).toEqual([{ type: "open", attempt: 1, site: SITES[1], fresh: true }]);
  expect(bench.session.phase).toBe("dialling");
  bench.hear();
  expect(bench.session.phase).toBe("live");
});

test("a home that is not in the list leaves the first of the list", () => {
  expect(siteOf(createSession(SITES, "kar")).code).toBe("esk");
  expect(() => createSession([], "kar")).toThrow("no site");
});

describe("a site that fails", () => {
  test("broken: the next one is dialled in the same moment", () => {
    const bench = new Bench().live();
    const effects = bench.do({ type: "failed", attempt: 1 });
    expect(effects).toEqual([
      { type: "abandon", attempt: 1, cause: "broken" },
      { type: "open", attempt: 2, site: SITES[0], fresh: false },
    ]);
  });

  test("silent: it is abandoned after two seconds, and the next one is live within 2.5 s of the last sound", () => {
    const bench = new Bench().live();
    const heardLast = bench.now;
    bench.pass(SILENCE_MS - TICK_MS);
    expect(bench.opened).toEqual(["vas"]);
    while (bench.code === "vas") bench.pass(TICK_MS);
    expect(bench.causes).toEqual(["silent"]);
    bench.now += 50;
    bench.hear();
    expect(bench.session.phase).toBe("live");
    expect(bench.now - heardLast).toBeLessThanOrEqual(2_500);
  });

  test("with heartbeats each second it is kept for ever", () => {
    const bench = new Bench().live();
    bench.pass(60_000, (b) => b.now % 1_000 === 0 && b.hear());
    expect(bench.opened).toEqual(["vas"]);
  });

  test("not answering a dial: the next one after 1.5 s", () => {
    const bench = new Bench();
    bench.do({ type: "start" });
    bench.pass(CONNECT_MS - TICK_MS);
    expect(bench.opened).toEqual(["vas"]);
    bench.pass(TICK_MS);
    expect(bench.opened).toEqual(["vas", "esk"]);
    expect(bench.causes).toEqual(["no_answer"]);
  });

  test("what an abandoned attempt says or how it ends is not heard", () => {
    const bench = new Bench().live();
    bench.do({ type: "failed", attempt: 1 });
    bench.do({ type: "heard", attempt: 1 });
    expect(bench.session.phase).toBe("dialling");
    bench.do({ type: "failed", attempt: 1 });
    bench.do({ type: "refused", attempt: 1 });
    bench.do({ type: "resync", attempt: 1 });
    expect(bench.opened).toEqual(["vas", "esk"]);
  });

  test("all in vain: a pause that doubles up to its bound, and never an end", () => {
    const bench = new Bench();
    bench.do({ type: "start" });
    const pauses: number[] = [];
    for (let round = 0; round < 6; round++) {
      for (let n = 0; n < 3; n++) bench.do({ type: "failed", attempt: bench.session.attempt });
      expect(bench.session.phase).toBe("waiting");
      pauses.push(bench.session.retryAt - bench.now);
      bench.now = bench.session.retryAt;
      bench.session = { ...bench.session, lookedAt: bench.now };
      bench.do({ type: "tick", jitter: 0 });
      expect(bench.session.phase).toBe("dialling");
    }
    expect(pauses).toEqual([250, 500, 1000, 2000, 2000, 2000]);
    expect(pauses[0]).toBe(RETRY_MS);
    expect(Math.max(...pauses)).toBe(RETRY_MS_MAX);
  });

  test("the pause is spread by jitter", () => {
    const bench = new Bench();
    bench.do({ type: "start" });
    for (let n = 0; n < 3; n++) bench.do({ type: "failed", attempt: bench.session.attempt });
    bench.now = bench.session.retryAt;
    bench.do({ type: "tick", jitter: 0.9 });
    expect(bench.session.phase).toBe("waiting");
    bench.now += RETRY_MS;
    bench.do({ type: "tick", jitter: 0.9 });
    expect(bench.session.phase).toBe("dialling");
  });

  test("one that works again starts the count anew", () => {
    const bench = new Bench().live();
    bench.do({ type: "failed", attempt: 1 });
    bench.do({ type: "failed", attempt: 2 });
    bench.hear();
    expect(bench.session.failures).toBe(0);
  });
});

test("a machine that slept gives the site another chance before it leaves it", () => {
  const bench = new Bench().live();
  bench.now += 60_000;
  bench.do({ type: "tick", jitter: 0 });
  expect(bench.opened).toEqual(["vas"]);
  bench.pass(SILENCE_MS - TICK_MS);
  expect(bench.opened).toEqual(["vas"]);
  bench.pass(TICK_MS);
  expect(bench.opened).toEqual(["vas", "esk"]);
});

test("a pause of the watch up to its bound is no sleep", () => {
  const bench = new Bench().live();
  bench.now += STALL_MS;
  bench.do({ type: "tick", jitter: 0 });
  bench.now += STALL_MS;
  bench.do({ type: "tick", jitter: 0 });
  expect(bench.opened).toEqual(["vas", "esk"]);
});

describe("a token that is refused", () => {
  test("is tried at every site before a person is asked", () => {
    const bench = new Bench();
    bench.do({ type: "start" });
    for (let n = 1; n <= 3; n++) bench.do({ type: "refused", attempt: n });
    expect(bench.opened).toEqual(["vas", "esk", "upp"]);
    expect(bench.session.phase).toBe("refused");
    bench.pass(10_000);
    expect(bench.session.phase).toBe("refused");
  });

  test("by one site only does not sign anybody out", () => {
    const bench = new Bench();
    bench.do({ type: "start" });
    bench.do({ type: "refused", attempt: 1 });
    bench.hear();
    expect([bench.code, bench.session.phase, bench.session.refusals]).toEqual(["esk", "live", 0]);
  });
});

describe("other reasons to move", () => {
  test("resync asks the same site for the whole picture", () => {
    const bench = new Bench().live();
    expect(bench.do({ type: "resync", attempt: 1 })).toEqual([
      { type: "abandon", attempt: 1, cause: "resync" },
      { type: "open", attempt: 2, site: SITES[1], fresh: true },
    ]);
  });

  test("a site that beats but cannot do its work is left; one that is not in use is not", () => {
    const bench = new Bench().live();
    bench.do({ type: "unfit", code: "upp" });
    expect(bench.opened).toEqual(["vas"]);
    bench.do({ type: "unfit", code: "vas" });
    expect(bench.opened).toEqual(["vas", "esk"]);
  });

  test("the only site is never left for being unfit", () => {
    const bench = new Bench("vas", SITES.slice(1, 2)).live();
    bench.do({ type: "unfit", code: "vas" });
    expect(bench.opened).toEqual(["vas"]);
  });

  test("a person may choose a site; the one in use is not dialled again", () => {
    const bench = new Bench().live();
    bench.do({ type: "go", code: "vas" });
    bench.do({ type: "go", code: "nowhere" });
    bench.do({ type: "go", code: "upp" });
    expect(bench.opened).toEqual(["vas", "upp"]);
  });

  test("stopping abandons the connection", () => {
    const bench = new Bench().live();
    bench.do({ type: "stop" });
    bench.pass(5_000);
    expect([bench.abandoned, bench.opened]).toEqual([[1], ["vas"]]);
  });
});

describe("going home", () => {
  function away(): Bench {
    const bench = new Bench().live();
    bench.pass(SETTLED_MS, (b) => b.hear());
    bench.do({ type: "failed", attempt: 1 });
    bench.hear();
    return bench;
  }
  const beating = (b: Bench) => b.hear();

  test("after home has answered for its time without a hole", () => {
    const bench = away();
    bench.do({ type: "probed", isAlive: true });
    bench.pass(RETURN_MS - TICK_MS, beating);
    expect(bench.code).toBe("esk");
    bench.pass(2 * TICK_MS, beating);
    expect([bench.code, bench.causes.at(-1)]).toEqual(["vas", "return"]);
  });

  test("not while it does not answer; a hole starts the time anew", () => {
    const bench = away();
    bench.do({ type: "probed", isAlive: true });
    bench.pass(RETURN_MS - 1_000, beating);
    bench.do({ type: "probed", isAlive: false });
    bench.do({ type: "probed", isAlive: true });
    bench.pass(RETURN_MS - 1_000, beating);
    expect(bench.code).toBe("esk");
  });

  test("a home that fails again soon must answer twice as long each time, up to the bound", () => {
    const bench = away();
    const times: number[] = [];
    for (let n = 0; n < 6; n++) {
      bench.do({ type: "go", code: "vas" });
      bench.hear();
      bench.do({ type: "failed", attempt: bench.session.attempt });
      bench.hear();
      times.push(bench.session.returnAfter);
    }
    expect(times).toEqual([30_000, 60_000, 120_000, 240_000, 240_000, 240_000]);
    expect(times.at(-1)).toBe(RETURN_MS_MAX);
  });

  test("a long good stay forgets that", () => {
    const bench = away();
    bench.do({ type: "go", code: "vas" });
    bench.hear();
    bench.do({ type: "failed", attempt: bench.session.attempt });
    expect(bench.session.returnAfter).toBe(2 * RETURN_MS);
    bench.do({ type: "go", code: "vas" });
    bench.hear();
    bench.pass(SETTLED_MS, beating);
    bench.do({ type: "failed", attempt: bench.session.attempt });
    expect(bench.session.returnAfter).toBe(RETURN_MS);
  });
});
