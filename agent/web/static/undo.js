// The key U goes back to the part that was just judged.

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("input, select, textarea")) return;
  if (event.key.toLowerCase() === "u") document.getElementById("undo")?.click();
});
