/* Tell the reader what the button cannot do from disk, and that the browser keeps a copy of the notebook.
   JupyterLite saves notebooks in the browser's storage, and opens what is there rather than what the site has. */
(() => {
  const box = document.querySelector(".run-in-browser");
  if (!box) return;
  const part = (name) => box.querySelector(name);
  if (location.protocol === "file:") {
    part(".run-served").hidden = true;
    part(".run-from-disk").hidden = false;
    return;
  }
  const { notebook, version } = box.dataset;
  const copies = import("../lite/copies.js");

  const look = async () => {
    const { ask } = await copies;
    // A browser that forbids its storage keeps no copy.
    const copy = await ask("readonly", (files) => files.get(notebook)).catch(() => undefined);
    part(".run-own-copy").hidden = !copy;
    part(".run-older").hidden = copy?.content?.metadata?.book_version === version;
    if (copy) part(".run-discarded").textContent = "";
  };
  part("button").addEventListener("click", async () => {
    const { ask } = await copies;
    await ask("readwrite", (files) => files.delete(notebook));
    await look();
    part(".run-discarded").textContent = "Discarded. The button opens the notebook as it stands here.";
  });
  addEventListener("pageshow", look);
  document.addEventListener("visibilitychange", look);
})();
