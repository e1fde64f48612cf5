// Draw a digit: the network of row 3c, seed 0, reads it in the page. digit_network.js holds its weights.
"use strict";
(() => {
  const { mean, std, weights, examples } = window.mlpDigitNetwork;
  const bytes = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

  // ---- the network
  const [W1, W2] = weights.map((text) => new Float32Array(bytes(text).buffer));

  // z_j = Σ_i w_ji x_i for each unit j of a layer; w_ji is W[i * units + j].
  function weightedSums(x, W) {
    const units = W.length / x.length;
    const z = new Array(units).fill(0);
    x.forEach((x_i, i) => {
      for (let j = 0; j < units; j++) z[j] += W[i * units + j] * x_i;
    });
    return z;
  }

  function predict(pixels) {
    if (pixels.length !== 784) {
      throw new RangeError(`expected 784 grey levels, got ${pixels.length}`);
    }
    const x = [...Array.from(pixels, (grey) => (grey - mean) / std), 1];
    const f = (z_j) => 1.7159 * Math.tanh((2 * z_j) / 3);
    const a = weightedSums(x, W1).map(f);
    const z = weightedSums(a, W2);
    const largest = Math.max(...z); // without it exp may overflow
    const e = z.map((z_k) => Math.exp(z_k - largest));
    const S = e.reduce((sum, e_m) => sum + e_m);
    return { probabilities: e.map((e_k) => e_k / S), hidden: a };
  }
  // ---- from the drawing to 28×28 pixels
  const SIDE = 280; // the drawing is 280×280, its ink 0 to 255 at each place

  // Each pixel is the mean ink of a square of the drawing, `scale` wide, taken
  // at 10×10 points: this is the anti-aliasing.
  function sample(ink, left, top, scale) {
    return Array.from({ length: 784 }, (_, pixel) => {
      let sum = 0;
      const [row, column] = [Math.floor(pixel / 28), pixel % 28];
      for (let v = 0.05; v < 1; v += 0.1) {
        for (let u = 0.05; u < 1; u += 0.1) {
          const y = Math.floor(top + (row + v) * scale);
          const x = Math.floor(left + (column + u) * scale);
          const inside = Math.min(x, y) >= 0 && Math.max(x, y) < SIDE;
          if (inside) sum += ink[SIDE * y + x];
        }
      }
      return Math.round(sum / 100);
    });
  }

  // The longer side of the ink becomes 20 pixels, and its centre of mass comes
  // to lie in the pixel of row 14 and column 14.
  function asMnist(ink) {
    let [left, top, right, bottom] = [SIDE, SIDE, 0, 0];
    let [mass, momentX, momentY] = [0, 0, 0];
    ink.forEach((amount, i) => {
      if (amount === 0) return;
      const [x, y] = [i % SIDE, Math.floor(i / SIDE)];
      [left, right] = [Math.min(left, x), Math.max(right, x + 1)];
      [top, bottom] = [Math.min(top, y), Math.max(bottom, y + 1)];
      mass += amount;
      momentX += amount * (x + 0.5);
      momentY += amount * (y + 0.5);
    });
    if (mass === 0) return sample(ink, 0, 0, SIDE / 28);
    const scale = Math.max(right - left, bottom - top) / 20;
    const origin = (corner, centre) =>
      corner + (Math.floor((centre - corner) / scale) - 14) * scale;
    const [x, y] = [origin(left, momentX / mass), origin(top, momentY / mass)];
    return sample(ink, x, y, scale);
  }
  // ---- the ink
  // It is kept here and never read back from the canvas: some browsers answer with noise, against tracking.
  const ink = new Uint8ClampedArray(SIDE * SIDE);

  // A stroke with a round pen: places within `radius` of the line from p to q get ink, at the edge less.
  function line(p, q, radius) {
    const [dx, dy] = [q[0] - p[0], q[1] - p[1]];
    const from = (i) => Math.max(0, Math.floor(Math.min(p[i], q[i]) - radius));
    const to = (i) => Math.min(SIDE - 1, Math.ceil(Math.max(p[i], q[i]) + radius));
    for (let y = from(1); y <= to(1); y++) {
      for (let x = from(0); x <= to(0); x++) {
        const [u, v] = [x + 0.5 - p[0], y + 0.5 - p[1]];
        const t = Math.max(0, Math.min(1, (u * dx + v * dy) / (dx * dx + dy * dy || 1))); // the nearest place on it
        const distance = Math.hypot(u - t * dx, v - t * dy);
        ink[SIDE * y + x] = Math.max(ink[SIDE * y + x], 255 * (radius + 0.5 - distance));
      }
    }
  }
  // ---- the page
  const part = (name) => document.querySelector(`#draw-digit [data-part="${name}"]`);
  const paper = part("paper");
  const rows = Array.from({ length: 10 }, (_, digit) => {
    const row = part("probabilities").insertRow();
    row.innerHTML = `<th scope="row">${digit}</th><td class="bar"></td><td class="number"></td>`;
    return row;
  });

  function paint(canvas, rgba) {
    canvas.getContext("2d").putImageData(new ImageData(Uint8ClampedArray.from(rgba), canvas.width), 0, 0);
  }
  function greys(pixels) {
    const rgba = new Uint8ClampedArray(4 * pixels.length);
    pixels.forEach((grey, i) => (rgba[4 * i + 3] = grey)); // black, more or less opaque
    return rgba;
  }
  function diverging(a) { // blue at −1.7159, white at 0, vermillion at 1.7159: Okabe and Ito's
    const end = a < 0 ? [0, 114, 178] : [213, 94, 0];
    return [...end.map((level) => 255 + (level - 255) * Math.abs(a / 1.7159)), 255];
  }
  const argmax = (values) => values.indexOf(Math.max(...values));
  const named = (digit) => (digit === 8 ? "an 8" : `a ${digit}`);
  const nothing = { probabilities: Array(10).fill(0), hidden: Array(64).fill(0) };

  function show(pixels) {
    const empty = !pixels.some(Boolean);
    const { probabilities, hidden } = empty ? nothing : predict(pixels);
    const winner = argmax(probabilities);
    probabilities.forEach((p, k) => {
      rows[k].classList.toggle("winner", !empty && k === winner);
      rows[k].cells[1].style.setProperty("--p", p);
      rows[k].cells[2].textContent = empty ? "–" : p.toFixed(3);
    });
    paint(part("seen"), greys(pixels));
    paint(part("hidden"), hidden.flatMap(diverging));
    const [positive, flat] = [(a) => a > 0, (a) => Math.abs(a) > 1.5].map((is) => hidden.filter(is).length);
    part("hidden").ariaLabel = `Of the 64 hidden units ${positive} are above 0, and ${flat} near ±1.7159.`;
    const [said, now] = [part("verdict"), empty ? "Nothing to read yet." : `It reads ${named(winner)}.`];
    if (said.textContent !== now) said.textContent = now; // a screen reader speaks it when it changes
  }

  function read() {
    paint(paper, greys(ink));
    if (!ink.some(Boolean)) {
      const sheet = paper.getContext("2d");
      [sheet.font, sheet.fillStyle, sheet.textAlign] = ["24px sans-serif", "#6b6b6b", "center"];
      sheet.fillText("Draw here", SIDE / 2, SIDE / 2);
    }
    show(part("centre").checked ? asMnist(ink) : sample(ink, 0, 0, SIDE / 28));
  }

  // One pointer draws at a time. A hand that rests on the paper gives way: to a pen at once, to a finger when it moves.
  const resting = new Map(); // of the pointers that are down and have not moved, where they are
  let [drawing, last, before] = [null, null, null]; // whose stroke it is, where it has come to, the ink without it
  const place = ({ offsetX, offsetY }) => [offsetX, offsetY].map((offset) => (offset * SIDE) / paper.clientWidth);

  function stroke(point) {
    line(last, point, part("pen").value / 2);
    last = point;
    read();
  }
  function begin({ pointerId: id, pointerType: type }, point) {
    before = ink.slice();
    [drawing, last] = [{ id, type }, point];
    stroke(point);
  }
  function takeBack() {
    ink.set(before);
    drawing = null;
    read();
  }
  paper.onpointerdown = (event) => {
    if (event.button !== 0) return;
    resting.set(event.pointerId, place(event));
    if (drawing?.type === "touch" && event.pointerType === "pen") takeBack();
    if (!drawing) begin(event, place(event));
    paper.setPointerCapture(event.pointerId);
  };
  paper.onpointermove = (event) => {
    const [id, point, start] = [event.pointerId, place(event), resting.get(event.pointerId)];
    if (start && Math.hypot(point[0] - start[0], point[1] - start[1]) > SIDE / 14) {
      if (drawing?.type === "touch" && drawing.id !== id && resting.has(drawing.id)) {
        takeBack();
        begin(event, start);
      }
      resting.delete(id);
    }
    if (drawing?.id === id) stroke(point);
  };
  paper.onpointerup = paper.onpointercancel = paper.onlostpointercapture = ({ type, pointerId: id }) => {
    if (drawing?.id === id) {
      if (type === "pointercancel" && resting.has(id)) takeBack(); // the system saw that it was a hand
      drawing = null;
    }
    resting.delete(id);
  };

  function replace(amount) {
    drawing = null;
    for (let i = 0; i < ink.length; i++) ink[i] = amount(i % SIDE, Math.floor(i / SIDE));
    read();
  }
  part("clear").onclick = () => replace(() => 0);
  part("centre").onchange = read;
  part("move").querySelectorAll("button").forEach((button) => {
    const [right, down] = [button.dataset.x, button.dataset.y].map((pixels) => (pixels * SIDE) / 28);
    button.onclick = () => {
      const drawn = ink.slice();
      const inside = (place) => place >= 0 && place < SIDE;
      replace((x, y) => inside(x - right) && inside(y - down) ? drawn[SIDE * (y - down) + x - right] : 0);
    };
  });
  const put = (image) => replace((x, y) => image[28 * Math.floor(y / 10) + Math.floor(x / 10)]);
  examples.forEach(({ label, pixels }) => {
    const image = bytes(pixels);
    const right = argmax(predict(image).probabilities) === label;
    const button = document.createElement("button");
    button.type = "button";
    button.title = `Example: ${named(label)}${right ? "" : ", misread"}`;
    button.innerHTML = '<canvas width="28" height="28"></canvas>';
    paint(button.firstChild, greys(image));
    button.onclick = () => put(image);
    part("examples").append(button);
  });
  // The front page has no examples, and says where they are.
  paper.ariaLabel += part("examples").checkVisibility()
    ? " Without one, choose an example; the buttons move it about."
    : " Without one, go to the page Draw a digit, which has examples to choose from.";
  // On paper an example stands where nothing is drawn, in place of empty frames.
  let lent = false;
  addEventListener("beforeprint", () => {
    lent = !ink.some(Boolean);
    if (lent) put(bytes(examples[7].pixels));
  });
  addEventListener("afterprint", () => lent && replace(() => 0));
  read();
  window.mlpDigit = { predict };
})();
