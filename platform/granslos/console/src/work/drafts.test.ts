import { expect, test } from "vitest";
import { DRAFT_HOURS_MAX, DRAFTS_MAX } from "../feed/limits";
import { Drafts, type Store } from "./drafts";

class FakeStore implements Store {
  items = new Map<string, string>();
  room = Number.POSITIVE_INFINITY;
  getItem = (key: string) => this.items.get(key) ?? null;
  removeItem = (key: string) => void this.items.delete(key);
  key = (index: number) => [...this.items.keys()][index] ?? null;
  get length() {
    return this.items.size;
  }
  setItem(key: string, value: string) {
    if (!this.items.has(key) && this.items.size >= this.room) throw new DOMException("full", "QuotaExceededError");
    this.items.set(key, value);
  }
}

const make = (store = new FakeStore(), owner = "anna", now = () => 1e12) => ({
  store,
  drafts: new Drafts(store, owner, now),
});

test("what was typed is there for the next window, letter by letter, for its owner only", () => {
  const { store, drafts } = make();
  for (let n = 1; n <= 5; n++) drafts.write("note:i1", "bröst".slice(0, n));
  expect(make(store).drafts.read("note:i1")).toBe("bröst");
  expect(make(store, "bo").drafts.read("note:i1")).toBe("");
  expect(drafts.read("note:i2")).toBe("");
});

test("an emptied field keeps nothing", () => {
  const { store, drafts } = make();
  drafts.write("note:i1", "a");
  drafts.write("note:i1", "");
  expect(store.length).toBe(0);
});

test("the oldest go beyond the bound, and after their time", () => {
  let now = 1e12;
  const { store, drafts } = make(new FakeStore(), "anna", () => now++);
  for (let n = 0; n < DRAFTS_MAX + 3; n++) drafts.write(`f${n}`, "x");
  expect([store.length, drafts.read("f2"), drafts.read("f3")]).toEqual([DRAFTS_MAX, "", "x"]);
  make(store, "bo", () => 1e12 + (DRAFT_HOURS_MAX + 1) * 3_600_000);
  expect(store.length).toBe(0);
});

test("a full store makes room by its oldest draft, and says so when it cannot", () => {
  const { store, drafts } = make();
  drafts.write("old", "x");
  store.room = 1;
  expect(drafts.write("new", "y")).toBe(true);
  expect([drafts.read("old"), drafts.read("new")]).toEqual(["", "y"]);
  store.room = 0;
  store.items.clear();
  expect(drafts.write("new", "z")).toBe(false);
});

test("signing out forgets one's own; what others left in the store is not touched", () => {
  const { store, drafts } = make();
  drafts.write("note:i1", "mine");
  make(store, "bo").drafts.write("note:i1", "his");
  store.setItem("granslos.draft.bo.broken", "{");
  store.setItem("other", "1");
  drafts.clear();
  expect([drafts.read("note:i1"), make(store, "bo").drafts.read("note:i1"), store.getItem("other")]).toEqual([
    "",
    "his",
    "1",
  ]);
});
