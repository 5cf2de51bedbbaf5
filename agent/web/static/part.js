// One part: boxes on and off, and the arrow keys walk to its neighbours.

const boxes = document.getElementById("boxes");
const show = () => document.getElementById("canvas").classList.toggle("bare", !boxes.checked);
boxes?.addEventListener("change", show);
if (boxes) show(); // it may have been touched before this module was there

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
  const to = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
  const link = to && document.querySelector(`.steps a[rel="${to}"]`);
  if (link) link.click();
});
