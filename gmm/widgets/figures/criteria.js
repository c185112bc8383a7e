// One to six components: the fit, and all criteria at once; a price for each parameter to move between AIC and BIC.
// info: X, labels, digits, x, y, most, folds (the part of each sample in cross-validation).
// needs: fitting
(globalThis.gmmFigures ??= []).push(["criteria", (figure, info) => {
"use strict";
const { kernels } = figure, { number, mix } = gmmLive, { STRUCTURES, fitMixture, beside, rows } = gmmFitting, { X, most } = info, n = X.length;
const flat = Object.assign(Float64Array.from(X.flat()), { shape: [n, 2] }), sizes = Array.from({ length: most }, (_, k) => k + 1);
figure.state = { K: 2, structure: "full", price: 2 };
const S = () => figure.state;
figure.check = s => {
  if (!sizes.includes(s.K) || !STRUCTURES.includes(s.structure) || !(s.price >= 0 && s.price <= 10)) throw new Error("no such choice");
};

// ---- fits of one structure, and what the folds say, smallest first; they come in one by one. Runs in a worker.
async function fitAll(k, task, tell) {
  const { n, folds } = task, groups = Math.max(...folds) + 1;
  for (let K = 1; K <= task.most; K++) {
    const one = await fitMixture(k, { ...task, K }, async () => tell(null));
    let out = one.best ? 0 : NaN;
    for (let fold = 0; fold < groups; fold++) {
      const kept = [], held = [];
      for (let i = 0; i < n; i++) (folds[i] === fold ? held : kept).push(task.X[2 * i], task.X[2 * i + 1]);
      const part = await fitMixture(k, { ...task, X: Float64Array.from(kept), n: kept.length / 2, K }, async () => tell(null));
      if (!part.best) { out = NaN; break; }
      const left = Object.assign(Float64Array.from(held), { shape: [held.length / 2, 2] });
      out += k.mixture_log_density_kernel(left, part.best.weights, part.best.means, part.best.covariances).reduce((a, b) => a + b, 0);
    }
    await tell({ K, one: { ...one, runs: null }, out }, true);
  }
  return true;
}
const known = {};
let job = null;
function fits(structure) {
  if (known[structure]) return known[structure];
  job?.stop();
  for (const [name, { done }] of Object.entries(known)) if (!done) delete known[name];
  const found = known[structure] = { done: false, all: [] };
  const mine = job = beside(fitAll, { X: new Float64Array(flat), n, d: 2, structure, starts: 5, seed: 3, tol: 1e-7, limit: 3000, most, folds: info.folds }, step => {
    if (!step) return;
    const { one, out, K } = step, best = one.best && {
      weights: Array.from(one.best.weights), means: rows(one.best.means, 2),
      covariances: sizes.slice(0, K).map((_, k) => rows(one.best.covariances.slice(4 * k, 4 * k + 4), 2)),
    };
    found.all.push({ K, best, ell: one.best?.logLikelihood, p: one.p, aic: one.aic, bic: one.bic, icl: one.icl, cv: -2 * out });
    figure.refresh();
  }, { fitMixture });
  mine.done.then(() => { found.done = true; figure.refresh(); }, error => { if (error.message !== "stopped") figure.say(error.message); });
  return found;
}

const plot = figure.plot({ label: "Samples and the fit", x: info.x, y: info.y, xlabel: info.labels[0], ylabel: info.labels[1], aspect: 0.75, narrow: 0.8 });
const curves = figure.plot({ label: "Criteria over the number of components, each above its smallest value", x: [0.8, most + 0.2], y: [0, 1], xlabel: "components K", ylabel: "above the smallest", aspect: 1.15, narrow: 0.75, side: true, xtick: sizes.map(k => [k, String(k)]), yticks: 4, right: 44 });
figure.choice("Components", sizes.map(k => [k, String(k)]), () => S().K, K => { S().K = K; });
figure.choice("Structure", STRUCTURES.map(name => [name, name]), () => S().structure, name => { S().structure = name; });
figure.slider("Price of a parameter", { min: 0, max: 10, step: 0.1, get: () => S().price, put: v => { S().price = v; }, text: v => number(v, 1) });

const NAMES = [["aic", "AIC"], ["bic", "BIC"], ["icl", "ICL"], ["cv", "CV"]];
const least = (all, value) => all.reduce((best, one) => value(one) < value(best) ? one : best);
figure.draw = s => {
  const { all, done } = fits(s.structure), usable = all.filter(one => one.best), shown = usable.find(one => one.K === s.K);
  const resp = shown && kernels.e_step_kernel(X, shown.best.weights, shown.best.means, shown.best.covariances)[0].map(row => Array.from(row, Math.exp));
  plot.points("sample", X, resp && mix(figure, resp));
  shown?.best.means.forEach((mean, k) => {
    for (const radius of [1, 2]) plot.ellipse(`ring${k}-${radius}`, mean, shown.best.covariances[k], radius, "k" + k);
  });
  if (!usable.length) return figure.say("Fitting one to six components …");

  const priced = one => -2 * one.ell + s.price * one.p, heights = [];
  const winners = {};
  const lines = [...NAMES.map(([key, name], j) => [key, name, one => one[key], `k${j} thin`, j]), ["price", "price", priced, "thick grey", null]].map(([key, name, value, style, j]) => {
    const seen = usable.filter(one => Number.isFinite(value(one))), best = seen.length ? least(seen, value) : null;
    winners[key] = best;
    const points = seen.map(one => [one.K, value(one) - value(best)]);
    heights.push(...points.filter(([K]) => K > 1).map(p => p[1]));
    return { key, name, points, style, j, best };
  });
  const top = Math.min(150, Math.max(20, ...heights) * 1.1);
  Object.assign(curves.options, { y: [-0.06 * top, top], ytick: undefined });
  curves.begin();
  for (const { key, points, style, j, best } of lines) {
    curves.line(key, points.map(([K, v]) => [K, Math.min(v, 2 * top)]), style, key === "price" ? "back" : "front");
    if (best) curves.dot("best " + key, [best.K, 0], key === "price" ? "ring" : `ring d${j}`, key === "price" ? 9 : 4 + 2 * (3 - j) / 3);
  }
  // Names at the right end, apart from each other.
  const ends = lines.filter(line => line.points.length).map(line => ({ ...line, at: Math.min(line.points.at(-1)[1], top) })).sort((a, b) => a.at - b.at);
  let lowest = -Infinity;
  for (const line of ends) {
    const y = Math.min(curves.y(line.at), lowest === -Infinity ? Infinity : lowest - 14);
    lowest = y;
    curves.text("name " + line.key, [curves.right + 4, y + 4], line.name, { layer: "axes", anchor: "start" });
  }
  curves.line("now", [[s.K, -0.06 * top], [s.K, top]], "dashed thin grey", "back");

  const said = NAMES.map(([key, name]) => winners[key] && `${name} ${winners[key].K}`).filter(Boolean).join(", ");
  const more = done ? "" : ` (${all.length} of ${most} sizes fitted)`;
  const own = shown ? `K = ${s.K}, ${s.structure}: ℓ = ${number(shown.ell)}, p = ${shown.p}, AIC ${number(shown.aic, 1)}, BIC ${number(shown.bic, 1)}, ICL ${number(shown.icl, 1)}${Number.isFinite(shown.cv) ? `, CV ${number(shown.cv, 1)}` : ""}. ` : all.some(one => one.K === s.K) ? `K = ${s.K}: every start collapsed. ` : "";
  figure.say(`${own}The choices${more}: ${said}; at ${number(s.price, 1)} a parameter, ${winners.price.K}. BIC's price is log n = ${number(Math.log(n))}.`);
};
}]);
