// One part before a person: a verdict in one tap or two, the keys, and who else has the part open.
// Without this module the form works as it is: a class, and one of two buttons.

import { Marks } from "./marks.js";

const CLAIM_MS = 25000;
const bench = document.getElementById("bench");
const picture = document.getElementById("picture");
const which = document.getElementById("which");
const find = (id) => document.getElementById(id);
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

const radios = [...bench.querySelectorAll("#classes input")];
const names = new Map(radios.map((radio) => [radio.value, radio.nextElementSibling.lastChild.textContent.trim()]));
const named = (label) => names.get(label) ?? label;
const said = (box) => fill(bench.dataset.box, {
  label: named(box.label), x: Math.round(box.x1), y: Math.round(box.y1), w: Math.round(box.x2 - box.x1), h: Math.round(box.y2 - box.y1),
});

const marks = picture && new Marks(picture, {
  width: Number(bench.dataset.width), height: Number(bench.dataset.height), boxes: JSON.parse(bench.dataset.boxes), named, said, changed: show,
});

function show() {
  if (!marks) return;
  const list = find("marked");
  const held = list.contains(document.activeElement) ? document.activeElement.dataset.go : "";
  list.replaceChildren(...marks.boxes.map((box) => {
    const row = document.createElement("li"), go = document.createElement("button"), size = document.createElement("span");
    go.type = "button";
    go.className = "go";
    go.dataset.go = box.id;
    go.setAttribute("aria-pressed", box.id === marks.chosen);
    size.className = "quiet";
    size.textContent = `${Math.round(box.x2 - box.x1)} × ${Math.round(box.y2 - box.y1)}`;
    go.append(named(box.label) || "?", size);
    go.addEventListener("click", () => marks.choose(box.id, true));
    row.append(go);
    return row;
  }));
  if (!marks.boxes.length) {
    const row = document.createElement("li");
    row.className = "quiet";
    row.textContent = bench.dataset.none;
    list.append(row);
  }
  if (held) list.querySelector(`[data-go="${held}"]`)?.focus();
  for (const radio of radios) radio.checked = radio.value === marks.label;
  find("add").setAttribute("aria-pressed", marks.adding);
  find("hint").hidden = !marks.adding;
  find("remove").disabled = !marks.chosen;
}

// The verdict

let sent = false;

function send(verdict, label) {
  if (sent) return;
  sent = true;
  if (marks) find("said").value = JSON.stringify(marks.rows());
  for (const radio of radios) radio.checked = radio.value === label;
  const word = document.createElement("input");
  Object.assign(word, { type: "hidden", name: "verdict", value: verdict });
  bench.append(word);
  bench.submit();
  for (const button of bench.querySelectorAll(".verdicts button")) button.disabled = true;
}

function give(verdict) {
  if (verdict === "ng" && !(marks && marks.boxes.length) && radios.length) which.showModal();
  else send(verdict, "");
}

bench.addEventListener("submit", (event) => {
  event.preventDefault();
  const verdict = event.submitter?.value;
  if (verdict) give(verdict);
});
which.addEventListener("click", (event) => {
  const choice = event.target.closest("[data-label]");
  if (choice) send("ng", choice.dataset.label);
  else if (event.target === which || event.target.closest("#cancel")) which.close();
});
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); }); // back: its token is used up

// Classes and tools

for (const radio of radios) radio.addEventListener("change", () => marks?.relabel(radio.value));
if (marks) {
  if (radios.length) marks.label = radios[0].value;
  bench.querySelector(".tools").hidden = false;
  find("add").addEventListener("click", () => marks.mode(!marks.adding));
  find("remove").addEventListener("click", () => marks.remove());
  find("in").addEventListener("click", () => marks.zoom(1.5));
  find("out").addEventListener("click", () => marks.zoom(1 / 1.5));
  find("fit").addEventListener("click", () => marks.fit());
  picture.addEventListener("focusin", (event) => {
    const id = Number(event.target.closest("[data-box]")?.dataset.box);
    if (id && id !== marks.chosen) marks.choose(id, true);
  });
  show();
}

// Keys

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const KEYS = {
  o: () => give("ok"),
  n: () => give("ng"),
  u: () => { if (!marks?.undo()) find("undo")?.click(); },
  a: () => marks?.addInMiddle(),
  s: () => find("skip").click(),
  "+": () => marks?.zoom(1.5),
  "=": () => marks?.zoom(1.5),
  "-": () => marks?.zoom(1 / 1.5),
  0: () => marks?.fit(),
  Delete: () => marks?.remove(),
  Backspace: () => marks?.remove(),
  Escape: () => { if (marks?.adding) marks.mode(false); else marks?.choose(0); },
};

function arrow(event) {
  const [x, y] = ARROWS[event.key];
  const step = event.shiftKey ? 10 : 1;
  if (marks?.chosen) marks.nudge(x * step, y * step, event.ctrlKey);
  else if (event.key === "ArrowRight") find("skip").click();
  else if (event.key === "ArrowLeft") history.back();
  else return false;
  return true;
}

addEventListener("keydown", (event) => {
  if (event.altKey || event.metaKey || event.target.closest("textarea, select, input:not([type=radio])")) return;
  const number = Number(event.key);
  if (which.open) {
    if (number >= 1 && number <= names.size) send("ng", radios[number - 1].value);
    return;
  }
  if (event.key in ARROWS && !event.target.closest("input")) {
    if (arrow(event)) event.preventDefault();
  } else if (event.ctrlKey) return;
  else if (number >= 1 && number <= radios.length) marks?.relabel(radios[number - 1].value);
  else {
    const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (act) { event.preventDefault(); act(); }
  }
});

// Who else has it open

async function claim() {
  const answer = await fetch(`/review/${bench.dataset.id}/claim`, { method: "POST" }).catch(() => null);
  if (!answer?.ok) return;
  const { other } = await answer.json();
  const note = find("other");
  note.hidden = other === null;
  note.textContent = other ? fill(bench.dataset.other, { who: other }) : bench.dataset.nobody;
}
setInterval(() => { if (!document.hidden) claim(); }, CLAIM_MS);
