// The script that all interactive figures share. It switches between states that Python has computed and stored.
// It may be in a page many times: each run starts the figures that no earlier run has started.
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
  const arc = `A${px(radius * rx)} ${px(radius * ry)} ${px(angle)} 1 0 `;
  const a = px(x + dx) + " " + px(y + dy), b = px(x - dx) + " " + px(y - dy);
  return "M" + a + arc + b + arc + a + "Z";
}
function start(root) {
  const D = JSON.parse(root.querySelector('script[type="application/json"]').textContent);
  const all = s => [...root.querySelectorAll(s)], one = s => root.querySelector(s), out = one("output");
  const say = text => { if (out.textContent !== text) out.textContent = text; };

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

  const kinds = {
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
    sigma() {
      const marks = all(".gw-dots > *"), rings = all(".gw-rings circle");
      steps(t => {
        paint(marks, D.resp[t], "fill");
        rings.forEach(ring => set(ring, { r: D.radii[t] }));
      });
    },
  };
  kinds[root.dataset.kind]();
  one(".gw-controls").hidden = false;
}
document.querySelectorAll(".gmm-widget:not([data-ready])").forEach(root => {
  root.dataset.ready = "";
  start(root);
});
})();
