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
  // ---- the page
  const part = (name) => document.querySelector(`#draw-digit [data-part="${name}"]`);
  const paper = part("paper");
  const pen = paper.getContext("2d", { willReadFrequently: true });
  pen.imageSmoothingEnabled = false; // examples are enlarged without inventing grey levels
  pen.lineCap = "round";
  const rows = Array.from({ length: 10 }, (_, digit) => {
    const row = part("probabilities").insertRow();
    row.innerHTML = `<th scope="row">${digit}</th><td class="bar"></td><td class="number"></td>`;
    return row;
  });

  function paint(canvas, colours) {
    const image = new ImageData(Uint8ClampedArray.from(colours.flat()), canvas.width);
    canvas.getContext("2d").putImageData(image, 0, 0);
  }
  const greys = (pixels) => Array.from(pixels, (grey) => [0, 0, 0, grey]);
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
    paint(part("hidden"), hidden.map(diverging));
    const [positive, flat] = [(a) => a > 0, (a) => Math.abs(a) > 1.5].map((is) => hidden.filter(is).length);
    part("hidden").ariaLabel = `Of the 64 hidden units ${positive} are above 0, and ${flat} near ±1.7159.`;
    const [said, now] = [part("verdict"), empty ? "Nothing to read yet." : `It reads ${named(winner)}.`];
    if (said.textContent !== now) said.textContent = now; // a screen reader speaks it when it changes
  }

  function read() {
    const rgba = pen.getImageData(0, 0, SIDE, SIDE).data;
    const ink = new Uint8Array(SIDE * SIDE).map((_, i) => rgba[4 * i + 3]); // opacity
    show(part("centre").checked ? asMnist(ink) : sample(ink, 0, 0, SIDE / 28));
  }

  let last = null; // where the pen is while it is down
  function stroke({ offsetX, offsetY }) {
    const point = [offsetX, offsetY].map((offset) => (offset * SIDE) / paper.clientWidth);
    pen.lineWidth = part("pen").value;
    pen.beginPath();
    pen.moveTo(...(last ?? point));
    pen.lineTo(point[0], point[1] + 0.01); // a line of no length would leave no dot
    pen.stroke();
    last = point;
    read();
  }
  paper.onpointerdown = (event) => {
    if (!event.isPrimary || event.button !== 0) return;
    paper.setPointerCapture(event.pointerId);
    stroke(event);
  };
  paper.onpointermove = (event) => last && event.isPrimary && stroke(event);
  paper.onpointerup = paper.onpointercancel = () => (last = null);

  function replace(draw) {
    pen.clearRect(0, 0, SIDE, SIDE);
    draw();
    read();
  }
  part("clear").onclick = () => replace(() => {});
  part("centre").onchange = read;
  part("move").querySelectorAll("button").forEach((button) => {
    const [x, y] = [button.dataset.x, button.dataset.y].map((pixels) => (pixels * SIDE) / 28);
    button.onclick = () => {
      const drawn = pen.getImageData(0, 0, SIDE, SIDE);
      replace(() => pen.putImageData(drawn, x, y));
    };
  });
  examples.forEach(({ label, pixels }) => {
    const image = bytes(pixels);
    const right = argmax(predict(image).probabilities) === label;
    const button = document.createElement("button");
    button.type = "button";
    button.title = `Example: ${named(label)}${right ? "" : ", misread"}`;
    button.innerHTML = '<canvas width="28" height="28"></canvas>';
    paint(button.firstChild, greys(image));
    button.onclick = () => replace(() => pen.drawImage(button.firstChild, 0, 0, SIDE, SIDE));
    part("examples").append(button);
  });
  read();
  window.mlpDigit = { predict };
})();
