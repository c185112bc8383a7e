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
const cross = (x, y) => `M${px(x - 5)} ${px(y - 5)}l10 10m-10 0l10-10`;
const polyline = points => "M" + points.map(p => px(p[0]) + " " + px(p[1])).join("L");
function ellipse(ring, radius) {
  const [x, y, rx, ry, angle] = ring, t = angle * Math.PI / 180;
  const dx = radius * rx * Math.cos(t), dy = radius * rx * Math.sin(t);
  const arc = `A1 ${(ry / rx).toFixed(4)} ${px(angle)} 1 0 `;
  const a = px(x + dx) + " " + px(y + dy), b = px(x - dx) + " " + px(y - dy);
  return "M" + a + arc + b + arc + a + "Z";
}
function start(root) {
  const D = JSON.parse(root.querySelector('script[type="application/json"]').textContent);
  const all = s => [...root.querySelectorAll(s)], one = s => root.querySelector(s), out = one("output");
  const say = text => { if (out.textContent !== text) out.textContent = text; };

  // begin stepper
  // The colours of the palette, one place for style and script.
  const palette = () => Array.from({ length: D.K }, (_, k) => {
    const hex = getComputedStyle(root).getPropertyValue("--c" + k).trim();
    return [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16));
  });
  function paint(marks, resp, attribute) {
    const colours = palette(), K = D.K;
    marks.forEach((mark, i) => {
      if (!resp) return mark.removeAttribute(attribute);
      const c = [0, 0, 0];
      let rest = 63;
      for (let k = 0; k < K; k++) {
        const r = k < K - 1 ? at(resp, i * (K - 1) + k) : rest;
        rest -= r;
        for (let j = 0; j < 3; j++) c[j] += r / 63 * colours[k][j];
      }
      mark.setAttribute(attribute, `rgb(${c.map(Math.round).join()})`);
    });
  }

  // end
  // begin stepper bound
  // Buttons, slider and arrow keys over a row of states.
  function steps(draw) {
    const slider = one("input"), n = D.names.length, play = one("[data-do=play]");
    const back = one("[data-do=back]"), next = one("[data-do=next]");
    let now = 0, timer = 0;
    const stop = () => {
      clearInterval(timer);
      timer = 0;
      out.setAttribute("aria-live", "polite");
      if (play) play.textContent = "Play";
    };
    const show = t => {
      now = Math.max(0, Math.min(n - 1, t));
      draw(now);
      slider.value = now;
      slider.setAttribute("aria-valuetext", D.names[now]);
      if (back) set(back, { "aria-disabled": now === 0 });
      if (next) set(next, { "aria-disabled": now === n - 1 });
      say(D.texts[now]);
    };
    const go = t => { stop(); show(t); };
    slider.addEventListener("input", () => go(+slider.value));
    if (back) back.addEventListener("click", () => go(now - 1));
    if (next) next.addEventListener("click", () => go(now + 1));
    if (play) play.addEventListener("click", () => {
      if (timer) return stop();
      if (now === n - 1) show(0);
      // A screen reader would not keep up with the steps: it hears the last one.
      out.setAttribute("aria-live", "off");
      play.textContent = "Pause";
      timer = setInterval(() => { if (now >= n - 2) stop(); show(now + 1); }, 900);
    });
    root.addEventListener("keydown", event => {
      const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!move || event.target === slider || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      go(now + move);
    });
    show(0);
  }

  // end
  // begin line ellipse
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
  const fixed = (v, digits) => v.toFixed(digits).replace("-", "−");
  const three = v => v === 0 ? "0.00" : v.toPrecision(3).replaceAll("-", "−");

  const kinds = {
    // begin stepper
    stepper() {
      const marks = all(".gw-dots path"), rings = all(".gw-rings path"), crosses = all(".gw-marks path");
      const curves = all(".gw-curves path"), here = one(".gw-here"), rows = all("tbody tr"), C = D.curves;
      steps(t => {
        const done = t >> 1;
        paint(marks, t ? D.resp[(t - 1) >> 1] : null, "stroke");
        if (D.shapes) D.shapes[done].forEach((ring, k) => {
          set(rings[2 * k], { d: ellipse(ring, 1) });
          set(rings[2 * k + 1], { d: ellipse(ring, 2) });
          set(crosses[k], { d: cross(ring[0], ring[1]) });
        });
        if (C) {
          const parts = C.y[done].map(s => pixels(s, C.size));
          const total = parts[0].map((_, i) => Math.min(C.size, parts.reduce((sum, y) => sum + y[i], 0)));
          [total, ...parts].forEach((part, k) =>
            set(curves[k], { d: polyline(part.map((y, i) => [C.x[0] + i * C.x[1], C.base - y])) }));
        }
        D.rows[done].forEach((row, k) => row.forEach((text, j) => { rows[k].cells[j + 1].textContent = text; }));
        set(here, { cx: D.trace[done][0], cy: D.trace[done][1] });
      });
    },
    // end
    // begin bound
    bound() {
      const [old, bound, gap, top, here] = ["old", "bound", "gap", "top", "now"].map(name => one(".gw-" + name));
      const curve = t => polyline(pixels(D.bounds[t], D.span).map((y, i) => [D.x[0] + i * D.x[1], D.top + y]));
      steps(t => {
        const [x, y, z] = D.marks[t], now = t >> 1;
        set(bound, { d: curve(now) });
        set(old, { d: t && t % 2 === 0 ? curve(now - 1) : "" });
        set(gap, { d: `M${px(x)} ${px(y)}V${px(z)}` });
        set(top, { d: t % 2 ? cross(x, z) : "" });
        set(here, { cx: px(x), cy: px(y) });
      });
    },
    // end
    // begin line
    line() {
      const K = D.K, rows = all("tbody tr"), bars = all("rect"), here = one(".gw-here"), svg = one(".gw-main svg");
      const move = sliders([D.names], t => {
        const joint = D.joint.slice(t * (K + 1), (t + 1) * (K + 1)), resp = D.resp.slice(t * K, (t + 1) * K);
        const width = one(".gw-bars").viewBox.baseVal.width;
        let edge = 0;
        resp.forEach((r, k) => {
          rows[k].cells[1].textContent = fixed(joint[k] / 100, 2);
          rows[k].cells[2].textContent = fixed(r / 1000, 3);
          set(bars[k], { x: px(edge), width: px(r / 1000 * width) });
          edge += r / 1000 * width;
        });
        set(here, { transform: `translate(${px(D.x[0] + t * D.x[1])})` });
        const shares = resp.map(r => fixed(r / 1000, 3)).join(", ");
        say(`${D.names[t]}: log-density ${fixed(joint[K] / 100, 2)}; responsibilities ${shares}.`);
      });
      drag(svg, svg, x => move(Math.max(0, Math.min(D.names.length - 1, Math.round((x - D.x[0]) / D.x[1])))));
    },
    // end
    // begin ellipse
    ellipse() {
      const rings = all(".gw-discs path"), box = one(".gw-box"), arrows = all(".gw-arrow"), rows = all("tbody tr");
      const handles = all(".gw-handle"), svg = one(".gw-main svg"), [x, y] = D.mean, s = D.scale, stops = D.stops;
      const values = stops.map((row, j) => row.map(v => j < 2 ? String(v) : fixed(v, 2)));
      let sd;
      const move = sliders(values, (i, j, k) => {
        const a = stops[0][i], c = stops[1][j], rho = stops[2][k], b = rho * Math.sqrt(a * c);
        const det = a * c * (1 - rho * rho), first = (a + c) / 2 + Math.hypot((a - c) / 2, b), second = det / first;
        const angle = Math.atan2(2 * b, a - c) / 2, angles = [angle, angle <= 0 ? angle + Math.PI / 2 : angle - Math.PI / 2];
        sd = [Math.sqrt(a), Math.sqrt(c)];
        [first, second].forEach((value, m) => {
          const length = Math.sqrt(value), turn = angles[m], cells = rows[m].cells;
          set(arrows[m], { d: polyline([[x, y], [x + s * length * Math.cos(turn), y - s * length * Math.sin(turn)]]) });
          cells[1].textContent = three(value);
          cells[2].textContent = three(length);
          cells[3].textContent = fixed(turn * 180 / Math.PI, 0).replace("−0", "0") + "°";
        });
        const ring = [x, y, s * Math.sqrt(first), s * Math.sqrt(second), -angle * 180 / Math.PI];
        rings.forEach((path, m) => set(path, { d: ellipse(ring, 3 - m) }));
        const w = s * sd[0], h = s * sd[1];
        set(box, { d: `M${px(x - w)} ${px(y - h)}h${px(2 * w)}v${px(2 * h)}h${px(-2 * w)}z` });
        set(handles[0], { cx: px(x + w), cy: px(y - rho * h) });
        set(handles[1], { cx: px(x + rho * w), cy: px(y - h) });
        let text = `Variances ${three(a)} and ${three(c)}, correlation ${fixed(rho, 2)}, covariance ${three(b)}. ` +
          `Root of the determinant ${three(Math.sqrt(det))}; density at the peak ${three(1 / (2 * Math.PI * Math.sqrt(det)))}.`;
        if (D.n) {
          // Squares of the Mahalanobis distance and their mean, from the inverse of a 2 × 2 matrix.
          const form = (p, q, r) => (p / a - 2 * rho * q / (sd[0] * sd[1]) + r / c) / (1 - rho * rho);
          const inside = [0, 0, 0];
          for (let m = 0; m < D.n; m++) {
            const u = D.X[2 * m], v = D.X[2 * m + 1], square = form(u * u, u * v, v * v);
            [1, 4, 9].forEach((limit, r) => { inside[r] += square <= limit; });
          }
          const likelihood = (logDet, trace) => -D.n / 2 * (2 * Math.log(2 * Math.PI) + logDet + trace);
          const best = likelihood(Math.log(D.S[0] * D.S[3] - D.S[1] * D.S[1]), 2);
          const now = likelihood(Math.log(det), form(D.S[0], D.S[1], D.S[3]));
          text += ` Inside 1, 2, 3 sigmas: ${inside.join(", ")} of ${D.n}. ` +
            `Log-likelihood ${fixed(now, 2)}, at most ${fixed(best, 2)}.`;
        }
        say(text);
      });
      // A handle stands where the ellipse touches the box: its place gives one standard deviation and the correlation.
      // The rims around them, there for fingers, may overlap: the nearest handle is meant.
      const far = (handle, u, v) => Math.hypot(handle.getAttribute("cx") - u, handle.getAttribute("cy") - v);
      let m;
      handles.forEach(handle => drag(handle, svg, (u, v, pressed) => {
        if (pressed) m = far(handles[0], u, v) < far(handles[1], u, v) ? 0 : 1;
        const at = [(u - x) / s, (y - v) / s], own = Math.max(at[m], 0);
        const place = nearest(stops[m], own * own), rho = nearest(stops[2], at[1 - m] / sd[1 - m]);
        move(...(m ? [null, place, rho] : [place, null, rho]));
      }));
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
