/** What a window and the core (in a SharedWorker, or in the window itself) say to each other. */

import type { Frame } from "../contract/frames";
import type { Board } from "./board";
import type { Command, Intent, Outbox } from "./outbox";
import type { Cause, Phase, Site } from "./session";

export interface Setup {
  sites: Site[];
  home: string;
  token: string;
}

/** Where the console listens, for people. `since` it is live there, or live nowhere, as milliseconds of `sharedNow`. */
export interface Link {
  phase: Phase;
  site: Site;
  home: Site;
  isAway: boolean;
  cause: Cause | null;
  since: number;
  homeAnswers: boolean;
  /** Rounds over all sites in vain. */
  rounds: number;
}

export type ToCore =
  | { type: "hello"; setup: Setup }
  | { type: "submit"; id: string; intent: Intent }
  | { type: "restore"; commands: Command[] }
  | { type: "again"; id: string }
  | { type: "dismiss"; id: string }
  | { type: "go"; code: string }
  | { type: "refresh" }
  | { type: "bye" };

export type FromCore =
  | { type: "welcome"; board: Board; link: Link; outbox: Outbox }
  | { type: "frames"; site: string; frames: Frame[]; at: number }
  | { type: "link"; link: Link }
  | { type: "outbox"; outbox: Outbox };

/** Milliseconds that do not jump with the wall clock and mean the same in a window and in a worker. */
export const sharedNow = (): number => performance.timeOrigin + performance.now();
