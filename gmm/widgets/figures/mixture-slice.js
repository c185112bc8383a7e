// Slice a mixture of two features by hand: where one feature is given, the density of the other.
// info: weights, means, covariances, X, x, y (limits), axis_labels, names, digits, at (the slice, of each feature), given (the first), coverage
(globalThis.gmmFigures ??= []).push(["mixture-slice", (figure, info) => {
"use strict";
const { kernels } = figure, { number, clip } = gmmLive, K = info.weights.length, limits = [info.x, info.y], all = Array.from({ length: K }, (_, k) => k);
// given: the feature that is known; at: its value, for either; move: the components are moved, not the slice.
figure.state = { given: info.given, at: info.at, move: false, means: info.means, covariances: info.covariances };
const S = () => figure.state;
figure.check = s => {
  if (![0, 1].includes(s.given) || s.at.length !== 2 || !s.at.every(Number.isFinite) || s.means.length !== K || s.covariances.length !== K || kernels.singular_component_kernel(s.covariances) >= 0)
    throw new Error("no such slice");
};
// The mixture of the other feature: a conditional Gaussian of each component, and the responsibilities of what is given.
function conditional({ given, means, covariances }, value) {
  const x = given ? [NaN, value] : [value, NaN], order = [given, 1 - given];
  const parts = all.map(k => kernels.conditional_gaussian_kernel(x, means[k], covariances[k], order, 1));
  const logJoint = kernels.observed_joint_kernel([x], info.weights, means, covariances);
  const weights = Array.from(kernels.log_responsibilities_kernel(logJoint)[0], Math.exp);
  return { weights, means: parts.map(part => [part[0][0]]), covariances: parts.map(part => [[part[1][0][0]]]) };
}
const theta = m => [m.weights, m.means, m.covariances];
const meanOf = m => kernels.mixture_mean_kernel(m.weights, m.means)[0];
// The curve of the density on a grid that is fine about every component; area below it from its left end, by trapezoids.
function curve(m) {
  const places = m.means.flatMap(([mean], k) => Array.from({ length: 321 }, (_, i) => mean + (i / 20 - 8) * Math.sqrt(m.covariances[k][0][0]))).sort((a, b) => a - b);
  const density = Array.from(kernels.mixture_log_density_kernel(places.map(v => [v]), ...theta(m)), Math.exp), below = [0];
  for (let i = 1; i < places.length; i++) below.push(below[i - 1] + (places[i] - places[i - 1]) * (density[i] + density[i - 1]) / 2);
  return { places, density, below };
}
function quantile({ places, below }, q) {
  const wanted = q * below.at(-1), i = Math.max(1, below.findIndex(v => v >= wanted)), part = (wanted - below[i - 1]) / (below[i] - below[i - 1] || 1);
  return places[i - 1] + part * (places[i] - places[i - 1]);
}
// Where the density has its maxima; a place that two grids share counts once.
function modes({ places, density }) {
  const kept = places.map((v, i) => i).filter(i => !i || places[i] > places[i - 1]);
  return kept.filter((i, j) => j > 0 && j < kept.length - 1 && density[i] >= density[kept[j - 1]] && density[i] > density[kept[j + 1]] && density[i] > 1e-6 * Math.max(...density)).map(i => [places[i], density[i]]);
}
let line = {};
function regression(s) {
  const key = JSON.stringify([s.given, s.means, s.covariances]), [low, high] = limits[s.given];
  if (line.key !== key) line = { key, points: Array.from({ length: 81 }, (_, i) => low + (high - low) * i / 80).map(v => [v, meanOf(conditional(s, v))]) };
  return line.points;
}

const plane = figure.plot({ label: "The mixture and the slice", x: info.x, y: info.y, xlabel: info.axis_labels[0], ylabel: info.axis_labels[1], aspect: 0.78, narrow: 0.9, grab: "slice" });
const side = figure.plot({ label: "Density of the other feature, given the slice", x: [0, 1], y: info.y, xlabel: "conditional density", ylabel: info.axis_labels[1], side: true, aspect: 1.22, narrow: 1, xticks: 3 });
figure.choice("Given", info.names.map((name, j) => [j, name]), () => S().given, given => { S().given = given; });
figure.choice("Pointer", [[false, "slices"], [true, "moves components"]], () => S().move, move => { S().move = move; });

figure.draw = s => {
  const g = s.given, t = 1 - g, value = clip(s.at[g], ...limits[g]), m = conditional(s, value), place = (given, other) => g ? [other, given] : [given, other];
  const found = curve(m), mean = meanOf(m), sd = Math.sqrt(kernels.mixture_covariance_kernel(...theta(m))[0][0]), ends = [(1 - info.coverage) / 2, (1 + info.coverage) / 2].map(q => quantile(found, q));
  plane.points("sample", info.X);
  all.forEach(k => { for (const radius of [1, 2]) plane.ellipse(`ring${k}-${radius}`, s.means[k], s.covariances[k], radius, "k" + k); });
  plane.line("regression", regression(s).map(p => place(...p)), "dashed");
  plane.line("slice", [place(value, limits[t][0]), place(value, limits[t][1])], "grey");
  plane.line("interval", ends.map(v => place(value, v)), "thick");
  plane.options.grab = s.move ? null : "slice";
  if (s.move) all.forEach(k => figure.gaussian(plane, k, {
    get: () => [S().means[k], S().covariances[k]], digits: info.digits,
    put: (mean, covariance) => {
      if (kernels.singular_component_kernel([covariance]) >= 0) return;
      const replace = (values, one) => values.map((old, l) => l === k ? one : old);
      Object.assign(S(), { means: replace(S().means, mean), covariances: replace(S().covariances, covariance) });
    },
  }));
  const words = (v, j) => number(v, info.digits[j]), name = j => info.names[j];
  const summary = `${name(t)} ${words(mean, t)} on average`;
  const cut = v => { S().at = S().at.map((old, j) => j === g ? clip(v, ...limits[g]) : old); };
  if (!s.move) plane.handle("slice", {
    at: place(value, clip(mean, ...limits[t])), label: `Slice at ${name(g)}`, value: `${words(value, g)}: ${summary}`, style: "pen",
    drag: p => cut(p[g]), key: (dx, dy) => cut(value + (dx + dy) * (limits[g][1] - limits[g][0]) / 100),
  });

  Object.assign(side.options, { x: [0, 1.08 * Math.max(...found.density)], y: limits[t], ylabel: info.axis_labels[t] });
  side.begin();
  side.area("inside", [[0, ends[0]], ...found.places.map((v, i) => [found.density[i], v]).filter(p => p[1] >= ends[0] && p[1] <= ends[1]), [0, ends[1]]]);
  all.forEach(k => {
    const part = kernels.univariate_log_density_kernel(found.places, m.means[k][0], m.covariances[k][0][0]);
    if (K > 1) side.line("part" + k, found.places.map((v, i) => [m.weights[k] * Math.exp(part[i]), v]), "thin k" + k);
  });
  side.line("density", found.places.map((v, i) => [found.density[i], v]), "thick2");
  side.line("mean", [[0, mean], [side.options.x[1], mean]], "dashed");
  side.label("mean name", [side.options.x[1], mean], "mean", { anchor: "end", style: "above halo" });
  const tops = modes(found), dense = Math.exp(kernels.mixture_log_density_kernel([[mean]], ...theta(m))[0]) / Math.max(...found.density);
  const shape = tops.length > 1 ? `${tops.length} modes, ${tops.map(([v]) => words(v, t)).join(" and ")}; the mean has ${number(100 * dense, 0)} % of the highest density.` : `one mode, ${words(tops[0]?.[0] ?? mean, t)}.`;
  figure.say(`Given ${name(g)} = ${words(value, g)}: ${summary}, standard deviation ${words(sd, t)}, ${number(100 * info.coverage, 0)} % between ${words(ends[0], t)} and ${words(ends[1], t)}; ${shape}${K > 1 ? ` Weights ${m.weights.map(w => number(w)).join(", ")}.` : ""}`);
};
}]);
