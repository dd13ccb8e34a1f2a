// What scripts add to a page: the maps, focus after an answer, copying and printing. All else works without them.
"use strict";

function enhance() {
  for (const element of document.querySelectorAll(".for-scripts")) element.hidden = false;
  if (window.startMaps) window.startMaps();
}

document.addEventListener("click", (event) => {
  if (event.target.id === "print") window.print();
  if (event.target.id === "copy") {
    const said = document.getElementById("copied");
    const told = (text) => { said.textContent = text; };
    const failed = () => told("Copying is not allowed here: copy the link by hand.");
    if (!navigator.clipboard) return failed();
    navigator.clipboard.writeText(document.getElementById("link").href).then(() => told("Copied."), failed);
  }
});

// After an answer came in place of the page, people who cannot see it must be led to it.
document.addEventListener("htmx:afterSettle", () => {
  enhance();
  const first = document.getElementById("refusal") || document.getElementById("answer") || document.getElementById("main");
  if (first) first.focus({ preventScroll: true });
});
document.addEventListener("htmx:sendError", () => {
  const busy = document.getElementById("busy");
  if (busy) { busy.textContent = "The desk does not answer. Try again in a minute."; busy.classList.remove("htmx-indicator"); }
});

if (document.getElementById("refusal")) document.getElementById("refusal").focus({ preventScroll: true });
enhance();
