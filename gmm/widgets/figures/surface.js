// The log-likelihood over two means, and EM's path from any start; width and weight of the components can be moved.
// info: X (one column), weights, covariances, low, high (of both means), start, starts (on each axis), digits, labels, depths.
// needs: fitting
(globalThis.gmmFigures ??= []).push(["surface", (figure, info) => {
"use strict";
const { kernels } = figure, { number, clip } = gmmLive, { low, high } = info, span = high - low, n = info.X.length;
const X = Object.assign(Float64Array.from(info.X.flat()), { shape: [n, 1] }), letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
figure.state = { start: info.start, weight: info.weights[0], width: 1 };
const S = () => figure.state;
const inside = p => p.every(v => v >= low - 1e-6 && v <= high + 1e-6);
figure.check = s => { if (!inside(s.start) || !(s.weight > 0 && s.weight < 1) || !(s.width >= 0.25 && s.width <= 4)) throw new Error("no such state"); };
const weights = s => [s.weight, 1 - s.weight], covariances = s => info.covariances.map(([[v]]) => [[v * s.width ** 2]]);
const heightAt = ([a, b], w, c) => kernels.log_likelihood_kernel(X, w, [[a], [b]], c);

// EM with weights and variances held: means alone move, until none moves by more than a millionth of the range.
function climb(start, w, c) {
  const path = [start];
  for (let t = 0; t < 2000; t++) {
    const at = path[t], [logResp] = kernels.e_step_kernel(X, w, [[at[0]], [at[1]]], c);
    const means = kernels.update_means_kernel(X, logResp.map(row => row.map(Math.exp)));
    path.push([means[0][0], means[1][0]]);
    if (Math.max(...path[t + 1].map((v, j) => Math.abs(v - at[j]))) < 1e-6 * span) break;
  }
  return path;
}

// ---- the landscape: heights on a grid, and the map of starts, both computed a little at a time
let land = {};
const apart = (p, q) => Math.max(Math.abs(p[0] - q[0]), Math.abs(p[1] - q[1])) / span;
function begin(s) {
  const cells = 41, w = weights(s), c = covariances(s);
  land = { key: [s.weight, s.width].join(), cells, w, c, heights: [], rests: [], dots: [], done: false };
  clearTimeout(waiting);
  waiting = setTimeout(chart, 4);
}
let waiting = 0;
const charted = () => land.heights.length === land.cells ** 2;
function survey(until) {
  const { cells, heights, w, c } = land, at = i => low + span * i / (cells - 1);
  while (!charted() && performance.now() < until) heights.push(heightAt([at(heights.length % cells), at(Math.floor(heights.length / cells))], w, c));
  if (!charted()) return;
  land.top = heights.reduce((a, b) => Math.max(a, b), -Infinity);
  land.bottom = heights.reduce((a, b) => Math.min(a, b), Infinity);
  figure.refresh();
}
// Where a path ends: one of the places known, or a new one. A place that a small push leaves is no maximum.
function rest(end) {
  const found = land.rests.findIndex(one => apart(one.at, end) < 2e-3);
  if (found >= 0) return found;
  const pushed = climb([end[0] + 2e-3 * span, end[1] - 2e-3 * span], land.w, land.c).at(-1);
  if (apart(pushed, end) < 2e-3) land.rests.push({ at: end, height: heightAt(end, land.w, land.c), saddle: false });
  else land.rests.push({ at: end, height: heightAt(end, land.w, land.c), saddle: true });
  return land.rests.length - 1;
}
function name() { // letters by height; a mirror image of the same height has the same letter
  const order = land.rests.filter(one => !one.saddle).sort((a, b) => b.height - a.height);
  let rank = -1, last = null;
  for (const one of order) {
    if (!(last && Math.abs(last.height - one.height) < 1e-6 * n && apart([last.at[1], last.at[0]], one.at) < 4e-3)) rank++;
    one.rank = rank;
    last = one;
  }
}
function chart() {
  const until = performance.now() + 12, m = info.starts;
  if (!charted()) {
    survey(until);
    waiting = setTimeout(chart, 4);
    return;
  }
  for (let i = land.dots.length; i < m * m && performance.now() < until; i++) {
    const start = [low + span * (i % m) / (m - 1), low + span * Math.floor(i / m) / (m - 1)];
    land.dots.push([start, rest(climb(start, land.w, land.c).at(-1))]);
  }
  land.done = land.dots.length === m * m;
  name();
  if (!land.done) waiting = setTimeout(chart, 4);
  if (land.done || land.dots.length % 4 === 0) figure.refresh();
}

const plot = figure.plot({
  label: "Log-likelihood over two means", x: [low, high], y: [low, high], xlabel: info.labels[0], ylabel: info.labels[1], aspect: 0.86, narrow: 1,
  press: p => figure.change(() => { S().start = p.map(v => clip(v, low, high)); }),
});
const rise = figure.plot({ label: "Log-likelihood along the path", x: [0, 1], y: [0, 1], xlabel: "iteration", ylabel: "log-likelihood", aspect: 0.75, narrow: 0.45, side: true, yticks: 4 });
figure.slider("Weight of the first", { min: 0.05, max: 0.95, step: 0.01, get: () => S().weight, put: v => { S().weight = v; } });
figure.slider("Widths ×", { min: 0.4, max: 2, step: 0.05, get: () => S().width, put: v => { S().width = v; } });

// Bands between contours, darker with depth, from the grid by bilinear interpolation.
let painted = "";
function paint() {
  if (!charted()) return; // until then the landscape before stays
  const key = [land.key, plot.width, plot.height, globalThis.devicePixelRatio, getComputedStyle(figure.root).color].join();
  if (key === painted && plot.canvas?.width === Math.round(plot.width * (devicePixelRatio || 1))) return;
  painted = key;
  const context = gmmFitting.canvas(plot), W = Math.round(plot.right - plot.left), H = Math.round(plot.bottom - plot.options.top), { cells, heights } = land, bands = info.depths.length;
  const small = gmmLive.element("canvas", { width: W, height: H }), inner = small.getContext("2d"), pixels = inner.createImageData(W, H);
  const rgb = [1, 3, 5].map(i => parseInt(getComputedStyle(figure.root).getPropertyValue("--c0").trim().slice(i, i + 2), 16));
  for (let y = 0, p = 0; y < H; y++) {
    const v = (1 - y / (H - 1)) * (cells - 1), i = Math.min(cells - 2, Math.floor(v)), f = v - i;
    for (let x = 0; x < W; x++, p += 4) {
      const u = x / (W - 1) * (cells - 1), j = Math.min(cells - 2, Math.floor(u)), g = u - j, at = i * cells + j;
      const height = (1 - f) * ((1 - g) * heights[at] + g * heights[at + 1]) + f * ((1 - g) * heights[at + cells] + g * heights[at + cells + 1]);
      const depth = (land.top - height) / (land.top - land.bottom);
      let band = 0;
      while (band < bands && depth >= info.depths[band]) band++;
      pixels.data[p] = rgb[0];
      pixels.data[p + 1] = rgb[1];
      pixels.data[p + 2] = rgb[2];
      pixels.data[p + 3] = band === bands ? 0 : 30 + 18 * (bands - 1 - band);
    }
  }
  inner.putImageData(pixels, 0, 0);
  context.drawImage(small, plot.left, plot.options.top, plot.right - plot.left, plot.bottom - plot.options.top);
}
const called = one => one.saddle ? "the saddle" : letters[one.rank] ?? "an optimum";
const words = p => p.map(v => number(v, info.digits)).join(", ");
figure.draw = s => {
  if (land.key !== [s.weight, s.width].join()) begin(s);
  paint();
  for (const [start, end] of land.dots) {
    const one = land.rests[end];
    plot.dot("start" + start.join(), start, one.saddle ? "grey" : "d" + one.rank % 6, 2.5, "data");
  }
  const path = climb(s.start, land.w, land.c), one = land.rests[rest(path.at(-1))];
  name();
  plot.line("path", path, "thick2");
  path.slice(1, 60).forEach((p, t) => plot.dot("step" + t, p, "", 2));
  land.rests.forEach((place, i) => {
    if (place.saddle) return plot.label("rest" + i, place.at, "◇", { style: "large" });
    plot.label("rest" + i, place.at, letters[place.rank], { style: "large halo" });
  });
  plot.handle("start", {
    at: s.start, label: "Start of the path", value: `${words(s.start)}, ends at ${called(one)}`,
    drag: p => { S().start = p.map(v => clip(v, low, high)); },
  });
  const heights = path.map(p => heightAt(p, land.w, land.c)), top = heights.at(-1), floor = heights.length > 3 ? Math.min(...heights.slice(0, 2)) : heights[0] - 1, pad = 0.08 * (top - floor) || 1;
  Object.assign(rise.options, { x: [0, Math.max(5, path.length - 1)], y: [floor - pad, top + pad] });
  rise.begin();
  rise.line("rise", heights.map((v, t) => [t, v]), "");
  rise.dot("end", [path.length - 1, top], "ring", 5);
  figure.say(`From (${words(s.start)}), log-likelihood ${number(heights[0])}: ${path.length - 1} iterations to ${called(one)} at (${words(path.at(-1))}), ${number(top)}.${land.done ? ` The map has ${new Set(land.rests.filter(r => !r.saddle).map(r => r.rank)).size} optima.` : ""}`);
};
}]);
