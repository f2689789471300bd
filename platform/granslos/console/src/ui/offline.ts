/** Keeps the page itself in the browser, so that it can be loaded again while its site is down. */

import { workerUrl } from "../feed/connection";

/** Registers the service worker and hands it what this page was made of. Without one, only reloading suffers. */
export function keepShell(): void {
  if (!("serviceWorker" in navigator)) return;
  navigator.serviceWorker.register("./offline-worker.js").catch(() => undefined);
  void navigator.serviceWorker.ready.then((registration) => {
    const names = performance.getEntriesByType("resource").map(({ name }) => name);
    const loaded = [...names, workerUrl].map((name) => new URL(name, document.baseURI));
    const urls = loaded.filter(({ origin, pathname }) => origin === location.origin && pathname.startsWith("/assets/"));
    registration.active?.postMessage({ keep: ["/", ...urls.map(({ pathname }) => pathname)] });
  });
}
