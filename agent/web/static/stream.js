// Server-sent events with a watch on their silence: the server says at least once a second how old its look
// at the station is. A state older than this means that nothing on the page is live any more.

const SILENT_MS = 2800;
const LOOK_MS = 250;
const AGAIN_MS = 2000;

/** Follow `address`; `on` has a function an event, `lost` and `found` tell when the server falls silent. */
export function follow(address, on, lost, found) {
  let source = null;
  let heard = performance.now();
  let silent = false;
  let opened = 0;

  function hear(age_ms) {
    heard = performance.now() - age_ms;
    if (silent && age_ms < SILENT_MS) {
      silent = false;
      found();
    }
  }

  function open() {
    source?.close();
    opened = performance.now();
    source = new EventSource(address);
    for (const [name, act] of Object.entries(on)) {
      source.addEventListener(name, (event) => {
        const data = JSON.parse(event.data);
        if (name === "tick") hear(data.age_ms);
        act(data);
      });
    }
  }

  // The browser gives up for good on an error answer: begin anew; where the log-in has ended, by way of the door.
  function again() {
    opened = performance.now();
    fetch("/api/v1/me").then((answer) => (answer.status === 401 ? location.reload() : open()), open);
  }

  setInterval(() => {
    const now = performance.now();
    if (now - heard < SILENT_MS) return;
    if (!silent) {
      silent = true;
      lost();
    }
    if (now - opened < AGAIN_MS) return;
    if (source.readyState === EventSource.CLOSED) again();
    else if (now - heard > 4 * SILENT_MS) open();
  }, LOOK_MS);
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => event.persisted && open());
  open();
}
