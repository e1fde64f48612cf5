/* A question of the text, the choices below it and the folded answer become a form, which shows the answer to those who
   have chosen. What was chosen stays in the browser's storage for this site, by edition of the book. */
(() => {
  const base = new URL("../", document.currentScript.src).pathname;
  const page = `${location.pathname.slice(base.length)} `;
  const KEY = `predictions ${base}`;
  const LEVELS = [50, 60, 70, 80, 90, 99];

  const make = (tag, properties, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties ?? {})) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };

  // A browser that forbids its storage keeps what was chosen until the page is left.
  let kept = {};
  const read = () => {
    try {
      kept = JSON.parse(localStorage.getItem(KEY)) ?? {};
    } catch { /* forbidden */ }
  };
  const change = (edit) => {
    read(); // another tab may have written meanwhile
    edit();
    try {
      if (Object.keys(kept).length) localStorage.setItem(KEY, JSON.stringify(kept));
      else localStorage.removeItem(KEY);
    } catch { /* forbidden, or full */ }
  };

  class Question {
    constructor(answer) {
      this.answer = answer;
      this.name = page + answer.id;
      this.cell = answer.closest(".cell");
      const before = this.cell.previousElementSibling;
      const list = before.matches("ul, ol") ? before : null;
      this.asked = list ? list.previousElementSibling : before;
      this.asked.id ||= `${answer.id}-question`;
      this.choices = [...(list?.children ?? [])].map((choice) => {
        const text = choice.textContent.trim();
        const field = make("input", { type: "radio", name: answer.id, value: text, required: "" });
        const mark = make("strong");
        const words = (choice.querySelector("p") ?? choice).childNodes;
        return { text, field, mark, label: make("label", {}, field, make("span", {}, ...words, mark)) };
      });
      this.number = list ? null : make("input", { type: "number", step: "any", name: answer.id, required: "" });
      this.sure = make("select", { required: "" }, make("option", { value: "" }, "choose"));
      const guess = Math.round(100 / (this.choices.length || 100));
      for (const level of this.choices.length > 2 ? [guess, ...LEVELS] : LEVELS) {
        this.sure.append(make("option", { value: level }, `${level} %${level === guess ? ", a guess" : ""}`));
      }
      this.fields = make("fieldset", { "aria-describedby": this.asked.id }, make("legend", {}, "Your prediction"),
        ...(list ? this.choices.map(({ label }) => label) : [make("label", {}, "Your number: ", this.number)]),
        make("p", {}, make("label", {}, "How sure are you? ", this.sure),
          make("button", { type: "submit" }, "Commit, and see the answer")));
      // There before it says something, or it is not read out.
      this.verdict = make("p", { class: "verdict", role: "status", tabindex: "-1" });
      this.form = make("form", { class: "prediction-form", "aria-label": `Prediction: ${answer.id.slice(8)}` },
        this.fields, this.verdict);
      this.form.addEventListener("submit", (event) => {
        event.preventDefault();
        const said = this.number?.value ?? this.choices.find(({ field }) => field.checked).text;
        change(() => { kept[this.name] = { said, sure: Number(this.sure.value), right: this.isRight(said) }; });
        show();
        this.verdict.focus();
      });
      list?.remove();
      this.cell.before(this.form);
    }

    isRight(said) {
      const { right, low, high } = this.answer.dataset;
      return this.number ? Number(low) <= said && said <= Number(high) : this.choices[right].text === said;
    }

    // What was chosen counts as long as the page offers it.
    get made() {
      const made = kept[this.name];
      const offered = made && (this.number || this.choices.some(({ text }) => text === made.said));
      return offered ? { ...made, question: this, right: this.isRight(made.said) } : null;
    }

    show() {
      const { made } = this;
      this.fields.disabled = Boolean(made);
      this.answer.open = Boolean(made);
      this.cell.classList.toggle("waiting", !made);
      this.verdict.replaceChildren(...(made ? [make("strong", {}, made.right ? "Right." : "It came out otherwise."),
        ` You said: ${made.said.replace(/\.$/, "")}; and you were ${made.sure} % sure.`] : []));
      if (made) this.sure.value = made.sure;
      if (made && this.number) this.number.value = made.said;
      this.choices.forEach(({ text, field, mark }) => {
        if (made) field.checked = text === made.said;
        const said = made ? [field.checked && "your choice", this.isRight(text) && "what came"].filter(Boolean) : [];
        mark.textContent = said.length ? ` (${said.join(", ")})` : "";
      });
    }
  }

  // How sure somebody was, against how many were right: in words, and drawn.
  const mean = (numbers) => numbers.reduce((sum, number) => sum + Number(number), 0) / numbers.length;
  const count = (made) => `${made.filter(({ right }) => right).length} of ${made.length}`;
  const compared = (made) => {
    const sure = Math.round(mean(made.map((each) => each.sure)));
    const right = Math.round(100 * mean(made.map((each) => each.right)));
    const fits = Math.abs(right - sure) <= 10 ? "that fits" : right < sure ? "you were too sure" : "you may trust yourself more";
    return `On average you were ${sure} % sure, and ${right} % were right: ${made.length < 10 ? "too few yet to say whether that fits" : fits}.`;
  };
  const drawn = (made) => {
    const levels = [...new Set(made.map(({ sure }) => sure))].sort((a, b) => a - b);
    const points = levels.map((level) => {
      const there = made.filter(({ sure }) => sure === level);
      const right = mean(there.map((each) => each.right));
      return { said: `${level} % sure, ${count(there)} right`, x: 40 + 2 * level, y: 150 - 130 * right, r: 3 + Math.sqrt(there.length) };
    });
    const at = [0, 50, 100].map((share) => `<text x="${40 + 2 * share}" y="165" text-anchor="middle">${share} %</text>
      <text x="36" y="${154 - 1.3 * share}" text-anchor="end">${share} %</text>`);
    const figure = make("figure");
    figure.innerHTML = `<svg viewBox="0 0 260 184" width="260" height="184" role="img">
      <g fill="none" stroke="currentColor"><path d="M40 20V150H240"/><path d="M40 150L240 20" stroke-dasharray="4 4"/>
      <polyline stroke-width="2" points="${points.map(({ x, y }) => `${x},${y}`).join(" ")}"/></g>
      <g fill="currentColor" font-size="11">${points.map(({ x, y, r }) => `<circle cx="${x}" cy="${y}" r="${r}"/>`).join("")}
      ${at.join("")}<text x="4" y="12">right</text><text x="140" y="181" text-anchor="middle">how sure</text></g></svg>`;
    const said = points.map((point) => point.said).join("; ");
    figure.firstChild.setAttribute("aria-label", `How sure, and how many were right: ${said}.`);
    figure.append(make("figcaption", {}, `Where as many are right as you were sure, the line meets the dashed one. ${said}.`));
    return figure;
  };

  const questions = [...document.querySelectorAll("details.prediction")].map((answer) => new Question(answer));
  const heading = make("h2", { tabindex: "-1" }, "Your predictions");
  const told = make("div");
  const summary = make("section", { id: "your-predictions", class: "predictions" }, heading, told);
  const exercises = document.querySelector(".bd-article section#exercises");
  if (exercises) exercises.before(summary);
  else document.querySelector(".bd-article section").append(summary);

  const forget = (label, which) => {
    const button = make("button", { type: "button" }, label);
    button.addEventListener("click", () => {
      change(() => { kept = Object.fromEntries(Object.entries(kept).filter(([name]) => !which(name))); });
      for (const { form } of questions) form.reset();
      show();
      heading.focus();
    });
    return button;
  };
  const show = () => {
    for (const question of questions) question.show();
    const made = questions.map((question) => question.made).filter(Boolean);
    const right = made.filter((each) => each.right).length;
    const others = Object.entries(kept).filter(([name]) => !name.startsWith(page)).map(([, each]) => each);
    const all = [...made, ...others];
    told.replaceChildren(make("p", {}, made.length
      ? `You have made ${made.length} of the ${questions.length} on this page, and ${right} came as you said. ${compared(made)}`
      : `You have made none of the ${questions.length} on this page.`));
    const wrong = made.filter(({ right }) => !right);
    if (wrong.length) {
      told.append(make("p", {}, "To read again:"), make("ul", {}, ...wrong.map(({ question }) => {
        const section = question.form.closest("section");
        const title = section.querySelector("h1, h2, h3").cloneNode(true);
        title.querySelector(".headerlink")?.remove();
        const see = question.answer.querySelector("a.see");
        const more = see && see.hash !== `#${section.id}` ? [". ", see.cloneNode(true)] : [];
        return make("li", {}, make("a", { href: `#${question.asked.id}` }, title.textContent), ...more);
      })));
    }
    if (others.length) told.append(make("p", {}, `In all chapters so far ${count(all)} came as you said. ${compared(all)}`));
    if (all.length) {
      told.append(drawn(all), make("p", { class: "kept" }, "Kept in this browser, and nowhere else. ",
        ...(made.length ? [forget("Forget those of this page", (name) => name.startsWith(page))] : []), " ",
        ...(others.length ? [forget("Forget those of all chapters", () => true)] : [])));
    }
  };
  const anew = () => { read(); show(); };
  anew();
  addEventListener("storage", anew); // of another tab
  addEventListener("pageshow", ({ persisted }) => { if (persisted) anew(); });
})();
