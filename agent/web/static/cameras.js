// One camera being set up: sharpness with its peak, grey levels, saturated pixels, measured on the live picture;
// what the station measures itself is asked for beside it.

import { follow } from "./stream.js";

const SIDE = 480; // px that are measured: enough for a meter, little enough for a tablet
const ASK_MS = 700;
const root = document.getElementById("camera");
const find = (id) => document.getElementById(id);
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
const count = (value, digits = 0) => value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });

/** What is measured on a picture: grey levels, shares of the ends, variance of the Laplacian. */
function measured(grey, width, height) {
  const levels = new Uint32Array(256);
  let sum = 0, edges = 0, squares = 0, n = 0;
  for (const level of grey) { levels[level] += 1; sum += level; }
  for (let y = 1; y < height - 1; y += 1) {
    for (let x = 1, at = y * width + 1; x < width - 1; x += 1, at += 1) {
      const edge = grey[at - 1] + grey[at + 1] + grey[at - width] + grey[at + width] - 4 * grey[at];
      edges += edge;
      squares += edge * edge;
      n += 1;
    }
  }
  const mean = sum / grey.length, share = (low, high) => levels.slice(low, high).reduce((all, one) => all + one, 0) / grey.length;
  let low = 0, high = 255;
  for (let below = 0; low < 255 && (below += levels[low]) < grey.length * 0.02;) low += 1;
  for (let above = 0; high > 0 && (above += levels[high]) < grey.length * 0.02;) high -= 1;
  return { levels, mean, sharp: n ? squares / n - (edges / n) ** 2 : 0, saturated: share(255, 256), crushed: share(0, 2), spread: high - low };
}

function hint({ mean, saturated, spread }) {
  if (mean < 40) return "dark";
  if (mean > 235) return "bright";
  if (saturated > 0.02 && mean < 200) return "saturated";
  return spread < 50 ? "flat" : "good";
}

const paper = document.createElement("canvas");
const pen = paper.getContext("2d", { willReadFrequently: true });
let peak = 0;

function look(image) {
  const scale = Math.min(1, SIDE / Math.max(image.naturalWidth, image.naturalHeight));
  const width = paper.width = Math.max(3, Math.round(image.naturalWidth * scale));
  const height = paper.height = Math.max(3, Math.round(image.naturalHeight * scale));
  pen.drawImage(image, 0, 0, width, height);
  const pixels = pen.getImageData(0, 0, width, height).data;
  const grey = new Uint8Array(width * height);
  for (let at = 0; at < grey.length; at += 1) grey[at] = Math.min(255, (pixels[4 * at] * 299 + pixels[4 * at + 1] * 587 + pixels[4 * at + 2] * 114 + 500) / 1000);
  show(measured(grey, width, height));
  burn(grey, width, height);
}

function show(now) {
  peak = Math.max(peak, now.sharp);
  const share = peak ? now.sharp / peak * 100 : 0;
  find("bar").setAttribute("width", share.toFixed(1));
  find("peakmark").setAttribute("visibility", "visible");
  find("sharp").textContent = count(now.sharp);
  find("share").textContent = fill(root.dataset.share, { n: Math.round(share) });
  find("peak").textContent = count(peak);
  find("mean").textContent = count(now.mean);
  find("saturated").textContent = `${count(now.saturated * 100, 1)} %`;
  find("crushed").textContent = `${count(now.crushed * 100, 1)} %`;
  const most = Math.max(...now.levels.slice(1, 255), 1);
  const points = [...now.levels].map((level, at) => `L${at} ${(80 - 80 * Math.min(1, Math.sqrt(level / most))).toFixed(1)}L${at + 1} ${(80 - 80 * Math.min(1, Math.sqrt(level / most))).toFixed(1)}`);
  find("levels").setAttribute("d", `M0 80${points.join("")}L256 80Z`);
  const said = hint(now), line = find("hint"), text = root.dataset[`hint${said[0].toUpperCase()}${said.slice(1)}`];
  line.dataset.tone = said === "good" ? "good" : "warn";
  if (line.textContent !== text) line.textContent = text;
}

function burn(grey, width, height) { // saturated pixels in a colour that nothing on a part has
  const over = find("burnt");
  over.hidden = !find("overlay").checked;
  if (over.hidden) return;
  over.width = width;
  over.height = height;
  const ink = over.getContext("2d"), drawn = ink.createImageData(width, height);
  for (let at = 0; at < grey.length; at += 1) if (grey[at] >= 254) drawn.data.set([255, 0, 200, 150], 4 * at);
  ink.putImageData(drawn, 0, 0);
}

let busy = false;
async function take(said) {
  if (busy || !said.picture) return;
  busy = true;
  const image = new Image(said.width, said.height);
  image.src = said.picture;
  try {
    await image.decode();
    const shown = find("picture");
    image.id = "picture";
    image.alt = shown.alt;
    shown.replaceWith(image);
    find("nothing").hidden = true;
    look(image);
  } catch { /* gone already: a newer one comes */ }
  busy = false;
}

async function ask() {
  if (document.hidden) return;
  const answer = await fetch(root.dataset.figures).catch(() => null);
  if (!answer?.ok) return;
  const now = await answer.json();
  find("sharpness").textContent = count(now.sharpness);
  find("rate").textContent = count(now.per_s * 60);
  find("age").textContent = now.frame_age_ms < 0 ? "–" : fill(root.dataset.age, { n: count(now.frame_age_ms) });
  find("missed").textContent = fill(root.dataset.missed, { missed: count(now.missed), captured: count(now.captured) });
}

if (find("picture")) {
  find("again").addEventListener("click", () => { peak = 0; });
  const first = find("picture");
  if (first.complete && first.naturalWidth) look(first);
  follow(root.dataset.stream, { tick({ clock }) { find("clock").textContent = clock; }, part: take }, () => {}, () => {});
  setInterval(ask, ASK_MS);
}
