// What every page of the console does in the browser: the appearance, menus, and forms that survive a refusal.
"use strict";

const each = (selector, use, within = document) => within.querySelectorAll(selector).forEach(use);

// --- appearance ---------------------------------------------------------------------------------------------------
each("[data-theme-choice]", (choice) => {
  choice.value = document.documentElement.dataset.theme || "auto";
  choice.addEventListener("change", () => {
    const root = document.documentElement;
    if (choice.value === "auto") delete root.dataset.theme;
    else root.dataset.theme = choice.value;
    try { choice.value === "auto" ? localStorage.removeItem("theme") : localStorage.setItem("theme", choice.value); } catch {}
  });
});

// --- menus: close by Escape and by a click elsewhere; the pages' menu is open where there is room ------------------
const menus = () => document.querySelectorAll("header.top details");
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  menus().forEach((menu) => {
    if (menu.open && menu.contains(document.activeElement)) { menu.open = false; menu.querySelector("summary").focus(); }
  });
});
document.addEventListener("click", (event) => {
  menus().forEach((menu) => { if (menu.open && !menu.contains(event.target)) menu.open = false; });
});

// --- choices that submit their form at once: `data-submits` ---------------------------------------------------------
document.addEventListener("change", (event) => {
  if (event.target.matches?.("[data-submits]")) event.target.form.requestSubmit();
});

// --- checkboxes that choose a whole group (`data-all`), a count of the chosen ones (`data-chosen`), and an entered time ----
function countChosen() {
  each("[data-chosen]", (text) => {
    text.dataset.none ??= text.textContent;
    const number = document.querySelectorAll(`input[name="${text.dataset.chosen}"]:checked`).length;
    const words = number ? `${number} chosen` : text.dataset.none;
    if (text.textContent !== words) text.textContent = words;
  });
}
document.addEventListener("change", (event) => {
  const box = event.target;
  if (box.matches?.("[data-all]")) each("input[type=checkbox]", (one) => { one.checked = box.checked; }, box.closest(".choose-group"));
  else if (box.matches?.(".choose-group input:not(:checked)")) each("[data-all]", (all) => { all.checked = false; }, box.closest(".choose-group"));
  else if (box.matches?.("input[type=datetime-local]")) each("input[value=typed]", (one) => { one.checked = true; }, box.form);
  countChosen();
});
document.addEventListener("htmx:after:swap", countChosen);
countChosen();

// --- a refused form: the focus goes to the problem, then to the first wrong field -----------------------------------
document.addEventListener("htmx:after:swap", () => {
  const problem = document.querySelector("#form-problem");
  if (!problem || !problem.textContent.trim()) return;
  const wrong = document.querySelector("[aria-invalid=true]");
  (wrong || problem).focus();
  (wrong || problem).scrollIntoView({ block: "center" });
});

// After a sign-in in another tab, the page's token is outdated; the response brings the new one for the next try.
document.addEventListener("htmx:after:request", (event) => {
  const token = event.detail.ctx?.response?.headers?.get("X-CSRF-Token");
  if (token) each("input[name=csrf]", (field) => { field.value = token; });
});

document.addEventListener("htmx:error", () => {
  const problem = document.querySelector("#form-problem");
  if (problem) problem.textContent = "The service cannot be reached. Nothing you typed is lost; press the button again in a moment.";
});

// --- leaving a half-filled form asks first: `data-keep` --------------------------------------------------------------
