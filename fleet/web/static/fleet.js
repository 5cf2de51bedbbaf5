// The list of stations is fetched anew while somebody looks at it; where that fails, the page says since when.

import { morph } from "/static/morph.js";

const live = document.getElementById("live");
const cut = document.getElementById("cut");
const clock = document.getElementById("clock");
const text = cut.querySelector("span");
const words = text.textContent;
const every_ms = 1000 * live.dataset.every;
let tag = "";
let heard = performance.now();

async function renew() {
  const answer = await fetch(live.dataset.address, { headers: tag ? { "if-none-match": tag } : {}, cache: "no-store" });
  if (answer.status === 401) location.reload(); // by way of the door
  if (answer.status !== 304 && !answer.ok) throw new Error(answer.statusText);
  heard = performance.now();
  const said = answer.headers.get("x-okng-clock");
  if (said) clock.textContent = said;
  if (answer.status === 304) return;
  tag = answer.headers.get("etag");
  morph(live, await answer.text());
}

async function watch() {
  if (!document.hidden) {
    await renew().catch(() => {}); // the page says so below, and asks again
    const silent_s = Math.round((performance.now() - heard) / 1000);
    cut.hidden = silent_s * 1000 < 2.5 * every_ms;
    live.classList.toggle("old", !cut.hidden);
    if (!cut.hidden) text.textContent = words.replace("{}", `${silent_s} s`);
  }
  setTimeout(watch, every_ms);
}

document.addEventListener("visibilitychange", () => document.hidden || renew().catch(() => {}));
setTimeout(watch, every_ms);
