// One part: boxes on and off, a closer look, and the arrow keys walk to its neighbours.

import { Zoom } from "./zoom.js";

const boxes = document.getElementById("boxes");
const show = () => document.getElementById("canvas").classList.toggle("bare", !boxes.checked);
boxes?.addEventListener("change", show);
if (boxes) show(); // it may have been touched before this module was there

const frame = document.getElementById("frame");
if (frame) {
  const scale = document.getElementById("scale");
  const zoom = new Zoom(frame, document.getElementById("canvas"), (now) => {
    scale.textContent = `${Math.round(now * 100)} %`;
  });
  const zoomer = document.getElementById("zoomer");
  zoomer.hidden = false;
  zoomer.addEventListener("click", (event) => {
    const act = event.target.closest("[data-zoom]")?.dataset.zoom;
    if (act) ({ in: () => zoom.larger(), out: () => zoom.smaller(), fit: () => zoom.whole() })[act]();
  });
}
// The strip of neighbours begins where this part is.
document.querySelector(".beside [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
  const to = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
  const link = to && document.querySelector(`.steps a[rel="${to}"]`);
  if (link) link.click();
});
