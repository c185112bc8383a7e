// A threshold over log-densities: false alarms on fresh samples, by samples that the fit has seen and by others, draw after draw.
// info: dims (numbers of features), kinds, n (samples of each part), fresh, odd (numbers of samples), shift, d, alpha (in %), most (draws)
(globalThis.gmmFigures ??= []).push(["alarm-threshold", (figure, info) => {
"use strict";
const { kernels } = figure, { number, clip, chance } = gmmLive, { n, shift, most } = info, still = matchMedia("(prefers-reduced-motion: reduce)");
const KINDS = {
  Gaussian: next => next.normal(),
  "heavy-tailed": next => next.normal() / Math.sqrt((next.normal() ** 2 + next.normal() ** 2 + next.normal() ** 2) / 3),
  skewed: next => -Math.log(next()),
};
// draws: so many so far, the last is shown. rule: whose samples set the threshold; hand: the one set by hand.
figure.state = { alpha: info.alpha, d: info.d, kind: "Gaussian", draws: 1, rule: "unseen", hand: 0 };
const S = () => figure.state;
figure.check = s => {
  if (!info.dims.includes(s.d) || !KINDS[s.kind] || !(s.alpha >= 1 && s.alpha <= 50) || !(s.draws >= 1 && s.draws <= most) || !["seen", "unseen", "hand"].includes(s.rule))
    throw new Error("no such draw");
};
// ---- one draw: a Gaussian fitted to n samples; log-densities of these, of n that it has not seen, of fresh and of odd ones.
const known = new Map();
function draw({ d, kind }, seed) {
  const key = [d, kind, seed].join();
  if (known.has(key)) return known.get(key);
  const next = chance(1000 * seed + d), rows = (count, moved = 0) => Object.assign(Float64Array.from({ length: count * d }, (_, i) => KINDS[kind](next) + (i % d ? 0 : moved)), { shape: [count, d] });
  const seen = rows(n), mean = kernels.sample_mean_kernel(seen), L = kernels.cholesky_kernel(kernels.sample_covariance_kernel(seen, mean));
  const [own, unseen, fresh, odd] = [seen, rows(n), rows(info.fresh), rows(info.odd, shift)].map(X => kernels.gaussian_log_density_kernel(X, mean, L));
  const p = scores => ({ seen: kernels.conformal_p_values_kernel(scores, own), unseen: kernels.conformal_p_values_kernel(scores, unseen) });
  const found = { seen: own.sort(), unseen: unseen.sort(), fresh, odd, p: { fresh: p(fresh), odd: p(odd) } };
  known.set(key, found);
  return found;
}
const share = (p, alpha) => p.reduce((count, v) => count + (v <= alpha / 100), 0);
const rank = alpha => Math.floor(alpha * (n + 1) / 100 + 1e-9);
const level = (found, rule, alpha) => rank(alpha) ? found[rule][rank(alpha) - 1] : -Infinity;
// All draws so far; those not made yet come a few a frame.
let asked = 0;
function history(s) {
  const made = [];
  for (let seed = 1; seed <= s.draws; seed++) if (seed === s.draws || known.has([s.d, s.kind, seed].join())) made.push([seed, draw(s, seed)]);
  if (made.length < s.draws) asked ||= requestAnimationFrame(frame);
  return made;
}
function frame() {
  asked = 0;
  const s = S(), until = performance.now() + (still.matches ? 100 : 10);
  for (let seed = 1; seed <= s.draws && performance.now() < until; seed++) draw(s, seed);
  figure.refresh();
}

const RULES = [["seen", "seen samples"], ["unseen", "unseen samples"]], style = { seen: 1, unseen: 0 };
const plot = figure.plot({ label: "Log-densities and the threshold", x: [-20, 0], y: [-0.34, 1.12], ytick: [], xlabel: "log-density by the fit", ylabel: "share of the samples", aspect: 0.72, narrow: 0.85, grab: "threshold" });
const rates = figure.plot({ label: "False alarms, draw after draw", x: [0, 10], y: [0, 10], xlabel: "draw", ylabel: "false alarms, %", side: true, aspect: 1, narrow: 0.75, yticks: 4 });
const more = count => { S().draws = Math.min(most, S().draws + count); return S().draws < most; };
figure.button("New samples", () => more(1), { main: true, off: s => s.draws >= most });
figure.runner(() => more(1), { speed: () => 4, limit: 20 });
figure.button("20 more", () => more(20), { label: "20 more draws", off: s => s.draws >= most });
figure.slider("Promise α", { min: 1, max: 30, step: 1, get: () => S().alpha, put: v => { S().alpha = v; }, text: v => `${v} %` });
figure.choice("Threshold by", [...RULES, ["hand", "hand"]], () => S().rule, rule => { if (rule === "hand") S().hand = threshold(S()); S().rule = rule; });
figure.choice("Features", info.dims.map(d => [d, String(d)]), () => S().d, d => { S().d = d; });
figure.choice("Usual samples", Object.keys(KINDS).map(kind => [kind, kind]), () => S().kind, kind => { S().kind = kind; });
const threshold = s => s.rule === "hand" ? s.hand : level(draw(s, s.draws), s.rule, s.alpha);

const quantile = (values, q) => Float64Array.from(values).sort()[Math.floor(q * (values.length - 1))];
figure.draw = s => {
  const now = draw(s, s.draws), t = threshold(s), bins = 44;
  // From about the lowest usual samples to the highest; what is lower stands in the first bar.
  const high = Math.max(now.seen.at(-1), now.unseen.at(-1), quantile(now.fresh, 0.999)), bottom = Math.min(now.seen[2], now.unseen[2], quantile(now.fresh, 0.02), quantile(now.odd, 0.3));
  const low = bottom - 0.08 * (high - bottom), wide = (high - low) / bins, inside = v => clip(v, low, high);
  plot.options.x = [low, high];
  plot.begin();
  const bars = values => values.reduce((counts, v) => { counts[clip(Math.floor((v - low) / wide), 0, bins - 1)] += 1 / values.length; return counts; }, new Array(bins).fill(0));
  const usual = bars(now.fresh), odd = bars(now.odd), top = Math.max(...usual, ...odd.slice(1));
  const outline = counts => [[low, 0], ...counts.flatMap((c, b) => [[low + b * wide, Math.min(1, c / top)], [low + (b + 1) * wide, Math.min(1, c / top)]]), [high, 0]];
  plot.area("usual", outline(usual), "half");
  plot.line("odd", outline(odd), "p3");
  const peak = (counts, from) => { const b = counts.indexOf(Math.max(...counts.slice(from)), from); return [low + (b + 0.5) * wide, Math.min(1, counts[b] / top)]; };
  plot.label("usual name", peak(usual, 1), "usual, fresh", { style: "above halo" });
  const at = peak(odd, 1);
  plot.label("odd name", [clip(at[0], low + 3 * wide, high - 5 * wide), Math.max(at[1], 0.1)], "odd", { style: "above halo" });
  for (const [rule, name] of RULES) {
    const y = rule === "seen" ? -0.13 : -0.27, mark = level(now, rule, s.alpha);
    const tick = v => `M${plot.x(inside(v)).toFixed(1)} ${plot.y(y - 0.035).toFixed(1)}V${plot.y(y + 0.035).toFixed(1)}`;
    plot.item("rug " + rule, "path", "front", { d: Array.from(now[rule], tick).join(""), class: `gl-line thin p${style[rule]}` });
    plot.line("mark " + rule, [[inside(mark), y - 0.06], [inside(mark), 1]], `k${style[rule]}`);
    plot.text("name " + rule, [plot.left + 6, plot.y(y) + 4], name, { anchor: "start", style: "halo" });
  }
  plot.line("threshold", [[inside(t), 0], [inside(t), 1.05]], s.rule === "hand" ? "" : "thick");
  const flagged = { fresh: 0, odd: 0 };
  for (const part of ["fresh", "odd"]) flagged[part] = s.rule === "hand" ? now[part].reduce((count, v) => count + (v < t), 0) : share(now.p[part][s.rule], s.alpha);
  const counts = `${flagged.fresh} of ${info.fresh} usual samples and ${flagged.odd} of ${info.odd} odd ones`;
  plot.handle("threshold", {
    at: [inside(t), 1.05], label: "Threshold", value: `${number(t)}: flags ${counts}`, style: "pen",
    drag: p => { Object.assign(S(), { hand: p[0], rule: "hand" }); },
    key: dx => { Object.assign(S(), { hand: inside(t) + dx * (high - low) / 100, rule: "hand" }); },
  });

  const made = history(s), all = RULES.map(([rule]) => made.map(([seed, one]) => [seed, 100 * share(one.p.fresh[rule], s.alpha) / info.fresh]));
  const last = Math.max(10, s.draws + 0.5);
  Object.assign(rates.options, { x: [0, last], y: [0, 1.1 * Math.max(2 * s.alpha, ...all.flat().map(p => p[1]))] });
  rates.begin();
  rates.line("promise", [[0, s.alpha], [last, s.alpha]], "grey dashed");
  const words = all.map((dots, r) => {
    let total = 0;
    const k = style[RULES[r][0]], path = dots.map(([seed, v], i) => {
      rates.dot(`${RULES[r][0]} ${seed}`, [seed, v], "d" + k, 3);
      total += v;
      return [seed, total / (i + 1)];
    });
    rates.line("mean " + r, path, "k" + k);
    const m = dots.length, mean = total / m, squares = dots.reduce((sum, [, v]) => sum + (v - mean) ** 2, 0);
    return `${number(mean, 1)}${m > 1 ? ` ± ${number(Math.sqrt(squares / (m - 1) / m), 1)}` : ""} % by ${RULES[r][1]}`;
  });
  const promise = rank(s.alpha) ? `${s.alpha} %` : "nothing";
  const by = s.rule === "hand" ? "by hand" : `by ${s.rule} samples`;
  figure.say(`Draw ${s.draws}, threshold ${number(t)} ${by}: flags ${counts}. False alarms in ${made.length} draw${made.length > 1 ? "s" : ""}, promised ${promise}: ${words.join(", ")}.`);
};
}]);
