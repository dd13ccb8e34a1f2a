// One slide at a time, as large as the window; without JavaScript the slides stand one below the other.
const slides = [...document.querySelectorAll("section")];
let shown = 0;

function show(place) {
  shown = Math.min(Math.max(place, 0), slides.length - 1);
  slides.forEach((slide, index) => slide.classList.toggle("shown", index === shown));
  history.replaceState(null, "", "#" + (shown + 1));
}

function fit() {
  document.body.style.setProperty("--scale", Math.min(innerWidth / 1280, innerHeight / 720));
}

const steps = {
  ArrowRight: 1, ArrowDown: 1, PageDown: 1, " ": 1, Enter: 1,
  ArrowLeft: -1, ArrowUp: -1, PageUp: -1, Backspace: -1,
  Home: -slides.length, End: slides.length,
};

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === "f") return void document.documentElement.requestFullscreen();
  if (event.key in steps) {
    event.preventDefault();
    show(shown + (event.key === " " && event.shiftKey ? -1 : steps[event.key]));
  }
});
addEventListener("click", (event) => show(shown + (event.clientX < innerWidth / 3 ? -1 : 1)));
addEventListener("resize", fit);
addEventListener("hashchange", () => show(Number(location.hash.slice(1)) - 1 || 0));

document.documentElement.classList.add("deck");
fit();
show(Number(location.hash.slice(1)) - 1 || 0);
