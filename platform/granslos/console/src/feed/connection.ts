/** A window's side of the connection: to the SharedWorker, or to a core in the window where there is none. */

import { BROWSER_CLOCK, BROWSER_WIRE } from "./browser";
import { Core } from "./core";
import { fingerprint } from "./identity";
import type { FromCore, Setup, ToCore } from "./protocol";
import workerUrl from "./shared-worker?sharedworker&url";

/** Where the worker's script is; no browser lists it among what a page has loaded. */
export { workerUrl };

export interface Connection {
  send(message: ToCore): void;
  close(): void;
  /** Tells whether all windows share it. */
  isShared: boolean;
}

export function connect(setup: Setup, listen: (message: FromCore) => void): Connection {
  const made = typeof SharedWorker === "undefined" ? null : connectShared(setup, listen);
  return made ?? connectInPage(setup, listen);
}

function connectShared(setup: Setup, listen: (message: FromCore) => void): Connection | null {
  try {
    const worker = new SharedWorker(workerUrl, { type: "module", name: `granslos-${fingerprint(setup.token)}` });
    const { port } = worker;
    port.onmessage = ({ data }: MessageEvent<FromCore>) => listen(data);
    const send = (message: ToCore) => port.postMessage(message);
    const close = () => {
      send({ type: "bye" });
      port.close();
    };
    send({ type: "hello", setup });
    return { send, close, isShared: true };
  } catch (error) {
    // Refused by the browser's settings (a SecurityError): the window keeps its own connection.
    if (error instanceof DOMException) return null;
    throw error;
  }
}

function connectInPage(setup: Setup, listen: (message: FromCore) => void): Connection {
  const core = new Core(BROWSER_WIRE, BROWSER_CLOCK);
  core.join(listen);
  core.receive({ type: "hello", setup });
  return { send: (message) => core.receive(message), close: () => core.stop(), isShared: false };
}
