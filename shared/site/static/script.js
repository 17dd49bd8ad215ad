"use strict";
// Theme, columns and fading are the reader's choice, kept from page to page. Without script every page is complete.
const root = document.documentElement;
const DEFAULTS = { theme: "", hide: "", dim: "" };
const choices = { ...DEFAULTS, ...stored(), ...travelled() };

function stored() {
  try {
    return JSON.parse(localStorage.getItem("triptych")) ?? {};
  } catch {
    return {}; // no storage, or not ours
  }
}

// Some browsers give every file on disk a storage of its own: there, choices travel in the address as well.
function travelled() {
  const found = Object.fromEntries(
    [...new URLSearchParams(location.search)].filter(([name]) => name in DEFAULTS));
  try {
    if (location.search) history.replaceState(null, "", location.pathname + location.hash);
  } catch { /* the address stays as it is */ }
  return found;
}

function apply() {
  if (choices.theme) root.dataset.theme = choices.theme; else delete root.dataset.theme;
  root.dataset.hide = choices.hide;
  root.dataset.dim = choices.dim;
  try {
    localStorage.setItem("triptych", JSON.stringify(choices));
  } catch { /* then they last as long as the page */ }
}
apply(); // before the page is drawn

document.addEventListener("DOMContentLoaded", () => {
  setUpTheme();
  setUpColumns();
  setUpEquations();
  if (location.protocol === "file:") document.addEventListener("click", carry);
});

function carry(event) {
  const link = event.target.closest("a[href$='.html'], a[href*='.html#']");
  if (!link || link.protocol !== "file:") return;
  const chosen = Object.entries(choices).filter(([, value]) => value);
  link.search = new URLSearchParams(chosen).toString();
}

function setUpTheme() {
  const button = document.querySelector(".theme");
  const next = { "": "light", light: "dark", dark: "" };
  const show = () => {
    const name = { "": "Auto", light: "Light", dark: "Dark" }[choices.theme];
    button.textContent = name;
    button.setAttribute("aria-label", `Theme: ${name}`);
  };
  button.addEventListener("click", () => {
    choices.theme = next[choices.theme] ?? "";
    apply();
    show();
  });
  button.hidden = false;
  show();
}

function setUpColumns() {
  const bar = document.querySelector(".toolbar");
  if (!bar) return;
  const buttons = [...bar.querySelectorAll("[data-column]")];
  const dim = bar.querySelector(".dim");
  const names = Object.fromEntries(buttons.map((b) => [b.dataset.column, b.textContent]));
  const hidden = () => new Set(choices.hide.split(" ").filter((column) => column in names));
  const show = () => {
    if (hidden().size === buttons.length) choices.hide = "";
    const gone = hidden();
    for (const b of buttons) b.setAttribute("aria-pressed", String(!gone.has(b.dataset.column)));
    dim.setAttribute("aria-pressed", String(choices.dim === "yes"));
    apply();
    label(names, gone);
  };
  for (const b of buttons) {
    b.addEventListener("click", () => {
      const gone = hidden();
      if (!gone.delete(b.dataset.column)) gone.add(b.dataset.column);
      choices.hide = [...gone].join(" ");
      show();
    });
  }
  dim.addEventListener("click", () => {
    choices.dim = choices.dim === "yes" ? "" : "yes";
    show();
  });
  bar.hidden = false;
  show();
}

// Which of the columns shown have the same text. In narrow windows, where they lie over each other, it is shown once,
// and different texts with the name of their column.
function label(names, gone) {
  const count = Object.keys(names).length - gone.size;
  for (const part of document.querySelectorAll(".part.split")) {
    let before = "";
    for (const row of part.querySelectorAll(".row")) {
      const groups = new Map();
      for (const cell of row.querySelectorAll("[data-column]")) {
        cell.classList.remove("dup");
        delete cell.dataset.who;
        if (gone.has(cell.dataset.column)) continue;
        const group = groups.get(cell.textContent);
        if (group) cell.classList.add("dup");
        groups.set(cell.textContent, [...(group ?? []), cell]);
      }
      row.classList.toggle("same", count > 1 && groups.size === 1 && [...groups.values()][0].length === count);
      for (const group of groups.values()) {
        const who = group.length < count ? group.map((cell) => names[cell.dataset.column]).join(", ") : "";
        if (who && who !== before) group[0].dataset.who = who;
        else if (!who && before) group[0].dataset.who = "All";
        before = who;
      }
    }
  }
}

function setUpEquations() {
  const bar = document.querySelector("#bar");
  if (!bar) return;
  const marked = [...document.querySelectorAll("[data-eq]")];
  const numbers = (element) => element.dataset.eq.split(" ");
  const equations = [...document.querySelectorAll(".equation[data-eq]")];
  let pinned = null;

  const mark = (element) => {
    const wanted = new Set(element ? numbers(element) : []);
    for (const one of marked) one.classList.toggle("on", numbers(one).some((n) => wanted.has(n)));
    bar.replaceChildren();
    for (const equation of element && !element.matches(".equation") ? equations : []) {
      if (!numbers(equation).some((n) => wanted.has(n))) continue;
      const line = document.createElement("div");
      line.append(`(${numbers(equation).join(") (")})  ${equation.querySelector(".formula").textContent.trim().replace(/\s+/g, " ")}`);
      const remark = document.createElement("span");
      remark.className = "remark";
      remark.textContent = equation.querySelector(".remark").textContent;
      line.append(remark);
      bar.append(line);
    }
    bar.hidden = !bar.childElementCount;
  };
  const pin = (element) => {
    pinned = element;
    for (const b of document.querySelectorAll("button.tag")) {
      b.setAttribute("aria-pressed", String(b.closest("[data-eq]") === pinned));
    }
    mark(pinned);
  };
  const over = (event) => mark(event.target.closest?.("[data-eq]") ?? pinned);
  document.addEventListener("pointerover", over);
  document.addEventListener("focusin", over);
  document.addEventListener("focusout", () => mark(pinned));
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button.tag");
    if (!button) return;
    const element = button.closest("[data-eq]");
    pin(element === pinned ? null : element);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") pin(null);
  });
}
