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
  const { notebook, version, storage } = box.dataset;

  /* One request to JupyterLite's storage; nothing where it was never opened. */
  const inStorage = (mode, ask) => new Promise((resolve) => {
    const opening = indexedDB.open(storage);
    opening.onupgradeneeded = () => opening.transaction.abort();
    opening.onerror = () => resolve();
    opening.onsuccess = () => {
      const database = opening.result;
      if (!database.objectStoreNames.contains("files")) { database.close(); return resolve(); }
      const asked = database.transaction("files", mode);
      const request = ask(asked.objectStore("files"));
      asked.oncomplete = asked.onabort = () => { database.close(); resolve(request.result); };
    };
  });

  const look = async () => {
    const copy = await inStorage("readonly", (files) => files.get(notebook));
    part(".run-own-copy").hidden = !copy;
    part(".run-older").hidden = copy?.content?.metadata?.book_version === version;
    if (copy) part(".run-discarded").textContent = "";
  };
  part("button").addEventListener("click", async () => {
    await inStorage("readwrite", (files) => files.delete(notebook));
    await look();
    part(".run-discarded").textContent = "Discarded. The button opens the notebook as it stands here.";
  });
  addEventListener("pageshow", look);
  document.addEventListener("visibilitychange", look);
})();
