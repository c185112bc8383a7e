// EM on two features, half a step at a time: drag the components, add and remove samples, then let it run.
// info: X, labels, digits, start {weights, means, covariances}, x and y (limits).
(globalThis.gmmFigures ??= []).push(["em-plane", (figure, info) => {
"use strict";
const { kernels } = figure, { number, clip, mix } = gmmLive, most = 6, reg = 0;
const start = info.start, K0 = start.weights.length;
// asked: the parameters of the last E-step, from which the colours come. trace: log-likelihood after each iteration.
figure.state = { ...start, asked: null, next: "E", trace: [], added: [], removed: [], mode: "move", pen: [0, 0], speed: 2 };
figure.state.pen = [(info.x[0] + info.x[1]) / 2, (info.y[0] + info.y[1]) / 2];
const S = () => figure.state, parameters = s => [s.weights, s.means, s.covariances];
const samples = () => [...info.X.filter((_, i) => !S().removed.includes(i)), ...S().added];
const likelihood = s => kernels.log_likelihood_kernel(samples(), ...parameters(s));
// The parameters or the samples were changed by hand: what EM did until then says nothing any more.
const anew = () => Object.assign(S(), { asked: null, next: "E", trace: [] });
figure.check = s => {
  const K = s.weights.length, X = samples(), sum = s.weights.reduce((a, b) => a + b, 0);
  s.weights = s.weights.map(weight => weight / sum); // in an address they have six digits
  if (K > most || s.covariances.length !== K || kernels.singular_component_kernel(s.covariances) >= 0) throw new Error("no mixture");
  kernels.log_likelihood_kernel(X, ...parameters(s));
};

function step() {
  const s = S(), X = samples();
  if (s.next === "E") {
    s.asked = { weights: s.weights, means: s.means, covariances: s.covariances };
    if (!s.trace.length) s.trace = [likelihood(s)];
    s.next = "M";
    return;
  }
  const resp = responsibilities(X), [weights, means, covariances] = kernels.m_step_kernel(X, resp, reg).map(plain);
  const k = kernels.singular_component_kernel(covariances);
  if (k >= 0) throw new Error(`Component ${k + 1} would collapse: the samples that it has span no area, and the log-likelihood has no bound (chapter 13). Undo, or move it away.`);
  Object.assign(s, { weights, means, covariances, next: "E" });
  s.trace = [...s.trace, likelihood(s)];
}
const plain = value => typeof value === "number" ? value : Array.from(value, plain);
const responsibilities = X => {
  const [logResp] = kernels.e_step_kernel(X, ...parameters(S().asked));
  return logResp.map(row => Array.from(row, Math.exp));
};
// Run goes on until an iteration gains less than a millionth for each sample.
function run() {
  step();
  const { trace, next } = S(), n = trace.length;
  return next === "M" || n < 2 || trace[n - 1] - trace[n - 2] > 1e-6 * samples().length;
}

function fresh(K) {
  const X = samples(), chosen = [];
  while (chosen.length < K) chosen.push(Math.floor(Math.random() * X.length));
  const [weights, means] = kernels.random_start_kernel(X, chosen).map(plain);
  const whole = kernels.sample_covariance_kernel(X, kernels.sample_mean_kernel(X));
  const covariances = means.map(() => plain(whole).map(row => row.map(v => v / Math.max(1, K))));
  return { weights, means, covariances };
}
function components(K) {
  const s = S(), more = fresh(K), old = Math.min(K, s.weights.length);
  for (const part of ["means", "covariances"]) s[part] = [...s[part].slice(0, old), ...more[part].slice(old)];
  s.weights = more.weights;
  anew();
}

// ---- samples: a click adds one or takes the nearest away, and so does the pen, which the arrow keys move.
const plot = figure.plot({
  label: "Samples and components", x: info.x, y: info.y, xlabel: info.labels[0], ylabel: info.labels[1], aspect: 0.75, narrow: 0.95, top: 34,
  press: p => { if (S().mode !== "move") figure.change(() => mark(p)); },
});
function mark(p) {
  const s = S();
  if (s.mode === "add") s.added = [...s.added, p.map(v => +v.toPrecision(6))];
  else {
    const far = q => Math.hypot(...plot.place(q).map((v, j) => v - plot.place(p)[j]));
    const kept = info.X.map((q, i) => [q, i]).filter(([, i]) => !s.removed.includes(i));
    const all = [...kept.map(([q, i]) => [far(q), i, -1]), ...s.added.map((q, i) => [far(q), -1, i])];
    const [distance, i, j] = all.reduce((best, one) => one[0] < best[0] ? one : best);
    if (distance > 22) return;
    if (all.length <= 3) throw new Error("Three samples stay.");
    if (i >= 0) s.removed = [...s.removed, i];
    else s.added = s.added.filter((_, m) => m !== j);
  }
  anew();
}

const trace = figure.plot({ label: "Log-likelihood over iterations", x: [0, 1], y: [0, 1], xlabel: "iteration", ylabel: "log-likelihood", aspect: 0.75, narrow: 0.45, yticks: 4, side: true });
figure.table(["k", "weight", "mean", "sd"], s => s.weights.map((weight, k) => [
  String(k + 1), number(weight, 3), s.means[k].map((v, j) => number(v, info.digits[j])).join(", "),
  s.covariances[k].map((row, j) => number(Math.sqrt(row[j]), info.digits[j])).join(", "),
]));

figure.button("E-step", step, { main: true, off: s => s.next !== "E" });
figure.button("M-step", step, { main: true, off: s => s.next !== "M" });
figure.runner(run, { speed: () => S().speed });
figure.slider("Speed", { min: 1, max: 20, step: 1, get: () => S().speed, put: v => { S().speed = v; }, text: v => `${v} half-steps a second` });
figure.choice("Components", Array.from({ length: most }, (_, k) => [k + 1, String(k + 1)]), () => S().weights.length, components);
figure.button("New start", () => { Object.assign(S(), fresh(S().weights.length)); anew(); }, { label: "New random start" });
figure.choice("Pointer", [["move", "drags"], ["add", "adds samples"], ["remove", "removes"]], () => S().mode, mode => { S().mode = mode; });

figure.draw = s => {
  const X = samples(), resp = s.asked ? responsibilities(X) : null, K = s.weights.length, log = likelihood(s);
  plot.points("sample", X, resp && mix(figure, resp));
  s.means.forEach((mean, k) => {
    for (const radius of [1, 2]) plot.ellipse(`ring${k}-${radius}`, mean, s.covariances[k], radius, "k" + k);
  });
  const last = s.trace.length - 1 + (s.next === "M"), name = s.asked ? `${s.next === "M" ? "E" : "M"}-step ${last}` : "";
  plot.text("step", [plot.right - 4, 24], name, { anchor: "end", style: "large" });
  if (s.mode === "move") s.means.forEach((_, k) => figure.gaussian(plot, k, {
    get: () => [S().means[k], S().covariances[k]], digits: info.digits,
    put: (mean, covariance) => {
      if (kernels.singular_component_kernel([covariance]) >= 0) return;
      const replace = (all, value) => all.map((one, m) => m === k ? value : one);
      Object.assign(S(), { means: replace(S().means, mean), covariances: replace(S().covariances, covariance) });
      anew();
    },
  }));
  else plot.handle("pen", {
    at: s.pen, label: `Pen that ${s.mode}s samples`, style: "pen", value: s.pen.map((v, j) => number(v, info.digits[j])).join(", ") + `, Enter ${s.mode}s a sample`,
    drag: p => { S().pen = p; }, press: () => mark(S().pen),
  });

  // The trace: a start far below the rest would press the rest into a line, and stands at the lower edge.
  const values = s.trace.length ? s.trace : [log], top = Math.max(...values);
  const rest = values.length > 2 ? Math.min(...values.slice(1)) : Math.min(...values), low = Math.max(Math.min(...values), rest - 0.5 * (top - rest || 1));
  const pad = 0.1 * (top - low) || 1;
  Object.assign(trace.options, { x: [0, Math.max(5, values.length - 1)], y: [low - pad, top + pad] });
  trace.begin();
  const drawn = values.map((v, t) => [t, Math.max(v, low - pad)]);
  trace.line("trace", drawn, "thin");
  drawn.forEach((p, t) => trace.dot("dot" + t, p, "", 2.5));
  trace.dot("now", drawn.at(-1), "ring", 6);

  const n = `${X.length} samples, log-likelihood ${number(log)}.`;
  if (!s.asked) return figure.say(`${n} No sample has a responsibility yet: take an E-step.`);
  if (s.next === "M") {
    const counts = Array.from(kernels.effective_counts_kernel(resp), v => number(v, 1)).join(", ");
    return figure.say(`E-step ${last}: the colours are the responsibilities; effective counts ${counts}. The bound touches the log-likelihood, ${number(log)}.`);
  }
  const gain = log - s.trace.at(-2), bound = kernels.elbo_kernel(resp, kernels.joint_log_density_kernel(X, ...parameters(s)));
  figure.say(`M-step ${last}: each component refitted to its share. Log-likelihood ${number(log)}, ${gain < 0 ? "down" : "up"} by ${number(Math.abs(gain), 3)}; the bound is at ${number(bound)}.`);
};
}]);
