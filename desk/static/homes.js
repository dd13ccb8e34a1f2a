// Says that a file is too large before it is sent; the desk says so, too.
"use strict";
const file = document.getElementById("file");
const refusal = document.getElementById("file-refusal");
file.addEventListener("change", () => {
  const most = Number(file.dataset.mostBytes);
  const large = file.files.length > 0 && file.files[0].size > most;
  const words = large ? `The file is larger than ${Math.floor(most / 1048576)} MB: split it into smaller ones.` : "";
  file.setCustomValidity(words);
  file.setAttribute("aria-invalid", String(large));
  refusal.textContent = words;
  refusal.hidden = !large;
});
