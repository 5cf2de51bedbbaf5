// One lane of the line view: banner, picture, age. Banner and picture always show the same part.

// On a fast line the newest verdict would be a flicker that nobody can read. A part that did not pass stays
// for a moment, a good one for a shorter one; then the newest is shown. No part is hidden: the row of ticks
// and the counters have all of them.
const HOLD_BAD_MS = 700;
const HOLD_GOOD_MS = 300;
const LIVE = new Set(["running", "idle"]);

/** The part's picture, decoded, so that it can be put in place at once with its boxes; null without one. */
async function picture(said) {
  if (!said.picture) return null;
  const image = new Image(said.width, said.height);
  image.alt = said.alt;
  image.src = said.picture;
  try {
    await image.decode();
    return image;
  } catch {
    return null;
  }
}

export class Lane {
  #root;
  #texts;
  #mode = null;
  #drawn; // the verdict that came with the page, until a part is heard of
  #part = null;
  #next = null;
  #shownAt = -1e9;
  #seenAt = 0;
  #timer = 0;
  #busy = false;
  #silent = false;

  constructor(root, texts) {
    this.#root = root;
    this.#texts = texts;
    this.name = root.dataset.lane;
    this.#drawn = root.dataset.mode === "running" ? this.#read() : null;
  }

  /** The server's word on what the lane is doing. */
  mode(said) {
    this.#mode = said;
    this.#draw();
  }

  /** A newly judged part; shown when the one before has been shown long enough. */
  part(said) {
    this.#next = { said, at: performance.now() };
    if (!this.#busy) this.#plan();
  }

  /** The server cannot be heard: nothing here is live. */
  lost() {
    this.#silent = true;
    this.#draw();
  }

  found() {
    this.#silent = false;
    this.#draw();
  }

  /** Called a few times a second: the picture's age. */
  tick() {
    const age = this.#root.querySelector(".age");
    age.textContent = this.#part ? this.#texts.age(this.#part.age_ms + performance.now() - this.#seenAt) : "";
  }

  #due() {
    if (!this.#part) return 0;
    return this.#shownAt + (this.#part.tone === "ok" ? HOLD_GOOD_MS : HOLD_BAD_MS);
  }

  #plan() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#take(), Math.max(0, this.#due() - performance.now()));
  }

  async #take() {
    const taken = this.#next;
    this.#busy = true;
    const image = await picture(taken.said);
    this.#busy = false;
    if (!image && taken.said.picture && this.#next !== taken) return this.#plan(); // gone already: a newer one is here
    this.#show(taken, image);
    if (this.#next !== taken) this.#plan();
  }

  #show({ said, at }, image) {
    this.#part = said;
    this.#seenAt = at;
    this.#shownAt = performance.now();
    this.#picture(image, said);
    this.#draw();
    this.tick();
  }

  #picture(image, said) {
    const canvas = this.#root.querySelector(".canvas");
    const nothing = this.#root.querySelector(".nothing");
    nothing.hidden = Boolean(image);
    nothing.textContent = nothing.dataset.none;
    canvas.replaceChildren();
    if (!image) return;
    canvas.innerHTML = said.overlay;
    canvas.prepend(image);
  }

  #draw() {
    const mode = this.#silent ? this.#texts.unlinked : this.#mode;
    if (!mode) return;
    const live = LIVE.has(mode.mode);
    this.#root.dataset.mode = mode.mode;
    this.#root.querySelector(".picture").classList.toggle("old", !live);
    const verdict = mode.mode === "running" && (this.#part ?? this.#drawn);
    this.#banner(verdict || mode);
    this.#root.querySelector(".at").textContent = verdict ? verdict.clock : "";
  }

  /** What the page's own banner says, as a part's message says it. */
  #read() {
    const text = (selector) => this.#root.querySelector(selector).textContent.trim();
    const { tone, size } = this.#root.querySelector(".banner").dataset;
    return {
      tone, size, word: text(".word"), sub: text(".sub"), meta: text(".number"), clock: text(".at"),
      icon: this.#root.querySelector(".banner .shape use").getAttribute("href").replace("#i-", ""),
      reasons: [...this.#root.querySelectorAll(".reasons li")].map((li) =>
        ["b", "span"].map((part) => li.querySelector(part).textContent)),
    };
  }

  #banner(said) {
    const root = this.#root;
    const banner = root.querySelector(".banner");
    banner.dataset.tone = said.tone;
    banner.dataset.size = said.size;
    banner.querySelector(".shape use").setAttribute("href", `#i-${said.icon}`);
    banner.querySelector(".word").textContent = said.word;
    banner.querySelector(".sub").textContent = said.sub;
    root.querySelector(".number").textContent = said.meta;
    root.querySelector(".reasons").replaceChildren(
      ...said.reasons.map(([what, why]) => {
        const item = document.createElement("li");
        const strong = document.createElement("b");
        const rest = document.createElement("span");
        strong.textContent = what;
        rest.textContent = why;
        item.append(strong, " ", rest);
        return item;
      }),
    );
  }
}
