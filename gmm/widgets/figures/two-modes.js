// Two components on the line: for which distances, weights and widths has their mixture two modes?
// info: weight (of the second), distance, sd (of the second; the first has mean 0 and standard deviation 1), x (limits)
(globalThis.gmmFigures ??= []).push(["two-modes", (figure, info) => {
"use strict";
const { kernels } = figure, { number, clip, bell, chance } = gmmLive, [low, high] = info.x, farthest = 6, widest = 3;
// n: how many samples are drawn; seed: which.
figure.state = { weight: info.weight, distance: info.distance, sd: info.sd, n: 0, seed: 1 };
figure.check = s => {
  if (!(s.weight > 0 && s.weight < 1 && s.distance >= 0 && s.distance <= farthest && s.sd > 0 && s.n <= 5000)) throw new Error("no such pair");
};
const S = () => figure.state, weigh = w => clip(w, 0.01, 0.99);
const pair = s => [[1 - s.weight, s.weight], [[0], [s.distance]], [[[1]], [[s.sd * s.sd]]]];
const joint = (s, x) => kernels.joint_log_density_kernel(x.map(v => [v]), ...pair(s));
const between = (a, b, n) => Array.from({ length: n + 1 }, (_, i) => a + (b - a) * i / n);

// The slope of the density has the sign of this; both modes and the dip lie between the means.
const slopes = (s, x) => joint(s, x).map(([a, b], i) => {
  const top = Math.max(a, b);
  return Math.exp(b - top) * (s.distance - x[i]) / (s.sd * s.sd) - Math.exp(a - top) * x[i];
});
function extrema(s) {
  if (s.distance < 1e-6) return [0];
  const x = between(0, s.distance, 400), slope = slopes(s, x), found = [];
  for (let i = 1; i < x.length; i++) if (slope[i - 1] > 0 !== slope[i] > 0) {
    let [a, b] = [x[i - 1], x[i]];
    for (let t = 0; t < 45; t++) {
      const middle = (a + b) / 2;
      slopes(s, [middle])[0] > 0 === slope[i - 1] > 0 ? a = middle : b = middle;
    }
    found.push((a + b) / 2);
  }
  return found;
}
// At a given distance each place x between the means is stationary for one weight alone, whose log-odds are these. There
// are two modes where the log-odds of the weight lie between a low and a high of this curve.
function critical(distance, sd) {
  const x = between(0, distance, 300).slice(1, -1);
  const first = kernels.univariate_log_density_kernel(x, 0, 1), second = kernels.univariate_log_density_kernel(x, distance, sd * sd);
  const odds = x.map((v, i) => first[i] + Math.log(v) - second[i] - Math.log((distance - v) / (sd * sd)));
  const turns = odds.filter((v, i) => i > 0 && i < odds.length - 1 && (v - odds[i - 1]) * (odds[i + 1] - v) < 0);
  return turns.length < 2 ? null : [Math.min(...turns), Math.max(...turns)].map(v => 1 / (1 + Math.exp(-v)));
}
let border = { sd: 0, rows: [] };

const plot = figure.plot({ label: "Density of the mixture", x: info.x, y: [0, 0.5], xlabel: "x, in standard deviations of component 1", ylabel: "density", aspect: 0.62, narrow: 0.8, top: 16 });
const map = figure.plot({ label: "One mode or two, by distance and weight", x: [0, farthest], y: [0, 1], xlabel: "distance of the means", ylabel: "weight of component 2", aspect: 1, side: true, grab: "pair", yticks: 4 });
figure.slider("Width of component 2", { min: 0.3, max: widest, step: 0.05, get: () => S().sd, put: v => { S().sd = v; }, text: v => `σ = ${number(v)}` });
figure.choice("Samples drawn", [[0, "none"], [100, "100"], [1000, "1000"]], () => S().n, n => { S().n = n; });
figure.button("Draw again", () => { S().seed += 1; }, { off: s => !s.n });

figure.draw = s => {
  const x = between(low, high, 400), parts = joint(s, x), total = kernels.log_sum_exp_kernel(parts);
  if (!figure.held) plot.options.y = [0, Math.max(0.3, 1.25 * Math.exp(Math.max(...total)))];
  plot.begin();
  if (s.n) {
    const next = chance(s.seed), u = Array.from({ length: s.n }, next), z = u.map(() => [next.normal()]);
    const [drawn] = kernels.ancestral_sample_kernel(u, z, ...pair(s)), bars = 26, step = (high - low) / bars, counts = new Array(bars).fill(0);
    for (const [v] of drawn) if (v >= low && v < high) counts[Math.floor((v - low) / step)] += 1;
    counts.forEach((count, i) => {
      const a = low + i * step, y = count / (s.n * step);
      if (count) plot.area("bar" + i, [[a, 0], [a, y], [a + step, y], [a + step, 0]]);
    });
  }
  for (const k of [0, 1]) {
    const curve = x.map((v, i) => [v, Math.exp(parts[i][k])]);
    plot.area("area" + k, [[low, 0], ...curve, [high, 0]], "f" + k);
    plot.line("curve" + k, curve, "thin k" + k);
  }
  plot.line("total", x.map((v, i) => [v, Math.exp(total[i])]), "");
  const found = extrema(s), heights = found.map(v => Math.exp(kernels.log_sum_exp_kernel(joint(s, [v]))[0]));
  found.forEach((v, i) => plot.dot("extremum" + i, [v, heights[i]], i % 2 ? "ring" : "", 5));
  const put = (weight, mean, sd) => Object.assign(S(), { weight: weigh(weight), distance: clip(mean, 0, farthest), sd: clip(sd, 0.3, widest) });
  bell(figure, plot, 0, { get: () => [1 - S().weight, 0, 1], put: weight => { S().weight = weigh(1 - weight); }, side: false });
  bell(figure, plot, 1, { get: () => [S().weight, S().distance, S().sd], put });

  if (border.sd !== s.sd) border = { sd: s.sd, rows: between(0.05, farthest, 119).map(d => [d, critical(d, s.sd)]).filter(row => row[1]) };
  const edge = j => border.rows.map(([d, weights]) => [d, weights[j]]);
  if (border.rows.length) {
    map.area("two", [...edge(1), ...edge(0).reverse()]);
    for (const j of [0, 1]) map.line("edge" + j, edge(j), "thin");
    const [d, [a, b]] = border.rows.at(-1);
    map.label("two", [(border.rows[0][0] + d + 1) / 2, (a + b) / 2], "two modes");
  }
  map.label("one", [1.1, 0.08], "one mode");
  map.handle("pair", { at: [s.distance, s.weight], label: "Distance and weight", value: `distance ${number(s.distance)}, weight of component 2 ${number(s.weight)}`, drag: p => Object.assign(S(), { distance: clip(p[0], 0, farthest), weight: weigh(p[1]) }), key: (dx, dy) => Object.assign(S(), { distance: clip(s.distance + dx * 0.05, 0, farthest), weight: weigh(s.weight + dy / 100) }) });
  const here = `Distance ${number(s.distance)}, weights ${number(1 - s.weight)} and ${number(s.weight)}: `;
  figure.say(here + (found.length < 3 ? `one mode, at ${number(found[0])}.`
    : `two modes, at ${number(found[0])} and ${number(found[2])}; at the dip, ${number(found[1])}, the density is ${number(100 * heights[1] / Math.min(heights[0], heights[2]), 0)} % of that of the lower mode.`));
};
}]);
