/** The browser's clock and wire, for a core in a worker or in a window. */

import type { Wire } from "./calls";
import type { Clock } from "./core";
import { sharedNow } from "./protocol";

export const BROWSER_WIRE: Wire = { fetch: (url, init) => fetch(url, init) };

export const BROWSER_CLOCK: Clock = {
  now: sharedNow,
  random: Math.random,
  every: (ms, run) => {
    const timer = setInterval(run, ms);
    return () => clearInterval(timer);
  },
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};
