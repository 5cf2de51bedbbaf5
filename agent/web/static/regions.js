// Polygons on a picture: drawn, moved, reshaped and removed by mouse, touch and keyboard.
// One SVG in pixels of the picture; the corners are kept in percent of it, as they are typed.

const NS = "http://www.w3.org/2000/svg";
const REACH = 44; // px of the screen that can be touched
const STEP = 0.2; // percent an arrow key
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const put = (parent, name, attributes) => {
  const node = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  parent.append(node);
  return node;
};
const between = (low, value, high) => Math.max(low, Math.min(value, high));

export class Regions {
  constructor(svg, layer, { regions, changeable, said, corner, named, changed, chosen }) {
    Object.assign(this, { svg, layer, changeable, said, corner, named, changed, onChosen: chosen, list: regions, chosen: -1, mode: "", past: [], draft: [] });
    const box = svg.viewBox.baseVal;
    this.width = box.width;
    this.height = box.height;
    if (changeable) {
      svg.addEventListener("pointerdown", (event) => this.down(event));
      svg.addEventListener("pointermove", (event) => this.move(event));
      for (const name of ["pointerup", "pointercancel"]) svg.addEventListener(name, (event) => this.up(event));
      svg.addEventListener("keydown", (event) => this.key(event));
      svg.addEventListener("focusin", (event) => {
        const place = Number(event.target.closest("[data-region]")?.dataset.region ?? -1);
        if (place >= 0 && place !== this.chosen) this.choose(place, event.target.dataset.corner);
      });
    }
    new ResizeObserver(() => this.draw()).observe(svg);
    this.draw();
  }

  // What is there

  keep() { this.past = [...this.past.slice(-49), JSON.stringify(this.list)]; }

  done() { this.draw(); this.changed(this.list); }

  undo() {
    const before = this.past.pop();
    if (!before) return;
    this.list = JSON.parse(before);
    this.chosen = Math.min(this.chosen, this.list.length - 1);
    this.done();
  }

  replace(list) { this.list = list; this.draw(); this.onChosen(); }

  choose(place, corner) {
    if (place === this.chosen) return;
    this.chosen = place < this.list.length && this.list[place]?.points.length ? place : -1;
    this.draw();
    this.onChosen();
    if (corner !== undefined) this.layer.querySelector(`[data-region="${place}"] [data-corner="${corner}"]`)?.focus();
  }

  add(kind, points) {
    this.keep();
    const free = this.list.findIndex((region) => !region.points.length && !region.name);
    const place = free < 0 ? this.list.length : free;
    this.list[place] = { name: this.named(kind, this.list.map((region) => region.name)), kind, points };
    this.mode = "";
    this.draft = [];
    this.chosen = place;
    this.done();
    this.layer.querySelector(`[data-region="${place}"]`)?.focus();
  }

  begin(mode, kind, byKey) { // by a key: there is nobody to drag, so a shape stands in the middle
    this.kind = kind;
    this.draft = [];
    if (byKey) {
      this.add(kind, mode === "polygon" ? [[50, 35], [65, 62], [35, 62]] : [[38, 38], [62, 38], [62, 62], [38, 62]]);
      return;
    }
    this.mode = this.mode === mode ? "" : mode;
    this.svg.classList.toggle("busy", Boolean(this.mode));
    this.draw();
    this.onChosen();
  }

  addCorner(after) { // in the middle of the longest side, or of the one behind this corner
    const { points } = this.list[this.chosen] ?? { points: [] };
    if (!points.length || points.length >= 64) return;
    const long = (n) => { const [a, b] = [points[n], points[(n + 1) % points.length]]; return Math.hypot((a[0] - b[0]) * this.width, (a[1] - b[1]) * this.height); };
    const at = after ?? points.reduce((best, _, n) => (long(n) > long(best) ? n : best), 0);
    const [a, b] = [points[at], points[(at + 1) % points.length]];
    this.keep();
    points.splice(at + 1, 0, [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2]);
    this.done();
    this.focus(at + 1);
  }

  remove(corner) {
    const region = this.list[this.chosen];
    if (!region) return;
    this.keep();
    if (corner !== undefined && region.points.length > 3) region.points.splice(corner, 1);
    else { this.list.splice(this.chosen, 1); this.chosen = -1; }
    this.done();
    if (corner !== undefined) this.focus(Math.min(corner, region.points.length - 1));
  }

  focus(corner) { this.layer.querySelector(`[data-region="${this.chosen}"] [data-corner="${corner}"]`)?.focus(); }

  shift(region, was, dx, dy) { // as far as the picture goes
    const xs = was.map((p) => p[0]), ys = was.map((p) => p[1]);
    const x = between(-Math.min(...xs), dx, 100 - Math.max(...xs)), y = between(-Math.min(...ys), dy, 100 - Math.max(...ys));
    region.points = was.map((p) => [p[0] + x, p[1] + y]);
  }

  // Fingers, mouse, pen

  at(event) {
    const found = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.svg.getScreenCTM().inverse());
    return [between(0, found.x / this.width * 100, 100), between(0, found.y / this.height * 100, 100)];
  }

  unit() { const at = this.svg.getScreenCTM(); return at ? 1 / at.a : 1; }

  far(a, b) { return Math.hypot((a[0] - b[0]) * this.width, (a[1] - b[1]) * this.height) / 100 / this.unit(); }

  down(event) {
    if (event.button > 0) return;
    const at = this.at(event), target = event.target.closest?.("[data-corner], [data-region]");
    if (this.mode === "polygon") {
      if (this.draft.length > 2 && this.far(at, this.draft[0]) < REACH / 2) this.add(this.kind, this.draft);
      else { this.draft.push(at); this.draw(); }
      event.preventDefault();
      return;
    }
    this.svg.setPointerCapture(event.pointerId);
    if (this.mode === "rectangle") this.act = { kind: "draw", from: at, to: at };
    else if (target) {
      const place = Number(target.closest("[data-region]").dataset.region), corner = target.dataset.corner;
      this.choose(place);
      this.act = { kind: corner === undefined ? "move" : "corner", corner: Number(corner), from: at, was: this.list[place].points.map((p) => [...p]) };
    } else this.choose(-1);
  }

  move(event) {
    const act = this.act;
    if (!act) return;
    const at = this.at(event);
    if (act.kind === "draw") act.to = at;
    else {
      if (!act.far && this.far(at, act.from) < 3) return;
      if (!act.far) this.keep();
      act.far = true;
      const region = this.list[this.chosen];
      if (act.kind === "move") this.shift(region, act.was, at[0] - act.from[0], at[1] - act.from[1]);
      else region.points[act.corner] = at;
    }
    this.draw();
  }

  up(event) {
    const act = this.act;
    this.act = null;
    if (!act) return;
    if (act.kind === "draw") {
      this.svg.classList.remove("busy");
      if (event.type === "pointerup" && this.far(act.from, act.to) > 8) {
        const [[x1, y1], [x2, y2]] = [act.from, act.to];
        this.add(this.kind, [[Math.min(x1, x2), Math.min(y1, y2)], [Math.max(x1, x2), Math.min(y1, y2)], [Math.max(x1, x2), Math.max(y1, y2)], [Math.min(x1, x2), Math.max(y1, y2)]]);
      } else this.draw();
    } else if (act.far) this.done();
    else if (act.kind === "corner") this.focus(act.corner);
  }

  // Keys

  key(event) {
    const place = Number(event.target.closest("[data-region]")?.dataset.region ?? -1);
    if (place < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
    const said = event.target.dataset.corner, corner = said === undefined ? undefined : Number(said);
    const region = this.list[place];
    if (event.key in ARROWS) {
      const [x, y] = ARROWS[event.key].map((step) => step * STEP * (event.shiftKey ? 10 : 1));
      this.keep();
      if (corner === undefined) this.shift(region, region.points, x, y);
      else region.points[corner] = [between(0, region.points[corner][0] + x, 100), between(0, region.points[corner][1] + y, 100)];
      this.done();
    } else if (event.key === "Delete" || event.key === "Backspace") this.remove(corner);
    else if (event.key === "+" || event.key === "=") this.addCorner(corner);
    else if (event.key === "Escape") this.choose(-1);
    else return;
    event.preventDefault();
  }

  // Drawing

  draw() {
    const held = document.activeElement?.closest?.("[data-region]");
    const [region, corner] = [held?.dataset.region, document.activeElement?.dataset?.corner];
    const unit = this.unit();
    this.layer.replaceChildren();
    this.list.forEach((each, place) => { if (each.points.length && place !== this.chosen) this.one(each, place, unit); });
    if (this.list[this.chosen]?.points.length) this.one(this.list[this.chosen], this.chosen, unit);
    if (this.act?.kind === "draw") this.shape([this.act.from, [this.act.to[0], this.act.from[1]], this.act.to, [this.act.from[0], this.act.to[1]]]);
    if (this.draft.length) {
      this.shape(this.draft);
      for (const point of this.draft) put(this.layer, "circle", { class: "knob", cx: point[0] * this.width / 100, cy: point[1] * this.height / 100, r: 7 * unit });
    }
    if (region === undefined) return;
    const group = this.layer.querySelector(`[data-region="${region}"]`);
    (corner === undefined ? group : group?.querySelector(`[data-corner="${corner}"]`) ?? group)?.focus();
  }

  path(points) { return points.map(([x, y]) => `${x * this.width / 100},${y * this.height / 100}`).join(" "); }

  shape(points) { put(this.layer, "polygon", { class: "draft", points: this.path(points) }); }

  one(region, place, unit) {
    const chosen = place === this.chosen, points = this.path(region.points);
    const group = put(this.layer, "g", { class: `region ${region.kind}${chosen ? " chosen" : ""}`, "data-region": place, tabindex: 0, role: "group", "aria-label": this.said(region) });
    put(group, "polygon", { class: "halo", points });
    put(group, "polygon", { class: "outline", points });
    const size = 14 * unit, [x, y] = region.points.reduce((top, point) => (point[1] < top[1] ? point : top));
    const left = between(0, x * this.width / 100, this.width), top = Math.max(0, y * this.height / 100 - size * 1.5);
    const plate = put(group, "rect", { class: "plate", x: left, y: top, height: size * 1.3, width: 0 });
    const words = put(group, "text", { x: left + size * 0.35, y: top + size * 0.98, "font-size": size });
    words.textContent = region.name;
    plate.setAttribute("width", words.getComputedTextLength() + size * 0.7);
    if (!chosen || !this.changeable) return;
    region.points.forEach(([px, py], n) => {
      const at = { cx: px * this.width / 100, cy: py * this.height / 100 };
      put(group, "circle", { class: "grip", "data-corner": n, tabindex: 0, role: "button", "aria-label": this.corner(region, n), r: REACH / 2 * unit, ...at });
      put(group, "circle", { class: "knob", r: 7 * unit, ...at });
    });
  }
}
