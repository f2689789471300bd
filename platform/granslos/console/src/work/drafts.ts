/** Typed texts, kept at every input until the command that carries them is acknowledged. One typed letter lost is one too many. */

import { DRAFT_HOURS_MAX, DRAFTS_MAX } from "../feed/limits";

export interface Store {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
  key(index: number): string | null;
  readonly length: number;
}

interface Kept {
  text: string;
  at: number;
}

const PREFIX = "granslos.draft.";

export class Drafts {
  private readonly store: Store;
  private readonly owner: string;
  private readonly now: () => number;

  /** Drafts of one person; another one at the same machine does not see them. */
  constructor(store: Store, owner: string, now: () => number) {
    this.store = store;
    this.owner = owner;
    this.now = now;
    this.forgetOld();
  }

  private name(field: string): string {
    return `${PREFIX}${this.owner}.${field}`;
  }

  read(field: string): string {
    return parse(this.store.getItem(this.name(field)))?.text ?? "";
  }

  /** Keeps a text. False when the browser has no room: then the text lives in the window only, and that must be shown. */
  write(field: string, text: string): boolean {
    if (text === "") {
      this.store.removeItem(this.name(field));
      return true;
    }
    const kept = JSON.stringify({ text, at: this.now() } satisfies Kept);
    for (const makeRoom of [false, true]) {
      if (makeRoom) this.forgetOldest(1);
      try {
        this.store.setItem(this.name(field), kept);
        this.forgetOldest(this.all().length - DRAFTS_MAX);
        return true;
      } catch (error) {
        if (!(error instanceof DOMException)) throw error;
      }
    }
    return false;
  }

  /** Forgets all drafts of this person, at signing out. */
  clear(): void {
    for (const [key] of this.all()) if (key.startsWith(`${PREFIX}${this.owner}.`)) this.store.removeItem(key);
  }

  private all(): [string, number][] {
    const found: [string, number][] = [];
    for (let n = 0; n < this.store.length; n++) {
      const key = this.store.key(n);
      if (key?.startsWith(PREFIX)) found.push([key, parse(this.store.getItem(key))?.at ?? 0]);
    }
    return found.sort((a, b) => a[1] - b[1]);
  }

  private forgetOld(): void {
    const limit = this.now() - DRAFT_HOURS_MAX * 3_600_000;
    for (const [key, at] of this.all()) if (at < limit) this.store.removeItem(key);
  }

  private forgetOldest(count: number): void {
    for (const [key] of this.all().slice(0, Math.max(0, count))) this.store.removeItem(key);
  }
}

function parse(value: string | null): Kept | null {
  try {
    const kept: unknown = JSON.parse(value ?? "null");
    if (typeof kept !== "object" || kept === null) return null;
    const { text, at } = kept as Partial<Kept>;
    return typeof text === "string" && typeof at === "number" ? { text, at } : null;
  } catch {
    return null;
  }
}
