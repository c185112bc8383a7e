// Two groups by k-means and by a mixture, both fitted anew while the first feature changes its unit.
// info: X, labels, centres and start {weights, means, covariances} in the first unit, units [[factor, name], …], probe, x and y
(globalThis.gmmFigures ??= []).push(["border-band", (figure, info) => {
"use strict";
const { kernels } = figure, { number, mix, contour } = gmmLive, { X, labels, digits } = info, n = X.length, last = info.units.at(-1)[0];
// factor: so many times larger are the numbers of the first feature. by: whose answer colours the samples.
figure.state = { factor: 1, by: "k-means", probe: info.probe };
figure.check = s => {
  if (!(s.factor >= 1 && s.factor <= last) || s.probe.length !== 2 || !s.probe.every(Number.isFinite)) throw new Error("no such unit");
};
const plain = v => typeof v === "number" ? v : Array.from(v, plain), wide = (p, f) => [p[0] * f, p[1]];
const wider = (places, f) => places.shape ? Object.assign(places.map((v, i) => i % 2 ? v : v * f), { shape: places.shape }) : places.map(p => wide(p, f));
const known = new Map();
function fits(f) {
  if (known.has(f)) return known.get(f);
  const Y = X.map(p => wide(p, f)), [centres, groups] = kernels.lloyd_kernel(Y, info.centres.map(p => wide(p, f)), 300);
  const { weights, means, covariances } = info.start, scaled = covariances.map(([[a, b], [, c]]) => [[a * f * f, b * f], [b * f, c]]);
  const [w, m, C] = kernels.em_kernel(Y, weights, means.map(p => wide(p, f)), scaled, 1e-10, 1000, 0);
  const resp = places => kernels.log_responsibilities_kernel(kernels.joint_log_density_kernel(wider(places, f), w, m, C)).map(row => Array.from(row, Math.exp));
  const nearest = places => kernels.nearest_centre_kernel(places.map(p => wide(p, f)), centres);
  if (known.size > 200) known.clear();
  known.set(f, { centres: plain(centres), groups: plain(groups), resp, nearest, shares: resp(X) });
  return known.get(f);
}
const first = fits(1);

const plot = figure.plot({ label: "Samples, the border of k-means and the band of the mixture", x: info.x, y: info.y, xlabel: labels[0], ylabel: labels[1], aspect: 0.7, narrow: 0.95, grab: "probe" });
figure.slider("Unit of the first feature", { min: 0, max: 1, step: 0.02, get: () => Math.log(figure.state.factor) / Math.log(last), put: v => { figure.state.factor = v === 1 ? last : last ** v; }, text: () => unit(figure.state.factor) });
for (const [factor, name] of info.units) figure.button(name, () => { figure.state.factor = factor; }, { off: s => s.factor === factor });
figure.choice("Colours", [["k-means", "k-means"], ["mixture", "mixture"]], () => figure.state.by, by => { figure.state.by = by; });
const unit = f => info.units.find(([factor]) => factor === f)?.[1] ?? `numbers × ${number(f, 1)}`;

figure.draw = s => {
  const now = fits(s.factor), { centres } = now, oneHot = now.groups.map(k => [1 - k, k]);
  plot.points("sample", X, mix(figure, s.by === "k-means" ? oneHot : now.shares));
  const changed = X.flatMap((p, i) => now.groups[i] !== first.groups[i] ? [i] : []);
  changed.forEach(i => plot.dot("changed" + i, X[i], "ring", 8, "front"));
  // The border of k-means: equally far from both centres, in the present unit.
  const d = centres[1].map((v, j) => v - centres[0][j]), middle = centres[0].map((v, j) => (v + centres[1][j]) / 2);
  const at = y => [(middle[0] - d[1] * (y - middle[1]) / d[0]) / s.factor, y];
  plot.line("border", [at(plot.y0 - 50), at(plot.y1 + 50)], "dashed", "back");
  centres.forEach((p, k) => plot.cross("centre" + k, [p[0] / s.factor, p[1]], "p" + k, 7));
  let second;
  for (const level of [0.1, 0.5, 0.9]) contour(plot, "band" + level, places => second ??= now.resp(places).map(row => row[1]), level, level === 0.5 ? "" : "thin");
  // The outer lines have their numbers where they leave the picture, below.
  const row = Array.from({ length: 201 }, (_, i) => [plot.x0 + (plot.x1 - plot.x0) * i / 200, plot.y0 + 0.04 * (plot.y1 - plot.y0)]), shares = now.resp(row);
  for (const [level, anchor, gap] of [[0.1, "end", -6], [0.9, "start", 6]]) {
    const i = shares.findIndex(r => r[1] > level);
    if (i > 0) plot.text("level" + level, [plot.x(row[i][0]) + gap, plot.y(row[i][1])], String(level), { anchor });
  }

  const [share] = now.resp([s.probe]), k = plain(now.nearest([s.probe]))[0], where = s.probe.map((v, j) => number(v, digits[j])).join(", ");
  const answer = `k-means says group ${k + 1}, the mixture group 2 with a share of ${number(share[1])}`;
  plot.handle("probe", { at: s.probe, label: "Point to ask about", value: `${where}: ${answer}`, drag: p => { figure.state.probe = p; } });
  const moved = Math.max(...now.shares.map((row, i) => Math.abs(row[1] - first.shares[i][1])));
  figure.say(`In ${unit(s.factor)}: k-means changes ${changed.length} of ${n} labels (ringed), the mixture changes no share by more than ${number(moved, 3)}. At ${where}, ${answer}.`);
};
}]);
