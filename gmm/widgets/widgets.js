// The script that all interactive figures share. It switches between states that Python has computed and stored.
// It may be in a page many times: each run starts the figures that no earlier run has started. The output of a notebook
// carries the part of its own kind; parts of the other kinds, from "begin" to "end", are left out.
(function () {
"use strict";
const CODE = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";
const px = v => String(+v.toFixed(1));
const at = (s, i) => CODE.indexOf(s[i]);
// Two characters hold a coordinate from 0 to size.
const pixels = (s, size) => Array.from({ length: s.length / 2 }, (_, i) => (at(s, 2 * i) * 64 + at(s, 2 * i + 1)) / 4095 * size);
const set = (e, attributes) => { for (const key in attributes) e.setAttribute(key, attributes[key]); };
const polyline = points => "M" + points.map(p => px(p[0]) + " " + px(p[1])).join("L");
function start(root) {
  const D = JSON.parse(root.querySelector('script[type="application/json"]').textContent);
  const all = s => [...root.querySelectorAll(s)], one = s => root.querySelector(s), out = one("output");
  const say = text => { if (out.textContent !== text) out.textContent = text; };

  // begin surface
  // Several sliders; draw() is told their values.
  function sliders(values, draw) {
    const inputs = all("input");
    const show = () => {
      const now = inputs.map(input => +input.value);
      inputs.forEach((input, j) => input.setAttribute("aria-valuetext", values[j][now[j]]));
      draw(...now);
    };
    inputs.forEach(input => input.addEventListener("input", show));
    show();
    return (...places) => {
      places.forEach((place, j) => { if (place !== null) inputs[j].value = place; });
      show();
    };
  }
  // Press and drag: move() is told the place in the coordinates of the view box, and whether it was just pressed.
  function drag(target, svg, move) {
    const tell = (event, pressed) => {
      const box = svg.getBoundingClientRect(), view = svg.viewBox.baseVal;
      move((event.clientX - box.left) / box.width * view.width, (event.clientY - box.top) / box.height * view.height, pressed);
    };
    target.addEventListener("pointerdown", event => {
      if (event.button) return;
      target.setPointerCapture(event.pointerId);
      event.preventDefault();
      tell(event, true);
    });
    target.addEventListener("pointermove", event => { if (target.hasPointerCapture(event.pointerId)) tell(event, false); });
  }
  const nearest = (values, v) => values.reduce((best, x, i) => Math.abs(x - v) < Math.abs(values[best] - v) ? i : best, 0);
  // end

  const kinds = {
    // begin surface
    surface() {
      const way = one(".gw-way"), points = one(".gw-points"), here = one(".gw-here"), svg = one(".gw-svg");
      const move = sliders([D.names, D.names], (i, j) => {
        const t = i * D.names.length + j, flat = pixels(D.paths[t], D.size), line = [];
        for (let m = 0; m < flat.length; m += 2) line.push([flat[m], flat[m + 1]]);
        set(way, { d: polyline(line) });
        set(points, { d: line.map(p => `M${px(p[0])} ${px(p[1])}h0`).join("") });
        set(here, { cx: px(line[0][0]), cy: px(line[0][1]) });
        say(`From (${D.names[i]}, ${D.names[j]}), log-likelihood ${D.heights[t]}: ` +
          `${D.iterations[t]} iterations to ${D.optima[D.reached[t]]}.`);
      });
      drag(svg, svg, (x, y) => move(nearest(D.x, x), nearest(D.y, y)));
    },
    // end
  };
  const kind = kinds[root.dataset.kind];
  if (!kind) return;
  root.dataset.ready = "";
  kind();
  one(".gw-controls").hidden = false;
}
document.querySelectorAll(".gmm-widget:not([data-ready])").forEach(start);
})();
