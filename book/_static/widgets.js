// Widgets on a rendered page: what ipywidgets' own scripts leave undone there.

// Sphinx marks the words that were searched for, in all texts of a page. In the data of widgets they would be read as data.
addEventListener("DOMContentLoaded", () => {
  for (const script of document.scripts) script.classList.add("nohighlight");
});

// The program that shows widgets is large, and so is what they hold, and most readers begin at a page's top: both are
// fetched when a widget comes near. Until then, and where they cannot be had, the plain picture stays.
const VIEWS = 'script[type="application/vnd.jupyter.widget-view+json"]';
addEventListener("DOMContentLoaded", () => {
  const [state, waiting] = [".widget-state", ":not(.widget-state)"].map(
    (which) => document.querySelector(`script[type="text/when-needed"]${which}`));
  const near = new IntersectionObserver((seen) => {
    if (!seen.some(({ isIntersecting }) => isIntersecting)) return;
    near.disconnect();
    const held = Object.assign(document.createElement("script"), { src: state.src });
    held.onload = start;
    document.head.append(held);
  }, { rootMargin: "150% 0px" });
  const start = () => {
    // It begins with the page's load event, which is over by then.
    const listen = window.addEventListener;
    const begin = (type, listener, ...rest) => (type === "load" ? listener() : listen.call(window, type, listener, ...rest));
    const { src, integrity, crossOrigin } = waiting;
    const script = Object.assign(document.createElement("script"), { integrity, crossOrigin, src });
    const loaded = document.readyState === "complete";
    if (loaded) window.addEventListener = begin;
    script.onload = script.onerror = () => { if (loaded) window.addEventListener = listen; };
    document.head.append(script);
  };
  if (waiting && state) for (const view of document.querySelectorAll(VIEWS)) near.observe(view.parentElement);
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
