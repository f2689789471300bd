import { describe, expect, test } from "vitest";
import { answer, assign, moveDesk, note } from "../contract/commands";
import {
  COMMAND_DONE_MS,
  COMMAND_LOST_MAX,
  COMMAND_MS,
  COMMAND_RESEND_AGE_MS,
  COMMAND_TRIES_MAX,
  COMMANDS_MAX,
  TAKEOVER_MS,
} from "./limits";
import * as outbox from "./outbox";

const SITES = ["vas", "esk", "upp"];
const NOW = 1_000_000;

const none = () => false;
const ok = (durability: "site" | "cluster", eventIds: string[] = ["e1"]): outbox.Reply => ({
  status: 200,
  answer: { durability, event_ids: eventIds, position: durability === "cluster" ? 5 : null },
  problem: null,
});
const no = (status: number, code: string): outbox.Reply => ({ status, answer: null, problem: { code, title: code } });

/** An outbox with one command that was sent to vas. */
function sent(intent = answer("i1")): outbox.Outbox {
  return outbox.sending(outbox.submit([], intent, "c1", NOW), "c1", "vas", NOW);
}
function replied(box: outbox.Outbox, reply: outbox.Reply, site = "vas", isConfirmed: (id: string) => boolean = none) {
  return outbox.replied(box, "c1", reply, site, { now: NOW + 10, sites: SITES, isConfirmed });
}
const first = (box: outbox.Outbox): outbox.Command => {
  const command = box[0];
  if (command === undefined) throw new Error("the outbox is empty");
  return command;
};
const dueIds = (box: outbox.Outbox, now = NOW) => outbox.due(box, now).map((command) => command.id);

describe("what an answer means", () => {
  test.each([
    [ok("site"), "done"],
    [{ ...ok("site"), status: 201 }, "done"],
    [no(409, "already_answered"), "no"],
    [no(403, "forbidden"), "no"],
    [no(404, "not_found"), "no"],
    [no(422, "unknown_priority"), "no"],
    [no(401, "unauthorized"), "refused"],
    [no(503, "not_durable"), "unfit"],
    [no(503, "authority_silent"), "no"],
    [no(503, "outcome_unknown"), "unknown"],
    [no(504, "gateway"), "unknown"],
    [no(429, "too_many"), "unknown"],
    [no(500, "bug"), "unfit"],
  ] as [outbox.Reply, outbox.Meaning][])("%j", (reply, meaning) => {
    expect(outbox.meaningOf(reply)).toBe(meaning);
  });
});

describe("the ticks", () => {
  test("pending, ✓ and ✓✓ follow from answers and from the feed only", () => {
    let box = outbox.submit([], answer("i1"), "c1", NOW);
    expect(first(box).state).toBe("queued");
    box = outbox.sending(box, "c1", "vas", NOW);
    expect(first(box).state).toBe("sent");
    box = replied(box, ok("site", ["e1", "e2"]));
    expect(first(box)).toMatchObject({ state: "site", savedAt: "vas", answeredAt: NOW + 10 });
    box = outbox.confirmedEvents(box, (id) => id === "e1");
    expect(first(box).state).toBe("site");
    box = outbox.confirmedEvents(box, () => true);
    expect(first(box).state).toBe("cluster");
  });

  test("an answer that says cluster, or whose events the feed has confirmed already, is ✓✓ at once", () => {
    expect(first(replied(sent(), ok("cluster"))).state).toBe("cluster");
    expect(first(replied(sent(), ok("site"), "vas", () => true)).state).toBe("cluster");
  });

  test("an answer without event ids waits for a site that says cluster", () => {
    const box = replied(sent(), ok("site", []), "vas", () => true);
    expect(first(outbox.confirmedEvents(box, () => true)).state).toBe("site");
  });

  test("nothing to tick off gives the same outbox", () => {
    const box = replied(sent(), ok("site"));
    expect(outbox.confirmedEvents(box, none)).toBe(box);
  });

  test("a rejection is shown with its problem and is final", () => {
    const box = replied(sent(), no(409, "already_answered"));
    expect(first(box)).toMatchObject({ state: "rejected", problem: { code: "already_answered" } });
    expect(dueIds(outbox.askAgain(box))).toEqual([]);
  });
});

describe("sending", () => {
  test("in order, one at a time for a target, others beside it", () => {
    let box = outbox.submit([], answer("i1"), "c1", NOW);
    box = outbox.submit(box, assign("i1", "u1"), "c2", NOW);
    box = outbox.submit(box, answer("i2"), "c3", NOW);
    box = outbox.submit(box, note("i1", "text"), "c4", NOW);
    expect(dueIds(box)).toEqual(["c1", "c3", "c4"]);
    box = outbox.sending(box, "c1", "vas", NOW);
    expect(dueIds(box)).toEqual(["c3", "c4"]);
    expect(dueIds(replied(box, ok("site")))).toEqual(["c2", "c3", "c4"]);
  });

  test("no answer: again with a growing pause, the same id, until it is given up", () => {
    let box = sent();
    const pauses: number[] = [];
    for (let n = 1; n < COMMAND_TRIES_MAX; n++) {
      box = outbox.lost(box, "c1", "vas", NOW);
      pauses.push(first(box).notBefore - NOW);
      expect(dueIds(box, NOW)).toEqual([]);
      expect(dueIds(box, NOW + 100_000)).toEqual(["c1"]);
      box = outbox.sending(box, "c1", "vas", NOW);
    }
    expect(pauses).toEqual([400, 800, 1200, 1600, 2000]);
    box = outbox.lost(box, "c1", "vas", NOW);
    expect(first(box)).toMatchObject({ id: "c1", state: "failed" });
    expect(dueIds(outbox.again(box, "c1", NOW))).toEqual(["c1"]);
  });

  test("an unknown outcome is asked again", () => {
    expect(first(replied(sent(), no(503, "outcome_unknown")))).toMatchObject({ state: "queued", isAskedAgain: true });
  });

  test("an expired token does not use up the tries", () => {
    expect(first(replied(sent(), no(401, "unauthorized")))).toMatchObject({ state: "queued", tries: 0 });
  });

  test("a desk move has more time than a person's other commands", () => {
    expect(outbox.timeoutOf(answer("i1"))).toBe(COMMAND_MS);
    expect(outbox.timeoutOf(moveDesk("takeover", "upp", "dispatch", "why"))).toBe(TAKEOVER_MS);
  });
});

describe("a site that cannot", () => {
  test("is doubtful at its first 503; the next one is asked at once", () => {
    const box = replied(sent(), no(503, "not_durable"));
    expect(outbox.isDoubtful(box, "c1", "vas")).toBe(true);
    expect(outbox.isDoubtful(box, "c1", "esk")).toBe(false);
    expect(dueIds(box, NOW + 10)).toEqual(["c1"]);
  });

  test("when all cannot, there is a pause, and then it is given up", () => {
    let box = sent();
    for (const [n, site] of [...SITES, ...SITES].entries()) {
      box = replied(outbox.sending(box, "c1", site, NOW), no(503, "not_durable"), site);
      if (n === 2) expect(first(box).notBefore).toBeGreaterThan(NOW + 10);
    }
    expect(first(box).state).toBe("failed");
    expect(outbox.isDoubtful(box, "c1", "upp")).toBe(false);
  });

  test("after silence to a command, though it beats, it is doubtful at the bound", () => {
    let box = sent();
    for (let n = 1; n <= COMMAND_LOST_MAX; n++) {
      expect(outbox.isDoubtful(box, "c1", "vas")).toBe(false);
      box = outbox.lost(outbox.sending(box, "c1", "vas", NOW), "c1", "vas", NOW);
    }
    expect(outbox.isDoubtful(box, "c1", "vas")).toBe(true);
  });
});

describe("another site", () => {
  test("is asked again for all that is un-ticked, with the same ids", () => {
    let box = replied(sent(), ok("site"));
    box = outbox.submit(box, assign("i1", "u1"), "c2", NOW);
    box = outbox.sending(box, "c2", "vas", NOW);
    box = outbox.submit(box, answer("i9"), "c3", NOW);
    expect(dueIds(box)).toEqual(["c3"]);
    const moved = outbox.askAgain(box);
    expect(dueIds(moved)).toEqual(["c1", "c3"]);
    const after = replied(outbox.sending(moved, "c1", "esk", NOW), ok("cluster"), "esk");
    expect(dueIds(after)).toEqual(["c2", "c3"]);
  });

  test("a late no of the site left behind counts not, a late yes does", () => {
    const box = outbox.sending(outbox.askAgain(sent()), "c1", "esk", NOW);
    expect(first(replied(box, no(409, "closed"), "vas")).state).toBe("sent");
    expect(first(replied(box, no(503, "not_durable"), "vas")).state).toBe("sent");
    expect(first(outbox.lost(box, "c1", "vas", NOW)).state).toBe("sent");
    expect(first(replied(box, ok("cluster"), "vas")).state).toBe("cluster");
  });

  test("✓ is kept in sight while another site is asked and does not answer", () => {
    let box = outbox.askAgain(replied(sent(), ok("site")));
    box = outbox.lost(outbox.sending(box, "c1", "esk", NOW), "c1", "esk", NOW);
    expect(first(box)).toMatchObject({ state: "site", savedAt: "vas" });
  });
});

describe("time", () => {
  test("an un-ticked command that is old is sent again only on a person's word", () => {
    const box = outbox.submit([], answer("i1"), "c1", NOW);
    const late = NOW + COMMAND_RESEND_AGE_MS;
    expect(dueIds(box, late - 1)).toEqual(["c1"]);
    expect(dueIds(box, late)).toEqual([]);
    const held = outbox.tick(box, late);
    expect(first(held).state).toBe("held");
    expect(dueIds(outbox.again(held, "c1", late), late)).toEqual(["c1"]);
  });

  test("what is done goes out of sight, what is rejected stays until it is dismissed", () => {
    const done = replied(sent(), ok("cluster"));
    expect(outbox.tick(done, NOW + 9 + COMMAND_DONE_MS)).toHaveLength(1);
    expect(outbox.tick(done, NOW + 10 + COMMAND_DONE_MS)).toHaveLength(0);
    const rejected = replied(sent(), no(409, "closed"));
    expect(outbox.tick(rejected, NOW + 3_600_000)).toHaveLength(1);
    expect(outbox.dismiss(rejected, "c1")).toHaveLength(0);
  });

  test("nothing to do gives the same outbox", () => {
    const box = sent();
    expect(outbox.tick(box, NOW + 1)).toBe(box);
  });

  test("a command that may still have an effect is not dismissed", () => {
    expect(outbox.dismiss(sent(), "c1")).toHaveLength(1);
  });

  test("finished commands beyond the bound go, un-ticked ones never", () => {
    let box: outbox.Outbox = [];
    for (let n = 0; n < COMMANDS_MAX + 5; n++) {
      box = outbox.submit(box, answer(`i${n}`), `c${n}`, NOW);
      if (n >= 10) continue;
      box = outbox.sending(box, `c${n}`, "vas", NOW);
      box = outbox.replied(box, `c${n}`, no(409, "closed"), "vas", { now: NOW, sites: SITES, isConfirmed: none });
    }
    box = outbox.tick(outbox.tick(box, NOW + COMMAND_RESEND_AGE_MS), NOW + COMMAND_RESEND_AGE_MS);
    expect(box).toHaveLength(COMMANDS_MAX);
    expect(box.filter((command) => command.state === "rejected")).toHaveLength(5);
  });
});

describe("a reload", () => {
  test("un-ticked commands are taken back and asked again, settled and known ones not", () => {
    const kept = [
      ...sent(),
      { ...first(sent()), id: "c2", state: "rejected" as const },
      { ...first(replied(sent(), ok("site"))), id: "c3", target: "other" },
      { ...first(sent()), id: "known" },
    ];
    const box = outbox.restore(outbox.submit([], answer("i7"), "known", NOW), kept);
    expect(box.map((command) => [command.id, command.state]).sort()).toEqual([
      ["c1", "queued"],
      ["c3", "site"],
      ["known", "queued"],
    ]);
    expect(dueIds(box).sort()).toEqual(["c1", "c3", "known"]);
  });
});
