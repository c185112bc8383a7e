// Components on the line, all of them to drag, and a point: joint densities above, responsibilities below.
// info: weights, means, sds, x (limits), label, digits
(globalThis.gmmFigures ??= []).push(["responsibility-line", (figure, info) => {
"use strict";
const { kernels } = figure, { number, clip, bell } = gmmLive, [low, high] = info.x;
const K = info.weights.length, all = Array.from({ length: K }, (_, k) => k), floor = -14;
figure.state = { weights: info.weights, means: info.means, sds: info.sds, x: (low + high) / 2, scale: "density" };
figure.check = s => {
  const sum = s.weights.reduce((a, b) => a + b, 0);
  s.weights = s.weights.map(weight => weight / sum); // in an address they have six digits
  if (![s.weights, s.means, s.sds].every(part => part.length === K) || !(Math.min(...s.weights, ...s.sds) > 0)) throw new Error("no mixture");
};
const grid = Array.from({ length: 401 }, (_, i) => [low + (high - low) * i / 400]);
const joint = (s, X) => kernels.joint_log_density_kernel(X, s.weights, s.means.map(m => [m]), s.sds.map(sd => [[sd * sd]]));
const shares = logJoint => kernels.log_responsibilities_kernel(logJoint).map(row => row.map(Math.exp));

const left = 56, place = p => { figure.state.x = clip(p[0], low, high); };
const upper = figure.plot({ label: "Weighted densities of the components", x: info.x, y: [0, 1], ylabel: "density", aspect: 0.42, narrow: 0.6, bottom: 24, top: 16, left, yticks: 4, press: p => figure.change(() => place(p)) });
const lower = figure.plot({ label: "Responsibilities over the line", x: info.x, y: [0, 1], xlabel: info.label, ylabel: "share", aspect: 0.3, narrow: 0.5, top: 16, left, ytick: [[0, "0"], [0.5, "0.5"], [1, "1"]], grab: "point" });
figure.table(["k", "weight", "mean ± sd", "log joint", "share"], s => {
  const [row] = joint(s, [[s.x]]), [share] = shares([row]);
  return all.map(k => [String(k + 1), number(s.weights[k]), `${number(s.means[k], info.digits)} ± ${number(s.sds[k], info.digits)}`, number(row[k]), number(share[k], 3)]);
}, figure.stage);
figure.choice("Above", [["density", "densities"], ["log", "their logarithms"]], () => figure.state.scale, scale => { figure.state.scale = scale; });
figure.button("Equal widths", () => { figure.state.sds = all.map(() => figure.state.sds[0]); }, { label: "All as wide as component 1", off: s => s.sds.every(sd => sd === s.sds[0]) });
figure.button("Equal weights", () => { figure.state.weights = all.map(() => 1 / K); }, { off: s => s.weights.every(weight => weight === s.weights[0]) });

let tops = [0.1, 0]; // of both scales: they stay while something is dragged
figure.draw = s => {
  const logJoint = joint(s, grid), log = s.scale === "log", total = kernels.log_sum_exp_kernel(logJoint), resp = shares(logJoint);
  const height = v => log ? Math.max(v, floor - 1) : Math.exp(v), highest = Math.max(...total);
  if (!figure.held) tops = [1.2 * Math.exp(highest), Math.max(0, highest + 1)];
  Object.assign(upper.options, { y: log ? [floor, tops[1]] : [0, tops[0]], ylabel: log ? "log density" : "density" });
  upper.begin();
  upper.line("total", grid.map(([x], i) => [x, height(total[i])]), "thick grey", "data");
  for (const k of all) {
    const curve = grid.map(([x], i) => [x, height(logJoint[i][k])]);
    if (!log) upper.area("area" + k, [[low, 0], ...curve, [high, 0]], "f" + k);
    upper.line("curve" + k, curve, "k" + k);
  }

  // Shares, stacked, the first component below; each has its number where it is widest.
  const edges = resp.map(row => all.reduce((sums, k) => [...sums, sums[k] + row[k]], [0]));
  for (const k of all) {
    lower.area("share" + k, [...grid.map(([x], i) => [x, edges[i][k]]), ...grid.map(([x], i) => [x, edges[i][k + 1]]).reverse()], "half f" + k);
    const most = Math.max(...resp.map(row => row[k])), widest = resp.flatMap((row, i) => row[k] > most - 0.01 ? [i] : []);
    const at = widest[widest.length >> 1];
    if (most > 0.15) lower.label("number" + k, [grid[at][0], (edges[at][k] + edges[at][k + 1]) / 2 - 0.03], String(k + 1), { style: "strong" });
  }
  // Where the largest share changes hands: the log-odds are zero between two neighbours of the grid.
  const winners = kernels.hard_labels_kernel(resp), borders = [];
  for (let i = 1; i < grid.length; i++) if (winners[i] !== winners[i - 1]) {
    const [a, b] = [i - 1, i].map(j => logJoint[j][winners[i - 1]] - logJoint[j][winners[i]]);
    borders.push(grid[i - 1][0] + (grid[i][0] - grid[i - 1][0]) * a / (a - b));
  }
  borders.forEach((x, i) => {
    upper.line("border" + i, [[x, upper.y0], [x, upper.y1]], "dashed thin grey", "data");
    lower.line("border" + i, [[x, 0], [x, 1]], "dashed thin", "data");
  });
  upper.line("here", [[s.x, upper.y0], [s.x, upper.y1]], "");
  lower.line("here", [[s.x, 0], [s.x, 1]], "");

  const [row] = joint(s, [[s.x]]), [share] = shares([row]), list = Array.from(share, v => number(v, 3)).join(", ");
  const where = `${info.label} = ${number(s.x, info.digits)}`;
  lower.handle("point", { at: [s.x, 1], label: "Point on the line", value: `${where}, shares ${list}`, drag: place, key: dx => place([s.x + dx * (high - low) / 100]) });
  for (const k of all) bell(figure, upper, k, {
    get: () => [figure.state.weights[k], figure.state.means[k], figure.state.sds[k]], digits: info.digits, height, log: log ? v => v : Math.log,
    put: (weight, mean, sd) => { // the others keep their proportions
      const now = figure.state, rest = (1 - weight) / (1 - now.weights[k]), with_ = (part, value) => part.map((v, j) => j === k ? value : v);
      Object.assign(now, { weights: K > 1 ? now.weights.map((w, j) => j === k ? weight : w * rest) : [1], means: with_(now.means, clip(mean, low, high)), sds: with_(now.sds, sd) });
    },
  });
  const order = [...winners].filter((k, i) => i === 0 || k !== winners[i - 1]).map(k => k + 1);
  figure.say(`${where}: log-density ${number(kernels.log_sum_exp_kernel([row])[0])}, shares ${list}. Largest share, from left to right: component ${order.join(", then ")}.`);
};
}]);
