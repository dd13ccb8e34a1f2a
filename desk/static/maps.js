// The two maps: one sets the place of the home, one shows its comparable sales.
"use strict";

const COUNTY = [[47.22, -122.52], [47.8, -121.9]]; // where most people live
const LARGE = 8; // so many towns are named from afar, the others from this zoom on
const NEARER = 10.5;
const ROUGH = 13; // closer than this, the outlines of the county are too coarse to be shown

function element(text, name) {
  const node = document.createElement("span");
  node.className = name;
  node.textContent = text;
  return node;
}

function icon(text, name) {
  return L.divIcon({ html: element(text, name), className: "", iconSize: [24, 24], iconAnchor: [12, 12] });
}

// The background: tiles where the desk has some, otherwise outlines of water and names of towns that it brings along.
async function background(map, box) {
  if (box.dataset.tiles) {
    const credit = element(box.dataset.credit, "").outerHTML;
    L.tileLayer(box.dataset.tiles, { maxZoom: 19, attribution: credit, referrerPolicy: "origin" }).addTo(map);
    return;
  }
  const county = await (await fetch(box.dataset.county)).json();
  const layer = L.layerGroup();
  for (const water of county.water) {
    L.polygon(water, { stroke: true, weight: 1, color: "#7ea6b3", fillColor: "#cfe1e8", fillOpacity: 1, interactive: false }).addTo(layer);
  }
  for (const land of county.islands) {
    L.polygon(land, { stroke: true, weight: 1, color: "#7ea6b3", fillColor: "#eef0ea", fillOpacity: 1, interactive: false }).addTo(layer);
  }
  const small = L.layerGroup();
  county.towns.forEach(([name, lat, long], index) => {
    L.marker([lat, long], { icon: icon(name, "town"), interactive: false, keyboard: false }).addTo(index < LARGE ? layer : small);
  });
  const shows = (which, where) => (where ? which.addTo(map) : which.remove());
  const fit = () => {
    shows(layer, map.getZoom() < ROUGH);
    shows(small, map.getZoom() < ROUGH && map.getZoom() >= NEARER);
  };
  map.on("zoomend", fit);
  fit();
}

function create(box) {
  box.hidden = false;
  box.dataset.started = "yes";
  const map = L.map(box, { attributionControl: Boolean(box.dataset.tiles), scrollWheelZoom: false, zoomSnap: 0.25, fadeAnimation: false, zoomAnimation: false });
  if (map.attributionControl) map.attributionControl.setPrefix(false);
  L.control.scale({ metric: false }).addTo(map);
  return map;
}

function placeMap(box) {
  const map = create(box);
  const [lat, long] = ["lat", "long"].map((name) => document.getElementById(name));
  let marker = null;
  const shown = () => [parseFloat(lat.value), parseFloat(long.value)];
  const typed = () => shown().every(Number.isFinite);
  const set = (where) => {
    lat.value = where.lat.toFixed(5);
    long.value = where.lng.toFixed(5);
    draw();
  };
  const draw = () => {
    if (!typed()) { if (marker) marker.remove(); marker = null; return; }
    if (!marker) {
      marker = L.marker(shown(), { icon: icon("⌂", "here"), draggable: true, title: "The home", alt: "The home" }).addTo(map);
      marker.on("dragend", () => set(marker.getLatLng()));
    }
    marker.setLatLng(shown());
  };
  if (typed()) map.setView(shown(), 12); else map.fitBounds(COUNTY);
  map.on("click", (event) => set(event.latlng));
  for (const field of [lat, long]) field.addEventListener("change", draw);
  draw();
  background(map, box);
}

function salesMap(box) {
  const rows = [...document.querySelectorAll("tr[data-number]")];
  const own = box.dataset.lat ? [parseFloat(box.dataset.lat), parseFloat(box.dataset.long)] : null;
  if (!rows.length || (!own && rows.length < 1)) return;
  const map = create(box);
  const places = rows.map((row) => [parseFloat(row.dataset.lat), parseFloat(row.dataset.long)]);
  map.fitBounds(L.latLngBounds(own ? [...places, own] : places).pad(0.25), { maxZoom: 15 });
  rows.forEach((row, index) => {
    const title = `Comparable sale ${row.dataset.number}: comes to ${row.dataset.label}`;
    L.marker(places[index], { icon: icon(row.dataset.number, "badge"), title, alt: title }).addTo(map);
  });
  if (own) {
    for (const miles of [0.5, 1]) {
      L.circle(own, { radius: miles * 1609.344, color: "#51605e", weight: 1, dashArray: "4 5", fill: false, interactive: false }).addTo(map);
    }
    L.marker(own, { icon: icon("⌂", "here"), title: "The home", alt: "The home", zIndexOffset: -1000 }).addTo(map);
  }
  for (const sketch of document.querySelectorAll(".until-map")) sketch.classList.add("print-only");
  background(map, box);
}

window.startMaps = () => {
  if (!window.L) return;
  const start = { "place-map": placeMap, "sales-map": salesMap };
  for (const [id, begin] of Object.entries(start)) {
    const box = document.getElementById(id);
    if (box && !box.dataset.started) begin(box);
  }
};
