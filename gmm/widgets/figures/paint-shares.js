// Responsibilities of two components, painted by hand; the M-step answers with weights, means and covariances.
// info: X, labels, digits, shares (of component 1), brush (where it begins), x and y (limits)
(globalThis.gmmFigures ??= []).push(["paint-shares", (figure, info) => {
"use strict";
const { kernels } = figure, { number, mix } = gmmLive, { X } = info, n = X.length, reach = 26;
// last: the log-likelihood of the parameters that the last E-step took its shares from, or null after a stroke.
figure.state = { shares: info.shares, brush: info.brush, paint: 1, last: null };
figure.check = s => {
  if (s.shares.length !== n || !s.shares.every(r => r >= 0 && r <= 1)) throw new Error("no shares");
};
const S = () => figure.state, plain = v => typeof v === "number" ? v : Array.from(v, plain);

// The M-step, or the components that have none: a component without samples, or with samples on a line.
function answer(s) {
  const resp = s.shares.map(r => [r, 1 - r]), counts = plain(kernels.effective_counts_kernel(resp)), empty = counts.findIndex(count => count < 1e-9);
  if (empty >= 0) return { resp, counts, why: `Component ${empty + 1} has no share of any sample: its mean would be zero divided by zero.` };
  const [weights, means, covariances] = kernels.m_step_kernel(X, resp, 0).map(plain), theta = { resp, counts, weights, means, covariances };
  const k = kernels.singular_component_kernel(covariances);
  if (k >= 0) return { ...theta, flat: k, why: `The samples of component ${k + 1} span no area: its covariance is singular, and no E-step can follow (chapter 13).` };
  return { ...theta, flat: -1, log: kernels.log_likelihood_kernel(X, weights, means, covariances) };
}
function eStep() {
  const s = S(), { weights, means, covariances, log, why } = answer(s);
  if (why) throw new Error(why);
  const [logResp] = kernels.e_step_kernel(X, weights, means, covariances);
  Object.assign(s, { shares: logResp.map(row => Math.exp(row[0])), last: log });
}
// Samples within reach of the brush, on its way from one place to another.
function under(p, from = p) {
  const [a, b] = [from, p].map(v => plot.place(v)), way = b.map((v, j) => v - a[j]), square = way[0] ** 2 + way[1] ** 2 || 1;
  return X.flatMap((q, i) => {
    const d = plot.place(q).map((v, j) => v - a[j]), t = gmmLive.clip((d[0] * way[0] + d[1] * way[1]) / square, 0, 1);
    return Math.hypot(d[0] - t * way[0], d[1] - t * way[1]) <= reach ? [i] : [];
  });
}
// They take the colour that is chosen. A stroke begins where the pointer comes down, wherever the brush was before.
function stroke(p) {
  const s = S(), hit = new Set(under(p, figure.held && figure.grip ? s.brush : p));
  figure.grip = true;
  s.brush = p;
  if (hit.size) Object.assign(s, { shares: s.shares.map((r, i) => hit.has(i) ? s.paint : r), last: null });
}

const plot = figure.plot({ label: "Samples to paint, and the components that the M-step makes of them", x: info.x, y: info.y, xlabel: info.labels[0], ylabel: info.labels[1], aspect: 0.72, narrow: 0.95, grab: "brush" });
figure.table(["k", "count", "weight", "mean", "sd"], s => {
  const { counts, weights, means, covariances } = answer(s), both = values => values.map((v, j) => number(v, info.digits[j])).join(", ");
  return [0, 1].map(k => [String(k + 1), number(counts[k], 1), ...weights ? [number(weights[k], 3), both(means[k]), both(covariances[k].map((row, j) => Math.sqrt(row[j])))] : ["–", "–", "–"]]);
}, figure.stage);
figure.choice("Brush", [[1, "component 1"], [0.5, "half"], [0, "component 2"]], () => S().paint, paint => { S().paint = paint; });
figure.button("All half", () => Object.assign(S(), { shares: info.shares.map(() => 0.5), last: null }), { label: "Half of every sample for each" });
figure.button("E-step", eStep, { main: true, label: "E-step: shares from these ellipses" });

figure.draw = s => {
  const now = answer(s);
  plot.points("sample", X, mix(figure, now.resp));
  if (now.means) now.means.forEach((mean, k) => {
    if (k !== now.flat) for (const radius of [1, 2]) plot.ellipse(`ring${k}-${radius}`, mean, now.covariances[k], radius, "k" + k);
    plot.cross("mean" + k, mean, "p" + k);
  });
  const hit = under(s.brush).length, [x, y] = s.brush.map((v, j) => number(v, info.digits[j]));
  plot.dot("brush", s.brush, "ring", reach);
  plot.handle("brush", {
    at: s.brush, label: "Brush", value: `${x}, ${y}: ${hit} samples, Enter paints them`, style: "pen", drag: stroke, press: () => stroke(S().brush),
    key: (dx, dy) => { S().brush = s.brush.map((v, j) => v + [dx, dy][j] * (j ? plot.y1 - plot.y0 : plot.x1 - plot.x0) / 50); },
  });
  if (now.why) return figure.say(now.why);
  const counts = `Effective counts ${number(now.counts[0], 1)} and ${number(now.counts[1], 1)}; log-likelihood of the new parameters ${number(now.log)}`;
  figure.say(s.last === null ? `${counts}.` : `${counts}, ${number(Math.abs(now.log - s.last), 3)} ${now.log < s.last ? "below" : "above"} those that made the shares.`);
};
}]);
