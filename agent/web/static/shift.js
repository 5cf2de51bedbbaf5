// What the page says of a lane is fetched anew; whoever is about to tap keeps the focus, whoever writes is let be.

const now = document.getElementById("now");
const RUNNING_MS = 1000;
const ELSE_MS = 2500;

const running = () => now.querySelector(".release.running") !== null;
const busy = () => document.hidden || now.querySelector("details[open]") !== null;

async function renew() {
  const answer = await fetch(now.dataset.address, { headers: { accept: "text/html" } });
  if (!answer.ok) return;
  const fresh = document.createElement("template");
  fresh.innerHTML = await answer.text();
  if (fresh.innerHTML.trim() === now.innerHTML.trim() || busy()) return;
  const was = running();
  const focused = now.contains(document.activeElement) ? document.activeElement.id : "";
  now.replaceChildren(fresh.content);
  if (focused) document.getElementById(focused)?.focus();
  if (was && !running()) location.reload(); // over: the history has it
}

async function watch() {
  if (!busy()) await renew().catch(() => {}); // the station is away: the next time
  setTimeout(watch, running() ? RUNNING_MS : ELSE_MS);
}

if (now) watch();
