// Exact values of a chart: under the pointer, and by the arrow keys on a chart that has the focus.
// The values are the marks' titles; without this script the browser shows those itself.

for (const figure of document.querySelectorAll(".figure")) {
  const plot = figure.querySelector(".plot");
  if (!plot) continue;
  const marks = [...plot.querySelectorAll(".mark")];
  const tip = Object.assign(document.createElement("p"), { className: "tip", hidden: true });
  tip.setAttribute("role", "status");
  figure.append(tip);
  for (const mark of marks) {
    const title = mark.querySelector(":scope > title");
    mark.dataset.tip = title.textContent;
    title.remove(); // else the browser's own would come over ours
  }
  let at = -1;

  const show = (index) => {
    marks[at]?.classList.remove("at");
    at = index;
    const mark = marks[at];
    if (!mark) {
      tip.hidden = true;
      return;
    }
    tip.textContent = mark.dataset.tip;
    tip.hidden = false;
    const room = figure.getBoundingClientRect();
    const here = mark.lastElementChild.getBoundingClientRect();
    const [wide, tall] = [tip.offsetWidth, tip.offsetHeight];
    const above = here.top - room.top - tall - 10;
    const middle = here.left + here.width / 2 - room.left - wide / 2;
    const before = here.left - room.left - wide - 12;
    // Above the value, else beside it, so that it never hides what it speaks of.
    const left = above > 0 ? middle : before > 0 ? before : here.right - room.left + 12;
    tip.style.left = `${Math.max(4, Math.min(left, room.width - wide - 4))}px`;
    tip.style.top = `${above > 0 ? above : Math.max(4, here.top - room.top - 10)}px`;
  };

  plot.setAttribute("aria-label", `${plot.getAttribute("aria-label")}. ${plot.dataset.walk}`);
  plot.addEventListener("pointerover", (event) => {
    const mark = event.target.closest(".mark");
    show(mark ? marks.indexOf(mark) : -1);
  });
  plot.addEventListener("pointerleave", () => show(-1));
  plot.addEventListener("blur", () => show(-1));
  plot.addEventListener("keydown", (event) => {
    const last = marks.length - 1;
    const next = {
      ArrowRight: Math.min(at + 1, last),
      ArrowLeft: at < 0 ? last : Math.max(at - 1, 0),
      Home: 0,
      End: last,
      Escape: -1,
    }[event.key];
    if (next === undefined || (event.key === "Escape" && at < 0)) return;
    event.preventDefault();
    show(next);
    if (next >= 0) {
      marks[next].classList.add("at");
      const box = marks[next].getBoundingClientRect();
      const room = plot.getBoundingClientRect();
      if (box.left < room.left || box.right > room.right) {
        plot.scrollLeft += box.left - room.left - room.width / 2;
        show(next);
        marks[next].classList.add("at");
      }
    }
  });
  // A chart that is wider than its place: the axis's values stay in sight while it is moved.
  const axis = plot.querySelectorAll(".tick.end");
  plot.addEventListener("scroll", () => {
    const { width } = plot.querySelector("svg").getBoundingClientRect();
    const by = (plot.scrollLeft * plot.querySelector("svg").viewBox.baseVal.width) / width;
    for (const value of axis) value.setAttribute("transform", `translate(${by} 0)`);
  });
  if (plot.querySelector(".control")) plot.scrollLeft = plot.scrollWidth; // the newest is on the right
}
