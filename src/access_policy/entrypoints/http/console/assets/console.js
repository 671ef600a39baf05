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

// --- a refused form: the focus goes to the problem, then to the first wrong field -----------------------------------
document.addEventListener("htmx:after:swap", () => {
  const problem = document.querySelector("#form-problem");
  if (!problem || !problem.textContent.trim()) return;
  const wrong = document.querySelector("[aria-invalid=true]");
  (wrong || problem).focus();
  (wrong || problem).scrollIntoView({ block: "center" });
});

// After a sign-in in another tab the page's token is an old one: the answer brings the new one for the next press.
document.addEventListener("htmx:after:request", (event) => {
  const token = event.detail.ctx?.response?.headers?.get("X-CSRF-Token");
  if (token) each("input[name=csrf]", (field) => { field.value = token; });
});

document.addEventListener("htmx:error", () => {
  const problem = document.querySelector("#form-problem");
  if (problem) problem.textContent = "The service cannot be reached. Nothing you typed is lost; press the button again in a moment.";
});

// --- leaving a half-filled form asks first: `data-keep` --------------------------------------------------------------
