// Boxes on a picture: chosen, moved, resized, drawn and removed by mouse, touch and keyboard; zoom and pan.
// The picture and its boxes are one SVG in pixels of the picture; what is looked at is its viewBox.

const NS = "http://www.w3.org/2000/svg";
const LEAST = 2; // px of the picture: a box is at least so large
const REACH = 44; // px of the screen: what can be touched is at least so large
const CORNERS = ["nw", "ne", "sw", "se"];

const put = (parent, name, attributes) => {
  const node = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  parent.append(node);
  return node;
};
const between = (low, value, high) => Math.max(low, Math.min(value, high));
const sorted = (box) => ({ ...box, x1: Math.min(box.x1, box.x2), x2: Math.max(box.x1, box.x2), y1: Math.min(box.y1, box.y2), y2: Math.max(box.y1, box.y2) });

export class Marks {
  constructor(svg, { width, height, boxes, named, said, changed }) {
    Object.assign(this, { svg, width, height, named, said, changed });
    this.layer = svg.querySelector("#marks");
    this.boxes = boxes.map(([label, x1, y1, x2, y2], n) => ({ id: n + 1, label, x1, y1, x2, y2 }));
    this.last = boxes.length;
    this.chosen = 0;
    this.label = "";
    this.adding = false;
    this.past = [];
    this.fingers = new Map();
    this.view = { x: 0, y: 0, w: width, h: height };
    svg.addEventListener("pointerdown", (event) => this.down(event));
    svg.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) svg.addEventListener(name, (event) => this.up(event));
    svg.addEventListener("wheel", (event) => { event.preventDefault(); this.zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, this.at(event)); }, { passive: false });
    new ResizeObserver(() => this.draw()).observe(svg);
    this.draw();
  }

  // What is looked at

  scale() { // px of the picture a px of the screen
    const at = this.svg.getBoundingClientRect();
    return Math.max(this.view.w / Math.max(at.width, 1), this.view.h / Math.max(at.height, 1));
  }

  at(event) {
    const found = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.svg.getScreenCTM().inverse());
    return { x: found.x, y: found.y };
  }

  zoom(by, at = { x: this.view.x + this.view.w / 2, y: this.view.y + this.view.h / 2 }) {
    const w = between(Math.min(16, this.width), this.view.w / by, this.width);
    const h = w * this.height / this.width;
    const part = w / this.view.w;
    this.look(at.x - (at.x - this.view.x) * part, at.y - (at.y - this.view.y) * part, w, h);
  }

  fit() { this.look(0, 0, this.width, this.height); }

  look(x, y, w, h) {
    this.view = { w, h, x: between(0, x, this.width - w), y: between(0, y, this.height - h) };
    this.svg.setAttribute("viewBox", `${this.view.x} ${this.view.y} ${w} ${h}`);
    this.draw();
  }

  reveal(box) {
    const { view } = this;
    if (box.x1 >= view.x && box.y1 >= view.y && box.x2 <= view.x + view.w && box.y2 <= view.y + view.h) return;
    this.look((box.x1 + box.x2 - view.w) / 2, (box.y1 + box.y2 - view.h) / 2, view.w, view.h);
  }

  // What is there

  box(id = this.chosen) { return this.boxes.find((box) => box.id === id); }

  keep() { this.past = [...this.past.slice(-49), this.boxes.map((box) => ({ ...box }))]; }

  undo() {
    const before = this.past.pop();
    if (!before) return false;
    this.boxes = before;
    if (!this.box()) this.chosen = 0;
    this.draw();
    this.changed();
    return true;
  }

  choose(id, focus = false) {
    this.chosen = id;
    const box = this.box();
    if (box) { this.label = box.label; this.reveal(box); }
    this.draw();
    this.changed();
    if (focus) this.layer.querySelector(`[data-box="${id}"]`)?.focus();
  }

  add(box) {
    this.keep();
    this.last += 1;
    this.boxes.push({ id: this.last, label: this.label, ...this.inside(sorted(box)) });
    this.mode(false);
    this.choose(this.last, true);
  }

  addInMiddle() {
    const { view } = this, side = Math.min(view.w, view.h) / 8;
    this.addAt({ x: view.x + view.w / 2, y: view.y + view.h / 2 }, side);
  }

  addAt(at, side = REACH * this.scale()) {
    this.add({ x1: at.x - side / 2, y1: at.y - side / 2, x2: at.x + side / 2, y2: at.y + side / 2 });
  }

  remove(id = this.chosen) {
    if (!this.box(id)) return;
    this.keep();
    this.boxes = this.boxes.filter((box) => box.id !== id);
    this.choose(0);
  }

  relabel(label) {
    this.label = label;
    const box = this.box();
    if (box && box.label !== label) { this.keep(); box.label = label; }
    this.draw();
    this.changed();
  }

  nudge(dx, dy, resize) {
    const box = this.box();
    if (!box) return;
    this.keep();
    Object.assign(box, resize ? this.inside(this.sized(box, "se", box.x2 + dx, box.y2 + dy)) : this.moved(box, dx, dy));
    this.reveal(box);
    this.draw();
    this.changed();
  }

  mode(adding) {
    this.adding = adding;
    this.svg.classList.toggle("adding", adding);
    this.changed();
  }

  moved(box, dx, dy) { // as far as the picture goes
    const x = between(-box.x1, dx, this.width - box.x2), y = between(-box.y1, dy, this.height - box.y2);
    return { ...box, x1: box.x1 + x, x2: box.x2 + x, y1: box.y1 + y, y2: box.y2 + y };
  }

  sized(box, corner, x, y) {
    const to = { ...box };
    if (corner.includes("w")) to.x1 = Math.min(x, box.x2 - LEAST); else to.x2 = Math.max(x, box.x1 + LEAST);
    if (corner.includes("n")) to.y1 = Math.min(y, box.y2 - LEAST); else to.y2 = Math.max(y, box.y1 + LEAST);
    return to;
  }

  inside(box) {
    const x1 = between(0, box.x1, this.width - LEAST), y1 = between(0, box.y1, this.height - LEAST);
    return { ...box, x1, y1, x2: between(x1 + LEAST, box.x2, this.width), y2: between(y1 + LEAST, box.y2, this.height) };
  }

  // Fingers, mouse, pen

  down(event) {
    if (event.button > 0) return;
    this.svg.setPointerCapture(event.pointerId);
    const at = this.at(event);
    this.fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (this.fingers.size === 2) { this.act = this.pinch(); return; }
    const target = event.target.closest?.("[data-grip], [data-box]");
    if (this.adding) this.act = { kind: "draw", from: at, to: at };
    else if (target?.dataset.grip) this.act = { kind: "size", corner: target.dataset.grip, from: at, was: { ...this.box() } };
    else if (target) {
      const id = Number(target.dataset.box);
      if (id !== this.chosen) this.choose(id);
      this.act = { kind: "move", from: at, was: { ...this.box() } };
    } else this.act = { kind: "pan", x: event.clientX, y: event.clientY };
  }

  pinch() {
    const [a, b] = [...this.fingers.values()];
    return { kind: "pinch", far: Math.hypot(a.x - b.x, a.y - b.y), x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
  }

  move(event) {
    const act = this.act;
    if (!act || !this.fingers.has(event.pointerId)) return;
    this.fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    const at = this.at(event);
    if (act.kind === "pinch" && this.fingers.size === 2) {
      const now = this.pinch(), step = this.scale();
      this.zoom(now.far / Math.max(act.far, 1), this.at({ clientX: now.x, clientY: now.y }));
      this.look(this.view.x - (now.x - act.x) * step, this.view.y - (now.y - act.y) * step, this.view.w, this.view.h);
      this.act = now;
    } else if (act.kind === "pan") {
      const step = this.scale();
      if (Math.hypot(event.clientX - act.x, event.clientY - act.y) > 3) act.far = true;
      if (!act.far) return;
      this.svg.classList.add("panning");
      this.look(this.view.x - (event.clientX - act.x) * step, this.view.y - (event.clientY - act.y) * step, this.view.w, this.view.h);
      Object.assign(act, { x: event.clientX, y: event.clientY });
    } else if (act.kind === "draw") {
      act.to = at;
      this.draw();
    } else if (act.kind === "move" || act.kind === "size") {
      const dx = at.x - act.from.x, dy = at.y - act.from.y;
      if (!act.far && Math.hypot(dx, dy) < 3 * this.scale()) return;
      if (!act.far) this.keep();
      act.far = true;
      const { was } = act;
      const x = act.corner?.includes("w") ? was.x1 : was.x2, y = act.corner?.includes("n") ? was.y1 : was.y2;
      Object.assign(this.box(), act.kind === "move" ? this.moved(was, dx, dy) : this.inside(this.sized(was, act.corner, x + dx, y + dy)));
      this.draw();
    }
  }

  up(event) {
    const act = this.act;
    this.fingers.delete(event.pointerId);
    this.svg.classList.remove("panning");
    if (!act) return;
    this.act = null;
    if (act.kind === "draw" && event.type === "pointerup") {
      const far = Math.max(Math.abs(act.to.x - act.from.x), Math.abs(act.to.y - act.from.y));
      if (far < 6 * this.scale()) this.addAt(act.from);
      else this.add({ x1: act.from.x, y1: act.from.y, x2: act.to.x, y2: act.to.y });
    } else if (act.kind === "pan" && !act.far) this.choose(0);
    else if (act.far) this.changed();
    this.draw();
  }

  // Drawing

  draw() {
    const held = document.activeElement?.closest?.("[data-box]")?.dataset.box;
    const unit = this.scale();
    this.svg.classList.toggle("close", unit < 0.5);
    this.layer.replaceChildren();
    const last = this.box();
    for (const box of this.boxes) if (box !== last) this.one(box, unit, false);
    if (last) this.one(last, unit, true);
    if (this.act?.kind === "draw") {
      const box = sorted({ x1: this.act.from.x, y1: this.act.from.y, x2: this.act.to.x, y2: this.act.to.y });
      put(this.layer, "rect", { class: "draft", x: box.x1, y: box.y1, width: box.x2 - box.x1, height: box.y2 - box.y1 });
    }
    if (held) this.layer.querySelector(`[data-box="${held}"]`)?.focus();
  }

  one(box, unit, chosen) {
    const wide = box.x2 - box.x1, tall = box.y2 - box.y1, x = (box.x1 + box.x2) / 2, y = (box.y1 + box.y2) / 2;
    const group = put(this.layer, "g", { class: chosen ? "mark chosen" : "mark", "data-box": box.id, tabindex: 0, role: "button", "aria-pressed": chosen, "aria-label": this.said(box) });
    const reach = REACH * unit, w = Math.max(wide, reach), h = Math.max(tall, reach);
    put(group, "rect", { fill: "transparent", x: x - w / 2, y: y - h / 2, width: w, height: h });
    const edges = { x: box.x1, y: box.y1, width: wide, height: tall };
    put(group, "rect", { class: "halo", ...edges });
    put(group, "rect", { class: "edge", ...edges });
    const size = 14 * unit, text = this.named(box.label);
    if (text) {
      const top = box.y1 - size * 1.5 > this.view.y ? box.y1 - size * 1.5 : box.y2 + size * 0.2;
      const plate = put(group, "rect", { class: "plate", x: box.x1, y: top, height: size * 1.3, width: 0 });
      const words = put(group, "text", { x: box.x1 + size * 0.35, y: top + size * 0.98, "font-size": size });
      words.textContent = text;
      plate.setAttribute("width", words.getComputedTextLength() + size * 0.7);
    }
    if (!chosen) return;
    // A small box keeps room in its middle to be moved by; its grips stand outside of it.
    const out = Math.max(wide / 2, reach), over = Math.max(tall / 2, reach);
    for (const corner of CORNERS) {
      const left = corner.includes("w"), up = corner.includes("n");
      const cx = between(this.view.x, x + (left ? -out : out), this.view.x + this.view.w), cy = between(this.view.y, y + (up ? -over : over), this.view.y + this.view.h);
      put(group, "circle", { class: "knob", cx: left ? box.x1 : box.x2, cy: up ? box.y1 : box.y2, r: 6 * unit });
      put(group, "circle", { class: `grip ${corner}`, "data-grip": corner, cx, cy, r: reach / 2 });
      if (out > wide / 2 + 1 || over > tall / 2 + 1) put(group, "circle", { class: "knob", cx, cy, r: 4 * unit });
    }
  }

  rows() { return this.boxes.map(({ label, x1, y1, x2, y2 }) => [label, ...[x1, y1, x2, y2].map((edge) => Math.round(edge * 100) / 100)]); }
}
