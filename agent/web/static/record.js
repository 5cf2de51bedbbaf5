// Record everything: the countdown goes by this page's clock, the figures by the station's word.

const POLL_MS = 1000;
const panels = [...document.querySelectorAll(".recording[data-running='1']")];
const two = (n) => String(n).padStart(2, "0");
const span = (s) => (s >= 3600 ? `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}` : `${Math.floor(s / 60)}`) + `:${two(s % 60)}`;
const size = (bytes) => (bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.round(bytes / 1e6)} MB`);

async function look() {
  try {
    const answer = await (await fetch("/api/v1/recordings")).json();
    for (const panel of panels) {
      const now = answer.recordings.find((one) => one.lane === panel.dataset.lane);
      if (!now?.running) { location.reload(); return; }
      const show = (name, text) => { panel.querySelector(`[data-show="${name}"]`).textContent = text; };
      show("kept", now.kept.toLocaleString("en"));
      show("size", size(now.bytes));
      show("dropped", now.dropped.toLocaleString("en"));
      const trouble = panel.querySelector('[data-show="trouble"]');
      if (trouble.textContent !== now.trouble) { trouble.textContent = now.trouble; trouble.hidden = !now.trouble; }
    }
  } catch { /* the station or the page is away: asked again */ }
  setTimeout(look, POLL_MS);
}

function tick() {
  for (const panel of panels) {
    const left = Math.max(0, Math.round(Number(panel.dataset.until) / 1e6 - Date.now() / 1000));
    panel.querySelector('[data-show="left"]').textContent = span(left);
  }
  setTimeout(tick, 250);
}

if (panels.length) { look(); tick(); }
