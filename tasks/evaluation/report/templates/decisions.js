"use strict";
// Decisions about files: kept by the browser under the report's id, and leaving it by the export alone.

const data = JSON.parse(document.getElementById("data").textContent);
const at = (id) => document.getElementById(id);
const CHOICES = [["accept", "Accept"], ["reject", "Reject"], ["redo", "Redo"]];
const ORDER = ["", "redo", "reject", "accept"];
const shelf = `anonflow/${data.report}/`;
const known = new Map();
let kept = true;

const decision = (name) => known.get(name) || { choice: "", note: "" };

// One entry per file, so that two open pages do not write over each other's decisions.
function recall(name) {
  if (!kept) return;
  try {
    const value = JSON.parse(localStorage.getItem(shelf + name));
    if (!value) known.delete(name);
    else if (ORDER.includes(value.choice) && typeof value.note === "string") known.set(name, value);
  } catch {
    // Not our entry, or no storage; the next line finds out which.
    try { localStorage.getItem(shelf); } catch { kept = false; }
  }
}

function keep(name, value) {
  known.set(name, value);
  try {
    localStorage.setItem(shelf + name, JSON.stringify(value));
  } catch {
    kept = false;
  }
  at("unkept").hidden = kept;
}

function make(kind, name = "", text = "") {
  const element = document.createElement(kind);
  if (name) element.className = name;
  if (text) element.textContent = text;
  return element;
}

// The buttons and the note of a file.
function control(name, changed) {
  const box = make("div", "decide");
  const group = make("div", "choices");
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", `Decision about ${name}`);
  const note = make("input", "note");
  note.type = "text";
  note.maxLength = 500;
  note.placeholder = "Note (optional)";
  note.setAttribute("aria-label", `Note about ${name}`);
  const buttons = CHOICES.map(([choice, label]) => {
    const button = make("button", choice, label);
    button.type = "button";
    button.addEventListener("click", () => {
      const now = decision(name);
      keep(name, { choice: now.choice === choice ? "" : choice, note: now.note });
      show();
      changed();
    });
    group.append(button);
    return button;
  });
  note.addEventListener("input", () => keep(name, { choice: decision(name).choice, note: note.value }));
  function show() {
    const now = decision(name);
    buttons.forEach((button, k) => button.setAttribute("aria-pressed", String(CHOICES[k][0] === now.choice)));
    note.hidden = !now.choice;
    note.value = now.note;
  }
  show();
  box.append(group, note);
  return box;
}

// What another tab decided, or this browser kept of a page that it brings back.
function follow(names, show) {
  const again = () => { names.forEach(recall); show(); };
  addEventListener("storage", again);
  addEventListener("pageshow", (event) => { if (event.persisted) again(); });
  names.forEach(recall);
  at("unkept").hidden = kept;
  addEventListener("beforeunload", (event) => { if (!kept && known.size) event.preventDefault(); });
}

function single(name) {
  const section = at("decision");
  let box = null;
  const show = () => {
    const fresh = control(name, () => {});
    if (box) box.replaceWith(fresh); else section.append(fresh);
    box = fresh;
  };
  follow([name], show);
  show();
  section.hidden = false;
}

// On paper nobody can open what explains a number.
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details:not([open])")];
  opened.forEach((one) => { one.open = true; });
});
addEventListener("afterprint", () => opened.forEach((one) => { one.open = false; }));

if (!data.files) single(data.name);
