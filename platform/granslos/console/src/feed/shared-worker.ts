/** Entry of the SharedWorker: one connection for all windows of one person. */

import { BROWSER_CLOCK, BROWSER_WIRE } from "./browser";
import { Core } from "./core";
import type { ToCore } from "./protocol";

interface SharedScope {
  onconnect: ((event: MessageEvent) => void) | null;
}

const core = new Core(BROWSER_WIRE, BROWSER_CLOCK);

(self as unknown as SharedScope).onconnect = (event) => {
  const port = event.ports[0];
  if (port === undefined) return;
  const listener = (message: unknown) => port.postMessage(message);
  port.onmessage = ({ data }: MessageEvent<ToCore>) => {
    if (data.type === "bye") core.leave(listener);
    else core.receive(data);
  };
  core.join(listener);
};
