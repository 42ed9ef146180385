// Keeps the page's inside as the server sends it, and shows confirmations. No framework: the server renders, this only puts it in place.
"use strict";

const root = document.documentElement;
const live = document.getElementById("live");
const link = document.getElementById("link");
const dialog = document.getElementById("dialog");

// ---- light and dark
const stored = localStorage.getItem("switchyard-theme");
if (stored) root.dataset.theme = stored;
document.getElementById("theme").addEventListener("click", () => {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("switchyard-theme", root.dataset.theme);
});

// ---- live updates: changes what differs and leaves the rest alone, so that bars glide, and what is open or selected stays so
function same(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName && (a.id || "") === (b.id || "");
}

function become(from, to) {
  if (from.nodeType === Node.TEXT_NODE) {
    if (from.data !== to.data) from.data = to.data;
    return;
  }
  if (from.nodeType !== Node.ELEMENT_NODE) return;
  for (const { name, value } of [...to.attributes]) {
    if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
  for (const { name } of [...from.attributes]) {
    if (!to.hasAttribute(name) && !(name === "open" && from.nodeName === "DETAILS")) from.removeAttribute(name);
  }
  children(from, to);
}

function children(from, to) {
  const byId = new Map([...from.children].filter((c) => c.id).map((c) => [c.id, c]));
  let at = from.firstChild;
  for (const wanted of [...to.childNodes]) {
    const known = wanted.id ? byId.get(wanted.id) : undefined;
    if (known && known !== at) from.insertBefore(known, at);
    const here = known ?? at;
    if (here && same(here, wanted)) {
      become(here, wanted);
      at = here.nextSibling;
    } else {
      from.insertBefore(wanted, at);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function follow() {
  const source = new EventSource(live.dataset.src);
  source.addEventListener("open", () => state("up", "live"));
  source.addEventListener("error", () => state("down", "no connection"));
  source.addEventListener("message", (event) => {
    const page = document.createElement("template");
    page.innerHTML = event.data;
    children(live, page.content);
    state("up", "live");
  });
  addEventListener("pagehide", () => source.close());
}

function state(name, text) {
  link.className = "link " + name;
  link.lastElementChild.textContent = text;
}

follow();

// ---- confirmations and actions
const own = { "X-Switchyard-Console": "1" };

async function show(url) {
  dialog.innerHTML = '<p class="busy">…</p>';
  dialog.showModal();
  try {
    fill(await (await fetch(url)).text());
  } catch {
    failed();
  }
}

function fill(html) {
  dialog.innerHTML = html;
  check();
  dialog.querySelector("[autofocus], input:not([type=checkbox]), button[type=submit]")?.focus();
}

function failed() {
  fill('<div class="outcome bad"><h2><i>!</i>Switchyard does not answer.</h2><p>What was asked for may be under way or done: the page shows it once the connection is back.</p><div class="buttons"><button data-close>Close</button></div></div>');
}

// The button of what cannot be taken back wakes once the name is typed.
function check() {
  const field = dialog.querySelector("[data-must-be]");
  if (field) dialog.querySelector("[type=submit]").disabled = field.value !== field.dataset.mustBe;
}

document.addEventListener("click", async (event) => {
  const target = event.target.closest("[data-dialog], [data-close], [data-post]");
  if (!target) return;
  event.preventDefault();
  if (target.dataset.dialog) {
    show(target.dataset.dialog);
  } else if (target.dataset.post) {
    if (confirm(target.dataset.ask)) await fetch(target.dataset.post, { method: "POST", headers: own });
  } else {
    dialog.close();
  }
});

dialog.addEventListener("input", check);
dialog.addEventListener("cancel", (event) => {
  if (dialog.querySelector("form[data-running]")) event.preventDefault();
});

dialog.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const body = new URLSearchParams(new FormData(form));
  form.dataset.running = "";
  for (const element of form.elements) element.disabled = true;
  form.querySelector("[type=submit]").textContent += " …";
  try {
    fill(await (await fetch(form.action, { method: "POST", body, headers: own })).text());
  } catch {
    failed();
  }
});
