/* What the reader types is cut as search_words.py cuts the pages: 785-64-10 is one word, and so is fan-in if a page has it;
   else its parts are looked for. */
var splitQuery = (query) =>
  query
    .replace(/[‐‑–−]/g, "-")
    .replace(/(\d),(?=\d{3}(?!\d))/g, "$1")
    .split(/[^\p{Letter}\p{Number}_.-]+/u)
    .map((word) => word.replace(/^[.-]+|[.-]+$/g, ""))
    .flatMap((word) => {
      const sought = new Stemmer().stemWord(word.toLowerCase());
      const { terms, titleterms } = Search._index;
      const whole = [terms, titleterms].some((words) => Object.keys(words).some((term) => term.includes(sought)));
      return whole || !/\p{Letter}/u.test(word) ? word : word.split(/[.-]+/);
    })
    .filter((word) => word);

/* A number is as good as a word. */
const parseQuery = Search._parseQuery;
Search._parseQuery = (query) => {
  const parsed = parseQuery(query);
  const [, sought, , highlighted] = parsed;
  for (const number of splitQuery(query).filter((word) => /^\d+$/.test(word))) {
    sought.add(number);
    highlighted.add(number);
  }
  return parsed;
};

/* The index is a plain object, which inherits "constructor" and more; it keeps the one method that Sphinx calls. */
const ownOnly = Object.assign(Object.create(null), {
  hasOwnProperty(name) { return Object.hasOwn(this, name); },
});
const setIndex = Search.setIndex;
Search.setIndex = (index) => {
  for (const words of [index.terms, index.titleterms]) Object.setPrototypeOf(words, ownOnly);
  setIndex(index);
};

/* Terms of the glossary come first, if the query is a part of the term or the other way round; then what explains; then
   the library, unless the query can only be code. Sphinx's lists have the best at their end. */
const CODE = /[_.]\p{Letter}|\p{Lowercase}\p{Uppercase}/u;
const stems = (text) => new Set(text.toLowerCase().match(/[\p{Letter}\p{Number}_]+/gu)
  ?.filter((word) => !stopwords.includes(word)).map((word) => new Stemmer().stemWord(word)));
const performSearch = Search._performSearch;
Search._performSearch = (query, ...parsed) => {
  Scorer.score = ([page, , , , score]) => (page.startsWith("book/api") && !CODE.test(query) ? score - 100 : score);
  const { docnames, filenames, titles, indexentries } = Search._index;
  const asked = stems(query);
  const alike = Object.entries(indexentries).flatMap(([term, places]) => {
    const words = stems(term);
    const shared = [...words].filter((word) => asked.has(word)).length;
    const likeness = shared === Math.min(words.size, asked.size) ? shared / Math.max(words.size, asked.size) : 0;
    return places.filter(([, , isTerm]) => isTerm && likeness >= 0.5).map(([page, id]) => (
      [docnames[page], `${titles[page]} > ${term}`, `#${id}`, null, likeness, filenames[page]]));
  });
  const most = Math.max(...alike.map(([, , , , likeness]) => likeness));
  const terms = alike.filter(([, , , , likeness]) => likeness === most).slice(0, 3);
  const others = performSearch(query, ...parsed).filter(([page]) => !terms.some(([glossary]) => page === glossary));
  return [...others, ...terms];
};

/* A result leads to the section of its page that says the words most often, and its excerpt comes from there: Sphinx's
   would begin anywhere, in code or in the TeX of a formula. Code and exercises count where nothing else has the words. */
const BLOCKS = "h1, h2, h3, h4, p, li, dt, dd, tr, figcaption, pre";
const LESS = "pre, .exercise *, .solution *";
const PLACES = "section[id]:has(> :is(h1, h2, h3, h4)), dt[id]";

const placeOf = (element) => {
  let named = element?.matches("dd") ? element.previousElementSibling : element;
  if (element && !named?.matches(PLACES)) return placeOf(element.parentElement);
  while (named?.matches("dt + dt")) named = named.previousElementSibling; // terms that share a definition
  return named;
};

Search.makeSearchSummary = (html, sought, anchor) => {
  const page = new DOMParser().parseFromString(html, "text/html");
  page.querySelectorAll(".headerlink, h2 .section-number, h3 .section-number, script, style, .run-in-browser")
    .forEach((element) => element.remove());
  page.querySelectorAll("th, td").forEach((cell) => cell.append(" "));
  page.querySelectorAll(".math").forEach((formula) => {
    const tex = formula.textContent.replace(/\\[()[\]]/g, "");
    formula.replaceWith(/[\\^_{}&]/.test(tex) ? "…" : tex);
  });
  const words = [...sought].map((word) => word.replace(/i$/, "")); // accuraci is in "accuracy" too
  const weight = (text) => words.map((word) => text.toLowerCase().split(word).length - 1)
    .reduce((sum, count) => sum + count + 1000 * Math.sign(count), 0);
  const said = (blocks, kind) => blocks.filter((block) => block.matches(kind)).map((block) => block.textContent).join(" ");
  const score = (blocks) => weight(said(blocks, `:not(${LESS})`)) + weight(said(blocks, LESS)) / 1e4;
  const best = (list, ofOne) => list[ofOne.indexOf(Math.max(...ofOne))];

  const places = new Map();
  for (const block of page.querySelectorAll(`[role="main"] :is(${BLOCKS})`)) {
    const place = placeOf(block);
    const isPart = block.matches("tr *") || (!block.matches("tr") && block.querySelector(BLOCKS));
    if (!place || isPart || (block.matches("pre") && /\$|\\[a-z]{2}/i.test(block.textContent))) continue;
    places.set(place, [...(places.get(place) ?? []), block]);
  }
  const target = page.getElementById(anchor.slice(1));
  const place = placeOf(target) || best([...places.keys()], [...places.values()].map(score));
  const blocks = (places.get(place) ?? []).filter((block) => !block.matches("h1, h2, h3, h4, dt"));
  const from = blocks.indexOf(best(blocks, blocks.map((block) => score([block]))));
  const text = blocks.slice(from).map((block) => block.textContent).join(" ").replace(/\s+/g, " ").trim();

  const summary = document.createElement("p");
  summary.className = "context";
  summary.textContent = text.length > 240 ? `${text.slice(0, text.lastIndexOf(" ", 240))} …` : text;
  queueMicrotask(() => { // by then it stands beside its link
    const link = summary.parentElement.querySelector("a");
    const end = place.matches("dt") ? target || place : place.querySelector("h1, h2, h3, h4");
    const titles = [page.querySelector("section > h1").textContent, end.matches(".sig") ? end.id : end.textContent];
    link.textContent = [...new Set(titles.map((title) => title.trim()))].join(" > ");
    if (!target) link.setAttribute("href", `${link.getAttribute("href")}#${place.id}`);
    [...Search.output.children].filter((item) => item.querySelector("a").href === link.href
      || (text && item.querySelector(".context")?.textContent === summary.textContent))
      .slice(1).forEach((item) => item.remove());
  });
  return summary;
};
