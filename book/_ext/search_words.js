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
