// The recipe's editor: regions on the picture. The rows of inputs below it are what is sent; the drawing changes them.
// Without this module regions are typed as numbers.

import { Regions } from "./regions.js";

const drawing = document.getElementById("drawing");
const rows = document.getElementById("rows");
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
const find = (id) => document.getElementById(id);

document.getElementById("tried")?.focus();

if (drawing) {
  drawing.hidden = false;
  const kindOf = (kind) => rows.querySelector(`option[value="${kind}"]`).textContent;
  const changeable = Boolean(find("rectangle"));

  const read = () => [...rows.children].map((row) => {
    const [name, kind, points] = row.querySelectorAll("input, select");
    const corners = points.value.trim().split(/\s+/).map((pair) => pair.split(",").map(Number));
    const whole = corners.length > 2 && corners.every((pair) => pair.length === 2 && pair.every(Number.isFinite));
    return { name: name.value, kind: kind.value, points: whole ? corners : [] };
  });

  function row(place) {
    while (rows.children.length <= place) {
      const copy = rows.lastElementChild.cloneNode(true), at = rows.children.length;
      copy.dataset.row = at;
      copy.classList.remove("chosen");
      copy.querySelector(".wrong")?.remove();
      for (const input of copy.querySelectorAll("input, select")) {
        input.name = input.name.replace(/\.\d+\./, `.${at}.`);
        input.removeAttribute("aria-invalid");
        if (input.matches("input")) input.value = "";
      }
      rows.append(copy);
    }
    return rows.children[place];
  }

  function write(regions) {
    regions.forEach((region, place) => {
      const [name, kind, points] = row(place).querySelectorAll("input, select");
      name.value = region.name;
      kind.value = region.kind;
      if (region.points.length) points.value = region.points.map(([x, y]) => `${Number(x.toFixed(3))},${Number(y.toFixed(3))}`).join(" ");
    });
    for (const rest of [...rows.children].slice(regions.length)) for (const input of rest.querySelectorAll("input")) input.value = "";
  }

  const regions = new Regions(find("picture"), find("regions"), {
    regions: read(),
    changeable,
    said: (region) => fill(drawing.dataset.said, { name: region.name || "?", kind: kindOf(region.kind), n: region.points.length }),
    corner: (region, n) => fill(drawing.dataset.corner, { name: region.name || "?", n: n + 1 }),
    named: (kind, taken) => {
      let n = 1;
      while (taken.includes(`${drawing.dataset[kind]}-${n}`)) n += 1;
      return `${drawing.dataset[kind]}-${n}`;
    },
    changed: (list) => { write(list); show(); },
    chosen: () => show(),
  });

  function show() {
    [...rows.children].forEach((each, place) => each.classList.toggle("chosen", place === regions.chosen));
    if (!changeable) return;
    for (const mode of ["rectangle", "polygon"]) find(mode).setAttribute("aria-pressed", regions.mode === mode);
    find("corner").disabled = find("gone").disabled = regions.chosen < 0;
    find("undo").disabled = !regions.past.length;
    const hint = find("hint");
    hint.hidden = !regions.mode;
    hint.textContent = regions.mode ? drawing.dataset[regions.mode === "polygon" ? "hintPolygon" : "hintRectangle"] : "";
  }

  if (changeable) {
    const kind = () => [...document.getElementsByName("new-kind")].find((radio) => radio.checked).value;
    for (const mode of ["rectangle", "polygon"]) find(mode).addEventListener("click", (event) => regions.begin(mode, kind(), event.detail === 0));
    find("corner").addEventListener("click", () => regions.addCorner());
    find("gone").addEventListener("click", () => regions.remove());
    find("undo").addEventListener("click", () => regions.undo());
    rows.addEventListener("change", () => regions.replace(read()));
    rows.addEventListener("focusin", (event) => regions.choose([...rows.children].indexOf(event.target.closest(".regionrow"))));
  }
  show();
}
