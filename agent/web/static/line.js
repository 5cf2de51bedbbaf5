// The line view: what the server sends goes to the lanes and into the page's parts.

import { kiosk } from "./kiosk.js";
import { Lane } from "./lane.js";
import { morph } from "./morph.js";
import { Sound } from "./sound.js";
import { follow } from "./stream.js";

const SAY_EVERY_MS = 5000;
const board = document.getElementById("lanes");
const texts = {
  unlinked: {
    mode: "unlinked", tone: "fault", icon: "unlinked", size: "s", meta: "", reasons: [],
    word: board.dataset.unlinkedWord, sub: board.dataset.unlinkedSub,
  },
  age(ms) {
    return board.dataset.age.replace("{}", this.span(ms));
  },
  span(ms) {
    const seconds = ms / 1000;
    const [text, value] =
      seconds < 10 ? [board.dataset.seconds, seconds.toFixed(1)]
      : seconds < 120 ? [board.dataset.seconds, Math.round(seconds)]
      : [board.dataset.minutes, Math.round(seconds / 60)];
    return text.replace("{}", value);
  },
};
const lanes = new Map();
for (const root of board.querySelectorAll("[data-lane]")) lanes.set(root.dataset.lane, new Lane(root, texts));

kiosk(document.getElementById("kiosk"));
const sound = new Sound(document.getElementById("sound"), document.getElementById("soundhint"));

// What says that nothing here is live, and since when.
const cut = document.getElementById("cut");
let cutAt = 0;
function sayCut() {
  if (cutAt) cut.textContent = cut.dataset.text.replace("{}", texts.span(performance.now() - cutAt));
}

// A screen reader hears of a lane's state when it changes, and of verdicts at most every few seconds.
const said = document.getElementById("said");
const spoken = new Map();
let saidAt = 0;
function speak(lane, key, words) {
  const now = performance.now();
  const before = spoken.get(lane);
  const changed = before !== key;
  spoken.set(lane, key);
  if (!changed || (key.startsWith("verdict") && now - saidAt < SAY_EVERY_MS)) return;
  saidAt = now;
  said.textContent = `${lane}: ${words}`;
}

follow(
  board.dataset.stream,
  {
    tick({ clock }) {
      document.getElementById("clock").textContent = clock;
      document.body.classList.remove("lost");
    },
    lanes(names) {
      if (names.join(" ") !== board.dataset.all) location.reload();
    },
    fragment({ id, html }) {
      const target = document.getElementById(id);
      if (target) morph(target, html);
    },
    lane(mode) {
      lanes.get(mode.lane)?.mode(mode);
      if (mode.mode !== "running") speak(mode.lane, mode.mode, `${mode.word}. ${mode.sub}`);
    },
    part(part) {
      lanes.get(part.lane)?.part(part);
      sound.part(part);
      if (part.tone !== "ok") speak(part.lane, `verdict ${part.id}`, `${part.word}. ${part.reasons.map((r) => r[0]).join(", ")}`);
    },
  },
  () => {
    document.body.classList.add("lost");
    cutAt = performance.now();
    sayCut();
    cut.hidden = false;
    for (const lane of lanes.values()) lane.lost();
  },
  () => {
    document.body.classList.remove("lost");
    cutAt = 0;
    cut.hidden = true;
    for (const lane of lanes.values()) lane.found();
  },
);
setInterval(() => lanes.forEach((lane) => lane.tick()), 100);
setInterval(sayCut, 1000);
