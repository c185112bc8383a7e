// Figures that compute in the page. This file holds what all of them share: the kernels of gmm.formulas as WebAssembly,
// plots, handles, controls, undo, a state that fits into an address. A figure itself is a file in figures/.
// docs: CONTRIBUTING.md, "Add a live figure".
(() => {
"use strict";
if (globalThis.gmmLive) return gmmLive.start();

// ------------------------------------------------------------------------------------------------ the kernels
// Arrays are nested JavaScript arrays on the way in, and on the way out (the innermost are Float64Arrays). For thousands
// of samples that is slow: a flat array with a property `shape` does as well, and instantiate(…, true) returns such.
// tools/wasm.py says how Numba passes arrays: the words meminfo, parent, items, bytes of an item, data, shape, strides.

const STACK = 65536; // bytes kept free for the local variables of kernels
const up = (value, to) => Math.ceil(value / to) * to;

// log Gamma(x) for x > 0, which JavaScript lacks: up to 15 by the recurrence, then Stirling's series.
function lgamma(x) {
  let below = 1;
  for (; x < 15; x += 1) below *= x;
  const y = 1 / (x * x);
  const series = ((((-691 / 360360 * y + 1 / 1188) * y - 1 / 1680) * y + 1 / 1260) * y - 1 / 360) * y + 1 / 12;
  return (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + series / x - Math.log(below);
}

function shapeOf(value) {
  const shape = [];
  if (value?.shape) return value.shape;
  for (; typeof value === "object" && value !== null; value = value[0]) shape.push(value.length);
  return shape;
}

function nested(flat, shape, plain) {
  if (shape.length < 2) return plain ? Array.from(flat, Number) : flat;
  const size = flat.length / shape[0];
  return Array.from({ length: shape[0] }, (_, i) => nested(flat.subarray(i * size, (i + 1) * size), shape.slice(1), plain));
}

async function instantiate({ wasm, heap, errors, kernels }, flatResults = false) {
  const text = atob(wasm), bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  const memory = new WebAssembly.Memory({ initial: 8 });
  const { log, exp, log1p, expm1, sin, cos, atan2 } = Math;
  const { instance } = await WebAssembly.instantiate(bytes, { env: {
    __linear_memory: memory, __stack_pointer: new WebAssembly.Global({ value: "i32", mutable: true }, STACK),
    log, exp, log1p, expm1, sin, cos, atan2, lgamma,
  } });

  function read(result, at) {
    const view = new DataView(memory.buffer);
    if (Array.isArray(result)) return result.map(([offset, part]) => read(part, at + offset));
    if (result === "float") return view.getFloat64(at, true);
    if (result === "int") return Number(view.getBigInt64(at, true));
    if (result === "bool") return view.getUint8(at) !== 0;
    const shape = Array.from({ length: result.ndim }, (_, j) => Number(view.getBigInt64(at + 32 + 8 * j, true)));
    const items = shape.reduce((a, b) => a * b, 1), whole = result.of === "int";
    const flat = new (whole ? BigInt64Array : Float64Array)(memory.buffer, view.getUint32(at + 24, true), items);
    if (flatResults) return Object.assign(whole ? Array.from(flat, Number) : flat.slice(), { shape });
    return nested(flat.slice(), shape, whole);
  }

  const call = (name, { arguments: kinds, result, size }) => (...values) => {
    const names = Object.keys(kinds);
    if (values.length !== names.length) throw new TypeError(`${name} takes ${names.join(", ")}; got ${values.length} arguments`);
    // Below the heap of this call: its result, a word for an exception, its arrays.
    let top = STACK;
    const claim = bytes => {
      const at = top;
      top = up(at + bytes, 32);
      if (top > memory.buffer.byteLength) memory.grow(Math.ceil((top - memory.buffer.byteLength) / 65536));
      return at;
    };
    const out = claim(size), thrown = claim(4), words = [], lengths = {};
    names.forEach((argument, p) => {
      const kind = kinds[argument], value = values[p];
      if (kind === "float" || kind === "int") {
        if (typeof value !== "number" || kind === "int" && !Number.isInteger(value))
          throw new TypeError(`${name}: ${argument} must be ${kind === "int" ? "an integer" : "a number"}; got ${value}`);
        return words.push(kind === "int" ? BigInt(value) : value);
      }
      const [letters, whole] = kind.split(" ").reverse(), shape = shapeOf(value);
      const flat = value.shape || shape.length < 2 ? value : flatten(value, []);
      const fits = shape.length === letters.length && flat.length === shape.reduce((a, b) => a * b, 1)
        && shape.every((n, j) => n > 0 && (lengths[letters[j]] ??= n) === n);
      if (!fits) {
        if (shape.length === letters.length && flat.length !== shape.reduce((a, b) => a * b, 1))
          throw new TypeError(`${name}: ${argument} has rows of different lengths`);
        const wanted = [...letters].map(c => lengths[c] ? `${c} = ${lengths[c]}` : c).join(", ");
        throw new TypeError(`${name}: ${argument} must have the shape (${wanted}); got (${shape.join(", ")})`);
      }
      const at = claim(8 * flat.length);
      if (whole) new BigInt64Array(memory.buffer, at, flat.length).set(Array.from(flat, BigInt));
      else new Float64Array(memory.buffer, at, flat.length).set(flat);
      const strides = shape.map((_, j) => 8 * shape.slice(j + 1).reduce((a, b) => a * b, 1));
      words.push(0, 0, BigInt(flat.length), 8n, at, ...shape.map(BigInt), ...strides.map(BigInt));
    });
    const view = new DataView(memory.buffer);
    view.setUint32(heap.heap_top, top, true);
    view.setUint32(heap.heap_free, 0, true);
    view.setUint32(thrown, 0, true);
    if (instance.exports[name](out, thrown, ...words) !== 0) {
      const number = new DataView(memory.buffer).getUint32(thrown, true);
      throw new Error(`${name}: ${errors[number - 1] || "it failed"}`);
    }
    return read(result, out);
  };
  function flatten(value, out) {
    for (let i = 0; i < value.length; i++) typeof value[i] === "object" ? flatten(value[i], out) : out.push(value[i]);
    return out;
  }
  return Object.fromEntries(Object.entries(kernels).map(([name, about]) => [name, call(name, about)]));
}

// The kernels, loaded once a page: from the page itself, or from a file beside this one.
const here = document.currentScript && document.currentScript.src;
let loaded = null;
const kernels = () => loaded ??= new Promise((resolve, reject) => {
  const go = () => globalThis.gmmKernels ? resolve(instantiate(gmmKernels)) : reject(new Error("the kernels are missing"));
  if (typeof WebAssembly !== "object") return reject(new Error("no WebAssembly"));
  if (globalThis.gmmKernels || !here) return go();
  const script = document.createElement("script");
  script.src = here.replace(/live\.js/, "kernels.js");
  script.onload = go;
  script.onerror = () => reject(new Error("the file of the kernels is missing"));
  document.head.append(script);
});

// ------------------------------------------------------------------------------------------------ small helpers

const still = matchMedia("(prefers-reduced-motion: reduce)");
const clip = (value, low, high) => Math.max(low, Math.min(high, value));
const number = (value, digits = 2) => (Object.is(+value.toFixed(digits), -0) ? 0 : value).toFixed(digits).replace("-", "−");
const px = value => String(+value.toFixed(2));
const polyline = points => points.length ? "M" + points.map(p => px(p[0]) + " " + px(p[1])).join("L") : "";
const SVG = "http://www.w3.org/2000/svg";
function element(tag, attributes = {}, ...children) {
  const e = document.createElement(tag);
  set(e, attributes);
  e.append(...children);
  return e;
}
function set(e, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) e.removeAttribute(name);
    else if (e.getAttribute(name) !== String(value)) e.setAttribute(name, value === true ? "" : value);
  }
}
// About `count` round numbers from low to high.
function ticks(low, high, count) {
  const raw = (high - low) / count, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find(m => m * power >= raw) * power, digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const first = Math.ceil(low / step - 1e-9), last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => [(first + i) * step, number((first + i) * step, digits)]);
}

// ------------------------------------------------------------------------------------------------ a plot

// A picture with axes, in SVG. Sizes are CSS pixels of the page, so letters keep their size on a phone. What is drawn has
// a key: what a draw() no longer names disappears, what it names again is moved.
class Plot {
  constructor(figure, options) {
    this.figure = figure;
    this.options = { aspect: 0.62, right: 10, top: 10, bottom: 42, xticks: 6, yticks: 5, ...options };
    this.svg = document.createElementNS(SVG, "svg");
    set(this.svg, { class: "gl-plot", role: "group", "aria-label": options.label });
    this.layers = {};
    for (const name of ["axes", "back", "data", "front", "handles"]) {
      this.layers[name] = document.createElementNS(SVG, "g");
      set(this.layers[name], { class: "gl-" + name, "aria-hidden": name === "handles" ? null : "true" });
      this.svg.append(this.layers[name]);
    }
    this.window = document.createElementNS(SVG, "rect");
    const clipping = document.createElementNS(SVG, "clipPath");
    set(clipping, { id: `${figure.name}-clip-${figure.plots.length}` });
    clipping.append(this.window);
    this.svg.prepend(clipping);
    for (const name of ["back", "data", "front"]) set(this.layers[name], { "clip-path": `url(#${clipping.id})` });
    this.items = new Map();
    this.handles = new Map();
    this.svg.addEventListener("pointerdown", event => this.press(event));
    this.svg.addEventListener("pointermove", event => this.move(event));
    for (const end of ["pointerup", "pointercancel"]) this.svg.addEventListener(end, event => this.release(event, end));
  }

  // Size and scales; called before each draw().
  layout() {
    const o = this.options, width = Math.max(220, this.box.clientWidth || 600), aspect = width < 480 ? o.narrow || o.aspect : o.aspect;
    this.width = width;
    this.height = Math.round(width * aspect);
    set(this.svg, { viewBox: `0 0 ${this.width} ${this.height}`, width: this.width, height: this.height });
    [this.x0, this.x1] = o.x;
    [this.y0, this.y1] = o.y;
    // As much room on the left as the numbers of the upright axis need.
    const names = (o.ytick || ticks(this.y0, this.y1, o.yticks)).map(([, name]) => name.length);
    this.left = o.left ?? 7.5 * Math.max(1, ...names) + (o.ylabel ? 28 : 10);
    const w = width - this.left - o.right, h = this.height - o.top - o.bottom;
    if (o.equal) { // one unit is as long on both axes: the limits of one are widened
      const scale = Math.min(w / (this.x1 - this.x0), h / (this.y1 - this.y0));
      const dx = (w / scale - (this.x1 - this.x0)) / 2, dy = (h / scale - (this.y1 - this.y0)) / 2;
      [this.x0, this.x1, this.y0, this.y1] = [this.x0 - dx, this.x1 + dx, this.y0 - dy, this.y1 + dy];
    }
    this.sx = w / (this.x1 - this.x0);
    this.sy = h / (this.y1 - this.y0);
    this.bottom = o.top + h;
    this.right = this.left + w;
    set(this.window, { x: this.left, y: 0, width: w, height: o.top + h });
  }
  // From data to pixels and back.
  x(v) { return this.left + (v - this.x0) * this.sx; }
  y(v) { return this.bottom - (v - this.y0) * this.sy; }
  place(p) { return [this.x(p[0]), this.y(p[1])]; }
  data(p) { return [this.x0 + (p[0] - this.left) / this.sx, this.y0 + (this.bottom - p[1]) / this.sy]; }

  begin() {
    this.layout();
    this.seen = new Set();
    this.axes();
  }
  end() {
    for (const [key, item] of this.items) if (!this.seen.has(key)) { item.remove(); this.items.delete(key); }
    for (const key of this.handles.keys()) if (!this.seen.has(key)) this.handles.delete(key);
  }
  item(key, tag, layer, attributes) {
    let item = this.items.get(key);
    if (!item) {
      item = document.createElementNS(SVG, tag);
      this.layers[layer].append(item);
      this.items.set(key, item);
    }
    this.seen.add(key);
    set(item, attributes);
    return item;
  }
  axes() {
    const { top, xlabel, ylabel, xticks, yticks, xtick, ytick } = this.options, { left } = this, few = this.width < 480;
    this.item("axes", "path", "axes", { d: `M${left} ${top}V${this.bottom}H${this.right}`, class: "gl-axis" });
    for (const [value, name] of xtick || ticks(this.x0, this.x1, few ? Math.min(5, xticks) : xticks))
      this.text("x" + name, [this.x(value), this.bottom + 16], name, { layer: "axes" });
    for (const [value, name] of ytick || ticks(this.y0, this.y1, yticks))
      this.text("y" + name, [left - 6, this.y(value) + 4], name, { layer: "axes", anchor: "end" });
    if (xlabel) this.text("xlabel", [(left + this.right) / 2, this.height - 6], xlabel, { layer: "axes" });
    if (ylabel) {
      const at = [12, (top + this.bottom) / 2];
      set(this.text("ylabel", at, ylabel, { layer: "axes" }), { transform: `rotate(-90 ${at.map(px)})` });
    }
  }

  // What a figure draws; points are in the data's coordinates. `style` is a class or several: k0 … k5 are the lines of the
  // components, f0 … f5 their filled areas, "grey", "thick", "thin", "dashed".
  text(key, at, words, { layer = "front", anchor = "middle", style = "" } = {}) {
    const item = this.item("text:" + key, "text", layer, { x: px(at[0]), y: px(at[1]), "text-anchor": anchor, class: style });
    if (item.textContent !== words) item.textContent = words;
    return item;
  }
  label(key, p, words, options) { return this.text(key, this.place(p), words, options); }
  line(key, points, style = "", layer = "front") {
    return this.item(key, "path", layer, { d: polyline(points.map(p => this.place(p))), class: "gl-line " + style });
  }
  area(key, points, style = "", layer = "back") {
    return this.item(key, "path", layer, { d: polyline(points.map(p => this.place(p))) + "Z", class: "gl-area " + style });
  }
  ellipse(key, mean, covariance, radius = 1, style = "", layer = "front") {
    const L = this.figure.kernels.cholesky_kernel(covariance);
    const points = Array.from({ length: 73 }, (_, i) => {
      const t = i * Math.PI / 36, c = radius * Math.cos(t), s = radius * Math.sin(t);
      return [mean[0] + L[0][0] * c, mean[1] + L[1][0] * c + L[1][1] * s];
    });
    return this.line(key, points, style, layer);
  }
  cross(key, p, style = "", size = 6) {
    const [x, y] = this.place(p).map(px);
    return this.item(key, "path", "front", { d: `M${x} ${y}m${-size} ${-size}l${2 * size} ${2 * size}m0 ${-2 * size}l${-2 * size} ${2 * size}`, class: "gl-line " + style });
  }
  dot(key, p, style = "", radius = 4, layer = "front") {
    const [x, y] = this.place(p).map(px);
    return this.item(key, "circle", layer, { cx: x, cy: y, r: radius, class: "gl-dot " + style });
  }
  // Samples, each with a colour of its own (see mix) or all grey.
  points(key, X, colours = null, radius = 3.5) {
    X.forEach((p, i) => {
      const [x, y] = this.place(p).map(px);
      this.item(key + i, "circle", "data", { cx: x, cy: y, r: radius, class: "gl-sample", style: colours ? "fill:" + colours[i] : null });
    });
  }

  // A thing to drag. at: its place in the data; label: its name for a screen reader; value: its value in words;
  // drag(p): it is moved to p, a place in the data; key(dx, dy): an arrow key, one of them ±1 (×5 with Shift), by default
  // a move by a hundredth of the axes; style: a class; press(): Enter or a click without a drag, if it does anything;
  // remove(): the key Delete.
  handle(key, { at, label, value, drag, key: arrows, press, remove, style = "", shape = "circle" }) {
    const [x, y] = this.place(at), size = shape === "circle" ? 8 : 7;
    const handle = this.item("handle:" + key, "g", "handles", {
      class: "gl-handle " + style, transform: `translate(${px(x)} ${px(y)})`, tabindex: 0, role: "slider",
      "aria-label": label, "aria-valuetext": value, "aria-valuenow": px(at[0]), "aria-valuemin": px(this.x0), "aria-valuemax": px(this.x1),
    });
    if (!handle.firstChild) {
      const reach = document.createElementNS(SVG, "circle"), mark = document.createElementNS(SVG, shape === "circle" ? "circle" : "rect");
      set(reach, { r: 22.5, class: "gl-reach" });
      set(mark, shape === "circle" ? { r: size, class: "gl-mark" } : { x: -size, y: -size, width: 2 * size, height: 2 * size, class: "gl-mark" });
      handle.append(reach, mark);
      handle.addEventListener("keydown", event => this.key(event, key));
    }
    this.seen.add(key);
    this.handles.set(key, { handle, x, y, at, drag, arrows, press, remove });
  }
  key(event, key) {
    const { at, drag, arrows, press, remove } = this.handles.get(key), far = event.shiftKey ? 5 : 1;
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const [dx, dy] = { ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, far], ArrowDown: [0, -far] }[event.key] || [0, 0];
    const act = dx || dy ? () => arrows ? arrows(dx, dy) : drag([at[0] + dx * (this.x1 - this.x0) / 100, at[1] + dy * (this.y1 - this.y0) / 100])
      : event.key === "Enter" || event.key === " " ? press : event.key === "Delete" || event.key === "Backspace" ? remove : null;
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    this.figure.change(act, "key" + key);
  }
  // Where a pointer is, in pixels of the picture.
  at(event) {
    const box = this.svg.getBoundingClientRect();
    return [(event.clientX - box.left) * this.width / box.width, (event.clientY - box.top) * this.height / box.height];
  }
  press(event) {
    if (event.button || this.held) return;
    const p = this.at(event), reach = event.pointerType === "mouse" ? 14 : 22;
    let best = null, least = reach;
    for (const [key, { x, y }] of this.handles) {
      const far = Math.hypot(x - p[0], y - p[1]);
      if (far <= least) [best, least] = [key, far];
    }
    // With `grab`, a press beside all handles fetches one; a finger there scrolls the page, and fetches it by a tap.
    const { grab } = this.options, fetch = best === null && grab && event.pointerType !== "touch" && this.inside(p);
    if (fetch) best = grab;
    this.held = { key: best, from: p, moved: false, id: event.pointerId };
    if (best === null) return;
    this.svg.setPointerCapture(event.pointerId);
    event.preventDefault();
    this.figure.hold(true);
    if (fetch) this.figure.change(() => this.handles.get(best).drag(this.data(p)), "drag");
    const { handle, x, y } = this.handles.get(best);
    this.held.offset = [x - p[0], y - p[1]];
    handle.focus({ preventScroll: true });
  }
  inside(p) { return p[0] >= this.left && p[1] <= this.bottom; }
  move(event) {
    const held = this.held;
    if (!held || held.id !== event.pointerId) return;
    const p = this.at(event);
    if (Math.hypot(p[0] - held.from[0], p[1] - held.from[1]) > 3) held.moved = true;
    if (held.key === null || !held.moved || !this.handles.has(held.key)) return;
    const o = this.options, to = [clip(p[0] + held.offset[0], this.left, this.right), clip(p[1] + held.offset[1], o.top, this.bottom)];
    this.figure.change(() => this.handles.get(held.key).drag(this.data(to)), "drag");
  }
  release(event, end) {
    const held = this.held;
    if (!held || held.id !== event.pointerId) return;
    this.held = null;
    const p = this.at(event), known = this.handles.get(held.key);
    if (held.key !== null) this.figure.hold(false);
    if (held.moved || end === "pointercancel") return;
    if (known) { if (known.press) this.figure.change(known.press); }
    else if (this.inside(p)) {
      if (this.options.grab) this.figure.change(() => this.handles.get(this.options.grab).drag(this.data(p)));
      else this.options.press?.(this.data(p), p);
    }
  }
}

// ------------------------------------------------------------------------------------------------ a figure

class Figure {
  constructor(root) {
    this.root = root;
    this.name = root.id;
    this.info = JSON.parse(root.querySelector('script[type="application/json"]').textContent);
    this.stage = element("div", { class: "gl-stage" });
    this.side = element("div", { class: "gl-side" });
    this.panel = element("div", { class: "gl-panel" });
    this.output = element("output", { "aria-live": "polite" });
    this.plots = [];
    this.syncs = [];
    this.past = [];
    this.draw = () => {};
    this.check = () => {};
  }
  one(selector) { return this.root.querySelector(selector); }
  colour(k) { return getComputedStyle(this.root).getPropertyValue("--c" + k).trim(); }

  async begin() {
    const asked = performance.now();
    try {
      this.kernels = await kernels();
      const make = makers[this.root.dataset.kind];
      if (!make) throw new Error("its script is missing");
      make(this, this.info);
      this.first = JSON.stringify(this.state);
      this.fromAddress();
      this.tail();
      const live = element("div", { class: "gl-live" }, this.stage, this.panel, this.output, this.side);
      live.style.visibility = "hidden";
      this.one(".gl-stored").after(live);
      this.refresh(true);
      this.one(".gl-stored").hidden = true;
      live.style.visibility = "";
      new ResizeObserver(() => this.resized()).observe(live);
      addEventListener("hashchange", () => { if (this.fromAddress()) this.refresh(); });
      this.root.dataset.state = "live";
      this.root.dataset.milliseconds = Math.round(performance.now() - asked);
    } catch (error) {
      this.root.querySelector(".gl-live")?.remove();
      this.one(".gl-stored").hidden = false;
      this.one(".gl-note").textContent = `This figure computes where WebAssembly runs, which is not so here (${error.message}). Its first state is shown.`;
      this.one(".gl-note").hidden = false;
      this.root.dataset.state = "stored";
    }
  }
  resized() {
    if (this.plots.every(plot => plot.box.clientWidth === plot.seenWidth)) return;
    this.refresh(true);
  }

  // ---- state. A change goes through change(), which remembers what was before: those of one drag, or of one key held
  // down, are one step for Undo.
  change(act, merge = null) {
    const before = JSON.stringify(this.state), joined = merge !== null && merge === this.merging;
    try {
      act();
    } catch (error) {
      this.state = JSON.parse(before);
      this.refresh();
      return this.say(error.message);
    }
    if (JSON.stringify(this.state) !== before) {
      if (!joined) this.past.push(before);
      if (this.past.length > 200) this.past.shift();
    }
    this.merging = merge;
    this.refresh();
  }
  hold(held) { // a drag begins or ends; a screen reader hears the end
    this.merging = null;
    this.grip = null;
    this.held = held;
    set(this.output, { "aria-live": held ? "off" : "polite" });
  }
  undo() {
    if (!this.past.length) return;
    this.pause();
    this.state = JSON.parse(this.past.pop());
    this.merging = null;
    this.refresh();
  }
  reset() {
    this.pause();
    this.change(() => { this.state = JSON.parse(this.first); });
  }
  refresh(resized = false) {
    for (const plot of this.plots) { plot.seenWidth = plot.box.clientWidth; plot.begin(); }
    try {
      this.draw(this.state, resized);
    } catch (error) {
      this.say(error.message);
    }
    for (const plot of this.plots) plot.end();
    for (const sync of this.syncs) sync();
  }
  say(words) { if (this.output.textContent !== words) this.output.textContent = words; }

  // ---- the state in the address: #name:state, in base64 for addresses. Numbers are rounded to six digits.
  get address() {
    const short = JSON.stringify(this.state, (_, v) => typeof v === "number" ? +v.toPrecision(6) : v);
    const code = btoa(String.fromCharCode(...new TextEncoder().encode(short)));
    return `#${this.name}:${code.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")}`;
  }
  fromAddress() {
    const start = `#${this.name}:`, code = location.hash.slice(start.length);
    if (!location.hash.startsWith(start)) return false;
    const before = JSON.stringify(this.state);
    try {
      const bytes = Uint8Array.from(atob(code.replaceAll("-", "+").replaceAll("_", "/")), c => c.charCodeAt(0));
      const state = JSON.parse(new TextDecoder().decode(bytes)), keys = Object.keys(this.state);
      if (keys.some(key => typeof state[key] !== typeof this.state[key])) throw new Error("of another figure");
      this.state = Object.fromEntries(keys.map(key => [key, state[key]]));
      this.check(this.state);
      this.past.push(before);
    } catch { // an address cut short: the figure as it was
      this.state = JSON.parse(before);
      return false;
    }
    this.root.scrollIntoView({ block: "nearest" });
    return true;
  }
  async share() {
    history.replaceState(history.state, "", this.address);
    const shown = this.output.textContent;
    let words = "The address of this figure as it stands is copied.";
    try {
      await navigator.clipboard.writeText(location.href);
    } catch {
      words = "The address of this page now holds the figure as it stands.";
    }
    if (this.output.textContent === shown) this.say(words); // else the figure has moved on
  }

  // ---- parts
  // A plot: label (for a screen reader), x and y (limits), xlabel, ylabel, aspect (height by width; narrow: on a phone),
  // equal (one unit as long on both axes), press(p) (a click beside all handles), side (in the narrow column).
  plot(options) {
    const plot = new Plot(this, options);
    plot.box = element("div", { class: "gl-box" }, plot.svg);
    (options.side ? this.side : this.stage).append(plot.box);
    this.plots.push(plot);
    return plot;
  }
  // A table: heads, and rows(state), each a list of texts, the first a component's number; `into`: below the plots of the
  // stage, if the narrow column has no room for it.
  table(heads, rows, into = this.side) {
    const body = element("tbody"), table = element("table", {},
      element("thead", {}, element("tr", {}, ...heads.map(head => element("th", { scope: "col" }, head)))), body);
    into.append(table);
    this.syncs.push(() => {
      const wanted = rows(this.state);
      while (body.rows.length > wanted.length) body.lastChild.remove();
      wanted.forEach((cells, k) => {
        if (!body.rows[k]) {
          body.append(element("tr", {}, element("th", { scope: "row" }), ...cells.slice(1).map(() => element("td"))));
          const key = document.createElementNS(SVG, "svg"), line = document.createElementNS(SVG, "path");
          set(key, { viewBox: "0 0 32 10", "aria-hidden": "true" });
          set(line, { d: "M0 5h32", class: "gl-line k" + k });
          key.append(line);
          body.rows[k].cells[0].append(key, " ", element("span"));
        }
        cells.forEach((words, j) => {
          const cell = j ? body.rows[k].cells[j] : body.rows[k].cells[0].querySelector("span");
          if (cell.textContent !== words) cell.textContent = words;
        });
      });
    });
  }
  // A button: act() changes the state; `off` says when it has nothing to do. `plain`: act is no change to be undone.
  button(words, act, { label, off, main = false, plain = false } = {}) {
    const button = element("button", { type: "button", "aria-label": label, class: main ? "gl-main" : null }, words);
    button.addEventListener("click", () => {
      if (button.getAttribute("aria-disabled") === "true") return;
      if (!plain) this.pause();
      plain ? act() : this.change(act);
    });
    this.panel.append(button);
    if (off) this.syncs.push(() => set(button, { "aria-disabled": off(this.state) ? "true" : null }));
    return button;
  }
  // A slider: get() and put(value) read and change the state, text(value) says the value in words.
  slider(label, { min, max, step = (max - min) / 100, get, put, text = number }) {
    const input = element("input", { type: "range", min, max, step, autocomplete: "off" }), shown = element("span", { class: "gl-value" });
    this.panel.append(element("label", { class: "gl-slider" }, element("span", {}, label), input, shown));
    input.addEventListener("input", () => this.change(() => put(+input.value), "slider" + label));
    input.addEventListener("change", () => { this.merging = null; });
    this.syncs.push(() => {
      const value = get(), words = text(value);
      if (+input.value !== value) input.value = value;
      set(input, { "aria-valuetext": words });
      shown.textContent = words;
    });
    return input;
  }
  // One of several: options are [value, words] pairs.
  choice(label, options, get, put) {
    const group = element("fieldset", { class: "gl-choice" }, element("legend", {}, label));
    const inputs = options.map(([value, words]) => {
      const input = element("input", { type: "radio", name: `${this.name}-${label}`, autocomplete: "off" });
      input.addEventListener("change", () => { this.pause(); this.change(() => put(value)); });
      group.append(element("label", {}, input, element("span", {}, words)));
      return input;
    });
    this.panel.append(group);
    this.syncs.push(() => options.forEach(([value], i) => { inputs[i].checked = value === get(); }));
    return group;
  }
  // Run and Pause: step() changes the state and says whether it goes on. Who wants no motion gets the end at once.
  runner(step, { words = "Run", speed = () => 2, limit = 500 } = {}) {
    const button = this.button(words, () => {
      if (this.timer) return this.pause();
      this.merging = null;
      if (still.matches) return this.change(() => { for (let i = 0; i < limit && step(); i++); });
      set(this.output, { "aria-live": "off" });
      let on = true;
      const tick = () => {
        this.change(() => { on = step(); }, "run");
        on ? this.timer = setTimeout(tick, 1000 / speed()) : this.pause();
      };
      this.timer = setTimeout(tick, 0);
      button.textContent = "Pause";
    }, { plain: true });
    this.paused = () => { button.textContent = words; };
    return button;
  }
  pause() {
    if (!this.timer) return;
    clearTimeout(this.timer);
    this.timer = 0;
    this.merging = null;
    this.paused();
    set(this.output, { "aria-live": "polite" });
  }
  tail() {
    this.button("Undo", () => this.undo(), { off: () => !this.past.length, plain: true });
    this.button("Reset", () => this.reset(), { off: () => JSON.stringify(this.state) === this.first, plain: true });
    this.button("Link", () => this.share(), { plain: true, label: "Link to the figure as it stands" });
  }

  // ---- a Gaussian in the plane to drag: a handle at the mean, and one at each axis of its ellipse, one standard
  // deviation from the mean. get() returns [mean, covariance], put(mean, covariance) takes what a drag made of them.
  gaussian(plot, k, { get, put, name = `Component ${k + 1}`, spread = true, digits = [2, 2] }) {
    const [mean, covariance] = get(), words = p => p.map((v, j) => number(v, digits[j])).join(", ");
    plot.handle("mean" + k, {
      at: mean, label: `${name}: mean`, value: words(mean), style: "h" + k,
      drag: p => put(p, get()[1]),
    });
    if (!spread) return;
    const axes = pixelAxes(plot, covariance), centre = plot.place(mean);
    [0, 1].forEach(j => {
      const { length, angle } = axes[j], turn = [Math.cos(angle), Math.sin(angle)];
      // The other axis keeps its length, also when a drag makes this one the longer or the shorter of the two.
      const place = (l, a) => {
        const other = (this.held ? this.grip ??= axes : axes)[1 - j].length;
        put(mean, fromPixels(plot, [{ length: clip(l, 3, 2000), angle: a }, { length: other, angle: a + Math.PI / 2 }]));
      };
      plot.handle(`axis${j}of${k}`, {
        at: plot.data([centre[0] + length * turn[0], centre[1] + length * turn[1]]), shape: "rect", style: "h" + k,
        label: `${name}: ${j ? "short" : "long"} axis`,
        value: `standard deviations ${number(Math.sqrt(covariance[0][0]), digits[0])} and ${number(Math.sqrt(covariance[1][1]), digits[1])}, `
          + `correlation ${number(covariance[0][1] / Math.sqrt(covariance[0][0] * covariance[1][1]))}`,
        drag: p => {
          const [x, y] = plot.place(p).map((v, m) => v - centre[m]);
          place(Math.hypot(x, y), Math.atan2(y, x));
        },
        key: (dx, dy) => place(length * 1.05 ** dy, angle + dx * Math.PI / 60),
      });
    });
  }
}

// Half-lengths and angles of the axes of the one-sigma ellipse on the screen, where it is an ellipse whatever the units.
function pixelAxes(plot, S) {
  const a = S[0][0] * plot.sx ** 2, c = S[1][1] * plot.sy ** 2, b = -S[0][1] * plot.sx * plot.sy;
  const middle = (a + c) / 2, apart = Math.hypot((a - c) / 2, b), angle = Math.atan2(2 * b, a - c) / 2;
  const short = (a * c - b * b) / (middle + apart); // no difference of nearly equal numbers
  return [{ length: Math.sqrt(middle + apart), angle }, { length: Math.sqrt(Math.max(short, 0)), angle: angle + Math.PI / 2 }];
}
function fromPixels(plot, axes) {
  let a = 0, b = 0, c = 0;
  for (const { length, angle } of axes) {
    const u = length * Math.cos(angle), v = length * Math.sin(angle);
    a += u * u;
    b += u * v;
    c += v * v;
  }
  const off = -b / (plot.sx * plot.sy);
  return [[a / plot.sx ** 2, off], [off, c / plot.sy ** 2]];
}

// Colour of each sample: the components' colours in the proportions of its responsibilities.
function mix(figure, resp) {
  const palette = resp[0] ? Array.from(resp[0], (_, k) => [1, 3, 5].map(i => parseInt(figure.colour(k).slice(i, i + 2), 16))) : [];
  return resp.map(row => `rgb(${[0, 1, 2].map(j => Math.round(row.reduce((sum, r, k) => sum + r * palette[k][j], 0))).join()})`);
}

// A component on the line to drag. Its top moves the mean, and up and down the weight; a square one standard deviation
// beside it moves the width. get() returns [weight, mean, sd], put(weight, mean, sd) takes what a drag made of them;
// height(log) says how high the plot draws a log density, log(height) is its inverse; `top`, `side`: one handle alone.
function bell(figure, plot, k, { get, put, height = Math.exp, log = Math.log, top = true, side = true, name = `Component ${k + 1}`, digits = 2 }) {
  const [weight, mean, sd] = get(), [peak] = figure.kernels.univariate_log_density_kernel([mean], mean, sd * sd);
  const logWeight = Math.log(weight), right = mean + sd < plot.x1 ? 1 : -1;
  const weigh = w => clip(w, 0.01, 0.99);
  if (top) plot.handle("top" + k, {
    at: [mean, height(peak + logWeight)], label: `${name}: mean and weight`, style: "h" + k,
    value: `mean ${number(mean, digits)}, weight ${number(weight)}`,
    drag: p => put(weigh(Math.exp(log(p[1]) - peak)), p[0], sd),
    key: (dx, dy) => put(weigh(weight + dy / 100), mean + dx * (plot.x1 - plot.x0) / 100, sd),
  });
  if (side) plot.handle("side" + k, {
    at: [mean + right * sd, height(peak + logWeight - 0.5)], label: `${name}: standard deviation`, style: "h" + k,
    shape: "rect", value: number(sd, digits),
    drag: p => put(weight, mean, Math.max(right * (p[0] - mean), (plot.x1 - plot.x0) / 100)),
    key: (dx, dy) => put(weight, mean, sd * 1.05 ** (right * dx + dy)),
  });
}

// Where a function on the plot has a level, by marching squares: value(places) returns its values at many places at once,
// which are a flat array with a shape. Within a cell it is taken for linear along the edges.
function contour(plot, key, value, level, style, cells = 64) {
  const m = Math.max(2, Math.round(cells * (plot.bottom - plot.options.top) / (plot.right - plot.left))), w = cells + 1;
  const at = (i, j) => [plot.x0 + (plot.x1 - plot.x0) * i / cells, plot.y0 + (plot.y1 - plot.y0) * j / m];
  const n = w * (m + 1), place = t => at(t % w, Math.floor(t / w)), places = Object.assign(new Float64Array(2 * n), { shape: [n, 2] });
  for (let t = 0; t < n; t++) places.set(place(t), 2 * t);
  const above = Array.from(value(places), v => v - level), pieces = [];
  for (let j = 0; j < m; j++) for (let i = 0; i < cells; i++) {
    const corners = [j * w + i, j * w + i + 1, (j + 1) * w + i + 1, (j + 1) * w + i], up = corners.map(a => above[a] > 0), cuts = [];
    if (up.every(Boolean) || !up.some(Boolean)) continue;
    corners.forEach((a, e) => {
      const b = corners[(e + 1) % 4], f = above[a], g = above[b], end = place(b);
      if (f > 0 !== g > 0) cuts.push(plot.place(place(a).map((v, c) => v + (end[c] - v) * f / (f - g))));
    });
    for (let c = 0; c + 1 < cuts.length; c += 2) pieces.push(polyline([cuts[c], cuts[c + 1]]));
  }
  plot.item(key, "path", "back", { d: pieces.join(""), class: "gl-line " + style });
}

// Random numbers that a seed repeats (mulberry32): uniform in (0, 1), or normal by the method of Box and Muller.
function chance(seed) {
  const next = () => {
    seed = seed + 0x6d2b79f5 | 0;
    let t = Math.imul(seed ^ seed >>> 15, seed | 1);
    t ^= t + Math.imul(t ^ t >>> 7, t | 61);
    return ((t ^ t >>> 14) >>> 0) / 4294967296 + 2 ** -33;
  };
  next.normal = () => Math.sqrt(-2 * Math.log(next())) * Math.cos(2 * Math.PI * next());
  return next;
}

// ------------------------------------------------------------------------------------------------ to begin with

const makers = {}, started = new WeakSet();
const seen = typeof IntersectionObserver === "function" && new IntersectionObserver(entries => entries.forEach(entry => {
  if (!entry.isIntersecting) return;
  seen.unobserve(entry.target);
  new Figure(entry.target).begin();
}), { rootMargin: "400px", scrollMargin: "400px" });

// Starts the figures of the page whose script is there, each when it comes near the window. The kernels, which all need,
// are compiled before that, when the page has nothing else to do.
let soon = 0;
function start() {
  for (const root of document.querySelectorAll(".gmm-live")) {
    if (started.has(root) || !makers[root.dataset.kind]) continue;
    started.add(root);
    if (!seen || location.hash.startsWith(`#${root.id}:`)) new Figure(root).begin();
    else {
      seen.observe(root);
      soon ||= (globalThis.requestIdleCallback ?? setTimeout)(() => kernels().catch(() => {}));
    }
  }
}
// Scripts of figures may come before this one: they wait in gmmFigures.
function figure(kind, make) {
  makers[kind] = make;
  start();
}
globalThis.gmmLive = { start, figure, kernels, instantiate, mix, number, clip, ticks, pixelAxes, fromPixels };
// For fitting.js: to make elements, and the text of what a worker needs to run kernels.
Object.assign(gmmLive, { element, set, loader: () => [`const STACK = ${STACK}, up = ${up};`, lgamma, shapeOf, nested, instantiate].join("\n") });
Object.assign(gmmLive, { bell, chance, contour });
const waiting = globalThis.gmmFigures || [];
globalThis.gmmFigures = { push: ([kind, make]) => figure(kind, make) };
for (const one of waiting) gmmFigures.push(one);
})();
