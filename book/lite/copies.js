/* The reader's own copies of the notebooks. JupyterLite keeps them in a database of the browser, one for each path that
   the book is served from, so that editions on one host do not share it. The pages and JupyterLite import this. */

const OWN = `JupyterLite Storage - ${new URL(".", import.meta.url).pathname}`; // JupyterLite's name for it
const SHARED = "A report you can run: notebooks"; // formerly: one database for all editions on a host

/* A database, or null where there is none: without `make`, looking for it does not make it. */
const openDatabase = (name, version, make) => new Promise((resolve, reject) => {
  const opening = indexedDB.open(name, version);
  opening.onupgradeneeded = () => (make ? make(opening.result) : opening.transaction.abort());
  opening.onsuccess = () => resolve(opening.result);
  opening.onerror = () => (make || opening.error.name !== "AbortError" ? reject(opening.error) : resolve(null));
});

const keepsFiles = (database) => database?.objectStoreNames.contains("files");

const answer = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

/* Copies that were made when all editions shared them become this one's too, once: on its first visit, before
   JupyterLite makes the store for its files. The shared ones stay as they are, for other editions. */
async function carryOver() {
  const own = await openDatabase(OWN); // JupyterLite keeps its settings there, and always did
  own?.close();
  const shared = keepsFiles(own) ? null : await openDatabase(SHARED);
  if (!keepsFiles(shared)) return shared?.close();
  const names = [...shared.objectStoreNames];
  const reading = shared.transaction(names);
  const stores = await Promise.all(names.map((name) => reading.objectStore(name)).map(
    async (store) => [store.name, await answer(store.getAllKeys()), await answer(store.getAll())]));
  shared.close();
  // All in the transaction that makes the stores: there is never half of a copy, and another tab finds it done.
  const made = await openDatabase(OWN, (own?.version ?? 0) + 1, (database) => {
    for (const [name, keys, values] of stores) {
      if (database.objectStoreNames.contains(name)) continue;
      const store = database.createObjectStore(name);
      keys.forEach((key, number) => store.put(values[number], key));
    }
  });
  made.close();
}

/* One request to this edition's copies, by their paths; undefined where there are none. */
export async function ask(mode, request) {
  const database = await openDatabase(OWN);
  try {
    if (!keepsFiles(database)) return undefined;
    return await new Promise((resolve, reject) => {
      const asked = database.transaction("files", mode);
      const asking = request(asked.objectStore("files"));
      asked.oncomplete = () => resolve(asking.result);
      asked.onabort = () => reject(asked.error);
    });
  } finally {
    database?.close();
  }
}

// Whoever imports this finds it done. Where it cannot be, the copies wait where they are, and all else works.
await carryOver().catch((reason) => console.warn("Copies of notebooks were not carried over:", reason));
