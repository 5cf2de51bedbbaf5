// Tones for parts that did not pass: made here, of two kinds that nobody confuses. Off until somebody wants them;
// a browser plays nothing before the page was touched once, so a page that was reloaded says that it waits for it.

const KEPT_AS = "okng.sound";
const EVERY_MS = 600;
const FRESH_MS = 5000;
const LOUD = 0.3;
// [Hz, from s, for s] each. NG: low and three times; UNSURE: two soft ones, rising.
const TONES = {
  ng: { kind: "square", notes: [[196, 0, 0.13], [196, 0.19, 0.13], [147, 0.38, 0.24]], loud: 0.5 },
  unsure: { kind: "sine", notes: [[523, 0, 0.16], [784, 0.2, 0.26]], loud: 1 },
};

export class Sound {
  #button;
  #hint;
  #context = null;
  #on = false;
  #playedAt = -EVERY_MS;
  #newest = new Map();
  #next = "";
  #timer = 0;

  /** `button` switches it, `hint` is shown while the browser does not let it play. */
  constructor(button, hint) {
    this.#button = button;
    this.#hint = hint;
    button.hidden = false;
    button.addEventListener("click", () => this.#switch(!this.#on));
    for (const touch of ["pointerdown", "keydown"]) addEventListener(touch, () => this.#unlock());
    if (!remembered()) return;
    this.#on = true;
    // A browser on a wall may have been told to let pages play (--autoplay-policy); elsewhere the first touch is awaited.
    if (document.body.classList.contains("kiosk")) this.#unlock();
    this.#draw();
  }

  /** A part of a lane came in; one that was there before the page is not told. */
  part({ lane, id, tone, age_ms }) {
    const known = this.#newest.get(lane) ?? 0;
    if (id <= known) return;
    this.#newest.set(lane, id);
    if (!this.#on || !(tone in TONES) || age_ms > FRESH_MS) return;
    // One after the other: what comes while one plays is told after it, a bad part before an unsure one.
    if (this.#next !== "ng") this.#next = tone;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#tell(), Math.max(0, this.#playedAt + EVERY_MS - performance.now()));
  }

  #tell() {
    const tone = this.#next;
    this.#next = "";
    if (!this.#on) return;
    this.#playedAt = performance.now();
    this.#play(TONES[tone]);
    this.#button.dataset.played = tone;
  }

  #switch(on) {
    this.#on = on;
    try {
      localStorage.setItem(KEPT_AS, on ? "on" : "off");
    } catch {
      // A browser that keeps nothing forgets it with the page.
    }
    this.#unlock();
    this.#draw();
  }

  #unlock() {
    if (!this.#on) return;
    if (!this.#context) {
      this.#context = new AudioContext();
      this.#context.onstatechange = () => this.#draw();
    }
    if (this.#context.state === "suspended") this.#context.resume();
  }

  #draw() {
    this.#button.setAttribute("aria-pressed", this.#on);
    this.#button.querySelector("use").setAttribute("href", this.#on ? "#i-sound" : "#i-sound-off");
    this.#hint.hidden = !this.#on || this.#context?.state === "running";
  }

  #play({ kind, notes, loud }) {
    if (this.#context?.state !== "running") return;
    const begin = this.#context.currentTime + 0.02;
    for (const [hz, from, lasts] of notes) {
      const oscillator = new OscillatorNode(this.#context, { type: kind, frequency: hz });
      const gain = new GainNode(this.#context, { gain: 0 });
      const at = begin + from;
      gain.gain.setValueAtTime(0, at);
      gain.gain.linearRampToValueAtTime(LOUD * loud, at + 0.01);
      gain.gain.setValueAtTime(LOUD * loud, at + lasts - 0.03);
      gain.gain.linearRampToValueAtTime(0, at + lasts);
      oscillator.connect(gain).connect(this.#context.destination);
      oscillator.start(at);
      oscillator.stop(at + lasts);
    }
  }
}

function remembered() {
  try {
    return localStorage.getItem(KEPT_AS) === "on";
  } catch {
    return false;
  }
}
