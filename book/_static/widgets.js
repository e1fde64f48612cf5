// Widgets on a rendered page: what ipywidgets' own scripts leave undone there.

// Sphinx marks the words that were searched for, in all texts of a page. In the data of widgets they would be read as data.
addEventListener("DOMContentLoaded", () => {
  for (const script of document.scripts) script.classList.add("nohighlight");
});

// A toggle button shows by its colour alone whether it is pressed: say it to a screen reader too.
new MutationObserver(() => {
  for (const button of document.querySelectorAll(".widget-toggle-buttons button, button.widget-toggle-button")) {
    const pressed = String(button.classList.contains("mod-active"));
    if (button.getAttribute("aria-pressed") !== pressed) button.setAttribute("aria-pressed", pressed);
  }
}).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ["class"] });

// Paper has nothing to click: what is folded is printed open.
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("main details:not([open])")];
  for (const details of opened) details.open = true;
});
addEventListener("afterprint", () => {
  for (const details of opened) details.open = false;
});
