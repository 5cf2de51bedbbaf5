// Models: the upload with its progress, the errand and the backtest that run, a question before what changes the line.

const POLL_MS = 1000;

const errand = document.getElementById("errand");
if (errand?.dataset.state === "running") {
  const look = async () => {
    try {
      const now = await (await fetch("/api/v1/models/errand")).json();
      if (now.state !== "running" || String(now.id) !== errand.dataset.id) { location.reload(); return; }
    } catch { /* the page's server is away: asked again */ }
    setTimeout(look, POLL_MS);
  };
  setTimeout(look, POLL_MS);
}

const running = document.getElementById("running");
if (running) {
  const bar = running.querySelector("progress"), said = running.querySelector("output");
  const look = async () => {
    try {
      const { now } = await (await fetch("/api/v1/backtests?limit=1")).json();
      if (!now?.running) { location.reload(); return; }
      bar.max = Math.max(now.total, 1);
      bar.value = now.done;
      said.textContent = `${now.done.toLocaleString("en")} / ${now.total.toLocaleString("en")}`;
    } catch { /* asked again */ }
    setTimeout(look, POLL_MS);
  };
  setTimeout(look, POLL_MS);
}

for (const form of document.querySelectorAll("form[data-ask]")) {
  form.addEventListener("submit", (event) => { if (!confirm(form.dataset.ask)) event.preventDefault(); });
}

const bring = document.getElementById("import");
if (bring) {
  bring.hidden = false;
  const bar = bring.querySelector("progress"), said = bring.querySelector("output"), button = bring.querySelector("button");
  const fail = (text) => { said.textContent = text; said.className = "bad"; bar.hidden = true; button.disabled = false; };
  bring.addEventListener("submit", (event) => {
    event.preventDefault();
    const [file] = bring.elements.file.files;
    if (file.size > Number(bring.dataset.most)) { fail(bring.dataset.large); return; }
    // Not fetch: it does not tell how much has been sent.
    const request = new XMLHttpRequest();
    request.open("POST", `${bring.dataset.address}?name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.addEventListener("progress", (sent) => {
      bar.value = sent.lengthComputable ? (100 * sent.loaded) / sent.total : 0;
      said.textContent = `${Math.floor(bar.value)} %`;
    });
    request.addEventListener("load", () => {
      if (request.status < 300) { location.assign(bring.dataset.next ?? "/setup/models"); return; }
      try { fail(JSON.parse(request.responseText).error); } catch { fail(`${request.status}`); }
    });
    request.addEventListener("error", () => fail(bring.dataset.broken));
    said.className = "";
    bar.hidden = false;
    button.disabled = true;
    request.send(file);
  });
}
