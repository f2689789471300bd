/** The window's state: what the core tells, and what this person looks at. Components read parts of it with `useApp`. */

import { useSyncExternalStore } from "react";
import type { Recommendation } from "../contract/views";
import { type Board, EMPTY_BOARD } from "../feed/board";
import { type Identity, NOBODY } from "../feed/identity";
import type { Outbox } from "../feed/outbox";
import { type Link, sharedNow } from "../feed/protocol";
import type { Language } from "../i18n";
import type { Drafts } from "../work/drafts";
import { siteNow } from "../work/timers";
import type { Config } from "./boot";

export type View = "calls" | "waiting" | "units" | "overview";
export const VIEWS: readonly View[] = ["calls", "waiting", "units", "overview"];

/** An open question that digits answer. */
export type Mode =
  | { kind: "priority"; incident: string }
  | { kind: "reason"; incident: string; priority: string; recommended: string }
  | { kind: "assign"; incident: string; proposals: Recommendation[] | null; hasFailed: boolean }
  | { kind: "withdraw"; incident: string }
  | { kind: "refer"; incident: string }
  | { kind: "outcome"; incident: string }
  | { kind: "closeReason"; incident: string; outcome: string }
  | { kind: "status"; unit: string };

export type Dialog = { kind: "help" } | { kind: "desk"; verb: "takeover" | "handback"; centre: string; desk: string };

export type Theme = "light" | "dark";

export interface App {
  config: Config;
  identity: Identity;
  isSignedIn: boolean;
  wasRefused: boolean;
  board: Board;
  link: Link | null;
  outbox: Outbox;
  view: View;
  selected: Record<View, string | null>;
  mode: Mode | null;
  dialog: Dialog | null;
  language: Language;
  theme: Theme;
  drafts: Drafts | null;
  /** Counts up when queued rows are to be shown. */
  showNew: number;
}

const START: Omit<App, "config"> = {
  identity: NOBODY,
  isSignedIn: false,
  wasRefused: false,
  board: EMPTY_BOARD,
  link: null,
  outbox: [],
  view: "calls",
  selected: { calls: null, waiting: null, units: null, overview: null },
  mode: null,
  dialog: null,
  language: "sv",
  theme: "dark",
  drafts: null,
  showNew: 0,
};

type Change = Partial<App> | ((app: App) => Partial<App>);

class Store {
  private app: App = { ...START, config: { site: "", sites: [], environment: "", scale: [] } };
  private readonly watchers = new Set<() => void>();

  get = (): App => this.app;

  set = (change: Change): void => {
    this.app = { ...this.app, ...(typeof change === "function" ? change(this.app) : change) };
    for (const watcher of this.watchers) watcher();
  };

  watch = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };
}

export const store = new Store();

/** Reads a part of the state; it must be the same object while nothing in it changed. */
export const useApp = <T>(select: (app: App) => T): T => useSyncExternalStore(store.watch, () => select(store.get()));

/** The browser's time, each second, for all clocks on the page at once. */
class Ticker {
  private now = sharedNow();
  private readonly watchers = new Set<() => void>();
  private timer: ReturnType<typeof setInterval> | null = null;

  get = (): number => this.now;

  watch = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    this.timer ??= setInterval(this.tick, 1_000);
    return () => {
      this.watchers.delete(watcher);
      if (this.watchers.size > 0 || this.timer === null) return;
      clearInterval(this.timer);
      this.timer = null;
    };
  };

  private tick = (): void => {
    this.now = sharedNow();
    for (const watcher of this.watchers) watcher();
  };
}

const ticker = new Ticker();

/** The clock of `sharedNow`, each second. */
export const useNow = (): number => useSyncExternalStore(ticker.watch, ticker.get);

/** The site's time now, in milliseconds since 1970, each second. */
export function useSiteNow(): number {
  const now = useNow();
  return siteNow(
    useApp((app) => app.board.beat),
    now,
  );
}
