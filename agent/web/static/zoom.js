// A picture that can be looked at closely: wheel, two fingers, buttons, keys. Boxes stay as thin as they are.

const MOST = 16;
const STEP = 1.5;
const PIXELS_FROM = 4;
const NUDGE_PX = 60;

export class Zoom {
  #frame;
  #canvas;
  #told;
  #scale = 1;
  #x = 0;
  #y = 0;
  #held = new Map();

  /** `told` is called with the scale whenever it has changed. */
  constructor(frame, canvas, told = () => {}) {
    this.#frame = frame;
    this.#canvas = canvas;
    this.#told = told;
    frame.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    frame.addEventListener("dblclick", (event) => this.#by(this.near ? 0 : 3, event));
    frame.addEventListener("pointerdown", (event) => this.#down(event));
    frame.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel"]) frame.addEventListener(end, (event) => this.#up(event));
    frame.addEventListener("keydown", (event) => this.#key(event));
    addEventListener("resize", () => this.#draw());
  }

  get near() {
    return this.#scale > 1;
  }

  larger() {
    this.#by(STEP);
  }

  smaller() {
    this.#by(1 / STEP);
  }

  whole() {
    this.#by(0);
  }

  /** Scale by `factor` about a point of the screen, the frame's middle without one; 0 shows the whole picture. */
  #by(factor, at) {
    const scale = Math.min(Math.max(this.#scale * factor, 1), MOST);
    const box = this.#frame.getBoundingClientRect();
    const left = this.#canvas.offsetLeft;
    const top = this.#canvas.offsetTop;
    const px = (at ? at.clientX - box.left : box.width / 2) - left;
    const py = (at ? at.clientY - box.top : box.height / 2) - top;
    this.#x = px - ((px - this.#x) * scale) / this.#scale;
    this.#y = py - ((py - this.#y) * scale) / this.#scale;
    this.#scale = scale;
    this.#draw();
  }

  #wheel(event) {
    const smaller = event.deltaY > 0;
    if (smaller && !this.near) return; // the page scrolls on
    event.preventDefault();
    this.#by(2 ** (-event.deltaY / 400), event);
  }

  #down(event) {
    if (event.button) return;
    if (this.near || this.#held.size) this.#frame.setPointerCapture(event.pointerId);
    this.#held.set(event.pointerId, event);
    this.#frame.classList.toggle("held", this.near);
  }

  #move(event) {
    const before = this.#held.get(event.pointerId);
    if (!before) return;
    this.#held.set(event.pointerId, event);
    if (this.#held.size === 2) return this.#pinch(event, before);
    if (!this.near) return;
    this.#x += event.clientX - before.clientX;
    this.#y += event.clientY - before.clientY;
    this.#draw();
  }

  #pinch(event, before) {
    const [other] = [...this.#held.values()].filter((one) => one.pointerId !== event.pointerId);
    const apart = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY) || 1;
    const middle = { clientX: (event.clientX + other.clientX) / 2, clientY: (event.clientY + other.clientY) / 2 };
    this.#by(apart(event) / apart(before), middle);
  }

  #up(event) {
    this.#held.delete(event.pointerId);
    if (!this.#held.size) this.#frame.classList.remove("held");
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const moves = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    if (["+", "="].includes(event.key)) this.larger();
    else if (["-", "_"].includes(event.key)) this.smaller();
    else if (["0", "Escape"].includes(event.key) && this.near) this.whole();
    else if (event.key in moves && this.near) {
      this.#x += moves[event.key][0] * NUDGE_PX;
      this.#y += moves[event.key][1] * NUDGE_PX;
      this.#draw();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #draw() {
    const { offsetWidth: width, offsetHeight: height } = this.#canvas;
    this.#x = Math.min(0, Math.max(this.#x, width * (1 - this.#scale)));
    this.#y = Math.min(0, Math.max(this.#y, height * (1 - this.#scale)));
    const { style } = this.#canvas;
    style.transform = this.near ? `translate(${this.#x}px, ${this.#y}px) scale(${this.#scale})` : "";
    style.setProperty("--scale", this.#scale);
    this.#frame.classList.toggle("near", this.near);
    this.#frame.classList.toggle("pixels", this.#scale >= PIXELS_FROM);
    this.#told(this.#scale);
  }
}
