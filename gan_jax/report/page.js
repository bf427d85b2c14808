"use strict";

// A cell's value: a number where data-v is one, text otherwise, null where there is none.
function valueOf(row, column) {
  const cell = row.cells[column];
  const text = (cell.dataset.v ?? cell.textContent).trim();
  if (text === "" || text === "-") return null;
  const number = Number(text);
  return Number.isNaN(number) ? text : number;
}

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a === "number") return -1;
  if (typeof b === "number") return 1;
  return a.localeCompare(b, undefined, { numeric: true });
}

// Cells without a value stay last in both directions; equal ones keep their order.
function sortBy(table, head) {
  const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  for (const other of table.tHead.rows[0].cells) {
    if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
  }
  head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
  const body = table.tBodies[0];
  const rows = Array.from(body.rows, (row) => ({ row, value: valueOf(row, head.cellIndex) }));
  rows.sort((a, b) => {
    if (a.value === null || b.value === null) return (a.value === null) - (b.value === null);
    return sign * compare(a.value, b.value);
  });
  body.append(...rows.map((each) => each.row));
}

// What a filter looks through: "objective=hinge" must match a cell, other words any part of a row.
function searchable(table) {
  const names = Array.from(table.tHead.rows[0].cells, (head) => head.dataset.name ?? "");
  return new Map(Array.from(table.tBodies[0].rows, (row) => {
    const texts = Array.from(row.cells, (cell) => cell.textContent.trim().toLowerCase());
    const pairs = new Set(texts.map((text, i) => names[i].toLowerCase() + "=" + text));
    if (names.includes("setting")) pairs.add("setting=" + row.cells[names.indexOf("setting")].dataset.v);
    return [row, { all: texts.join("\n"), pairs }];
  }));
}

function makeFilter(bar) {
  const table = document.getElementById(bar.dataset.for).querySelector("table.sortable");
  const input = bar.querySelector("input");
  const status = bar.querySelector("select");
  const output = bar.querySelector("output");
  let rows = null;
  function apply() {
    rows ??= searchable(table);
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let left = 0;
    for (const [row, text] of rows) {
      const fits = words.every((word) => text.pairs.has(word) || text.all.includes(word));
      row.hidden = !fits || Boolean(status && status.value && row.dataset.status !== status.value);
      left += !row.hidden;
    }
    output.textContent = `${left} of ${rows.size}`;
  }
  input.addEventListener("input", apply);
  status?.addEventListener("change", apply);
  return (words) => { input.value = words; apply(); };
}

function showMetric(name) {
  for (const part of document.querySelectorAll("[data-metric]")) {
    part.hidden = part.dataset.metric !== name;
  }
}

for (const table of document.querySelectorAll("table.sortable")) {
  table.tHead.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button) sortBy(table, button.closest("th"));
  });
}
const filters = new Map();
for (const bar of document.querySelectorAll(".filters")) filters.set(bar.dataset.for, makeFilter(bar));
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-filter]");
  if (link) filters.get("rows")?.(link.dataset.filter);
});
for (const button of document.querySelectorAll("button.gallery")) {
  button.addEventListener("click", () => {
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(on));
    button.closest("section").querySelector("table").classList.toggle("gallery", on);
  });
}
document.getElementById("metric")?.addEventListener("change", (event) => showMetric(event.target.value));
