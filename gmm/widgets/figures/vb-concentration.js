// Variational Bayes from one start, again and again while the prior's concentration moves: weights, ellipses, bound.
// info: X, labels, axis_labels, K, mean, mean_precision, scale, dof (the prior), factors of the scale, x, y (limits).
(globalThis.gmmFigures ??= []).push(["vb-concentration", (figure, info) => {
"use strict";
const { kernels } = figure, { number } = gmmLive, { X, K } = info, n = X.length, range = [-3, 1.5];
const still = matchMedia("(prefers-reduced-motion: reduce)");
// exponent: the concentration is its power of ten. dots: what was reached before, [exponent, factor, in use, bound].
figure.state = { exponent: -1, factor: 1, dots: [] };
figure.check = s => {
  if (!info.factors.includes(s.factor) || !(Math.abs(s.exponent) <= 3)) throw new Error("no such prior");
};
const oneHot = kernels.one_hot_kernel(info.labels, K);
const power = exponent => 10 ** exponent, short = v => v >= 100 ? number(v, 0) : String(+v.toPrecision(2));

// ---- the chapter's two updates and its bound
let run = {};
function begin({ exponent, factor }) {
  const prior = [power(exponent), info.mean, info.mean_precision, info.scale.map(row => row.map(v => v * factor)), info.dof];
  run = { key: [exponent, factor].join(), prior, resp: oneHot, iteration: 0, bound: -Infinity, done: false };
  update();
  wake();
}
function update() {
  run.posterior = kernels.variational_m_step_kernel(X, run.resp, ...run.prior);
  const logJoint = kernels.variational_log_joint_kernel(X, ...run.posterior);
  run.resp = kernels.log_responsibilities_kernel(logJoint).map(row => row.map(Math.exp));
  const bound = kernels.variational_bound_kernel(X, run.resp, ...run.posterior, ...run.prior);
  run.iteration += 1;
  run.done = bound - run.bound < 1e-6 * n || run.iteration === 5000;
  run.bound = bound;
  run.counts = run.posterior[2].map(precision => precision - info.mean_precision);
  run.used = run.counts.filter(count => count >= 1).length;
}
// A few iterations a frame; who wants no motion sees the end only.
let asked = 0;
function wake() { asked ||= requestAnimationFrame(frame); }
function frame() {
  asked = 0;
  const until = performance.now() + (still.matches ? 60 : 8);
  while (!run.done && performance.now() < until) update();
  if (!run.done) wake();
  else {
    const s = figure.state, same = ([e, f]) => e === s.exponent && f === s.factor;
    if (!s.dots.some(same)) s.dots = [...s.dots.slice(-79), [s.exponent, s.factor, run.used, +run.bound.toFixed(2)]];
  }
  if (run.done || !still.matches) figure.refresh();
}

const plane = figure.plot({ label: "Samples and components in use", x: info.x, y: info.y, xlabel: info.axis_labels[0], ylabel: info.axis_labels[1], aspect: 0.75, narrow: 0.8 });
const tens = [[-3, "0.001"], [-2, "0.01"], [-1, "0.1"], [0, "1"], [1, "10"]];
const weights = figure.plot({ label: "Expected weights of the components", x: [0.4, K + 0.6], y: [0, 1], ylabel: "weight", xlabel: "component", aspect: 0.55, narrow: 0.35, side: true, yticks: 2, xtick: Array.from({ length: K }, (_, k) => [k + 1, String(k + 1)]) });
const bounds = figure.plot({ label: "Bound over the concentration", x: [range[0] - 0.1, range[1] + 0.1], y: [-1300, -1180], xlabel: "concentration α₀", ylabel: "bound F", aspect: 0.8, narrow: 0.45, side: true, xtick: tens, yticks: 4 });
const mark = factor => info.factors.indexOf(factor);

figure.slider("Concentration α₀", { min: range[0], max: range[1], step: 0.1, get: () => figure.state.exponent, put: v => { figure.state.exponent = v; }, text: v => short(power(v)) });
figure.choice("Scale Ψ₀ / covariance", info.factors.map(f => [f, String(f)]), () => figure.state.factor, f => { figure.state.factor = f; });
figure.button("Clear dots", () => { figure.state.dots = []; }, { off: s => !s.dots.length });

figure.draw = s => {
  if (run.key !== [s.exponent, s.factor].join()) begin(s);
  const [concentration, means, , scales, dof] = run.posterior, total = concentration.reduce((a, b) => a + b);
  plane.points("sample", X);
  concentration.forEach((alpha, k) => {
    if (run.counts[k] >= 1) for (const radius of [1, 2]) {
      const covariance = Array.from(scales[k], row => Array.from(row, v => v / dof[k]));
      plane.ellipse(`ring${k}-${radius}`, means[k], covariance, radius, "k" + k % 6);
    }
    const w = alpha / total;
    weights.area("bar" + k, [[k + 0.65, 0], [k + 0.65, w], [k + 1.35, w], [k + 1.35, 0]], "solid f" + k % 6);
  });
  const all = [...s.dots.map(dot => dot[3]), run.iteration > 3 ? run.bound : -1250, -1180, -1300];
  bounds.options.y = [Math.min(...all) - 5, Math.max(...all) + 5];
  bounds.begin();
  info.factors.forEach((factor, j) => {
    const own = s.dots.filter(dot => dot[1] === factor).sort((a, b) => a[0] - b[0]);
    bounds.line("way" + j, own.map(dot => [dot[0], dot[3]]), `k${j} thin`);
    own.forEach(dot => bounds.dot(`dot${j} ${dot[0]}`, [dot[0], dot[3]], "d" + j, 3));
    if (own.length) bounds.label("name" + j, [own[0][0], own[0][3]], String(factor), { anchor: "end", style: "before" });
  });
  bounds.dot("now", [s.exponent, Math.max(run.bound, bounds.options.y[0])], `ring d${mark(s.factor)}`, 6);
  const state = run.done ? `after ${run.iteration} iterations` : `iteration ${run.iteration}`;
  figure.say(`α₀ = ${short(power(s.exponent))}, Ψ₀ = ${s.factor} × covariance: ${run.used} of ${K} components in use ${state}; bound F = ${number(run.bound)}.`);
};
}]);
