// The line view on a wall: full screen, nothing around it, and the screen stays on. The address says it too, so that
// a browser that begins there (`/?kiosk`) shows it without a touch.

let awake = null;

async function stay() {
  if (!document.body.classList.contains("kiosk") || document.hidden) return;
  try {
    awake = await navigator.wakeLock?.request("screen");
  } catch {
    awake = null; // not allowed here: the screen does as it is set
  }
}

export function kiosk(link) {
  function turn(on) {
    document.body.classList.toggle("kiosk", on);
    const address = new URL(location.href);
    address.searchParams.delete("kiosk");
    if (on) address.searchParams.set("kiosk", "1");
    history.replaceState(null, "", address);
    const text = on ? link.dataset.leave : link.dataset.enter;
    link.setAttribute("aria-label", text);
    link.title = text;
    link.querySelector("use").setAttribute("href", on ? "#i-leave" : "#i-fit");
    if (on) stay();
    else awake?.release();
  }

  link.addEventListener("click", async (event) => {
    event.preventDefault();
    const on = !document.body.classList.contains("kiosk");
    turn(on);
    try {
      if (on) await document.documentElement.requestFullscreen();
      else if (document.fullscreenElement) await document.exitFullscreen();
    } catch {
      // A browser that gives no full screen shows the same without it.
    }
  });
  // Escape ends the browser's full screen by itself.
  document.addEventListener("fullscreenchange", () => {
    if (!document.fullscreenElement) turn(false);
  });
  document.addEventListener("visibilitychange", stay);
  stay();
}
