// One sample to drag, and three fits that answer: Gaussian, Gaussian with noise, Student's t.
// info: X, groups (of each sample: where all fits begin), K, outlier, offsets (of further samples from it), dofs, axis_labels, digits, x, y (limits)
(globalThis.gmmFigures ??= []).push(["outlier-fits", (figure, info) => {
"use strict";
const { kernels } = figure, { number, clip } = gmmLive, { K } = info, still = matchMedia("(prefers-reduced-motion: reduce)");
const plain = v => typeof v === "number" ? v : Array.from(v, plain), sum = values => values.reduce((a, b) => a + b, 0);
const NAMES = ["Gaussian", "with noise", "Student’s t"], all = Array.from({ length: K }, (_, k) => k);
// at: the outlier; many: so many samples there; dof: of the t distributions, 0 to learn them; box: the noise fills the box
// around the samples, or else the window.
figure.state = { at: info.outlier, many: 1, dof: info.dofs[0], box: true };
const S = () => figure.state, most = info.offsets.length;
figure.check = s => {
  if (!s.at.every(Number.isFinite) || !(s.many >= 1 && s.many <= most) || !info.dofs.includes(s.dof)) throw new Error("no such outlier");
};
const first = plain(kernels.m_step_kernel(info.X, kernels.one_hot_kernel(info.groups, K), 0));
const samples = s => [...info.X, ...info.offsets.slice(0, s.many).map(offset => offset.map((v, j) => s.at[j] + v))];

// ---- the three EMs. Each has the parameters that it stands at; eStep() returns the log-likelihood of these.
function logVolume(X, box) {
  if (!box) return Math.log((info.x[1] - info.x[0]) * (info.y[1] - info.y[0]));
  const [[a, b], [, c]] = kernels.sample_covariance_kernel(X, kernels.sample_mean_kernel(X)), turn = Math.atan2(2 * b, a - c) / 2;
  return kernels.log_hypervolume_kernel(X, [[Math.cos(turn), -Math.sin(turn)], [Math.sin(turn), Math.cos(turn)]]);
}
function gaussianFit(X) {
  const fit = { weights: first[0], means: first[1], shapes: first[2] };
  fit.eStep = () => {
    const [logResp, log] = kernels.e_step_kernel(X, fit.weights, fit.means, fit.shapes);
    fit.resp = logResp.map(row => Array.from(row, Math.exp));
    return log;
  };
  fit.mStep = () => { [fit.weights, fit.means, fit.shapes] = plain(kernels.m_step_kernel(X, fit.resp, 0)); };
  fit.share = i => sum(fit.resp[i]);
  return fit;
}
function noiseFit(X, box) {
  const volume = logVolume(X, box), fit = { weights: [...first[0].map(w => 0.95 * w), 0.05], means: first[1], shapes: first[2] };
  fit.eStep = () => {
    fit.resp = plain(kernels.noise_responsibilities_kernel(X, fit.weights, fit.means, fit.shapes, volume));
    return sum(kernels.noise_log_density_kernel(X, fit.weights, fit.means, fit.shapes, volume));
  };
  fit.mStep = () => {
    fit.weights = plain(kernels.update_weights_kernel(fit.resp));
    [, fit.means, fit.shapes] = plain(kernels.m_step_kernel(X, fit.resp.map(row => row.slice(0, K)), 0));
  };
  fit.share = i => 1 - fit.resp[i][K];
  return fit;
}
// Learned degrees of freedom are shared: all pairs of sample and component are taken together.
function studentFit(X, dof) {
  const fit = { weights: first[0], means: first[1], shapes: first[2], dof: dof || 4 };
  fit.eStep = () => {
    const nu = all.map(() => fit.dof), { weights, means, shapes } = fit;
    const logJoint = all.map(k => kernels.student_log_density_kernel(X, means[k], shapes[k], fit.dof));
    const scale = all.map(k => kernels.expected_scale_kernel(X, means[k], shapes[k], fit.dof));
    fit.resp = plain(kernels.student_responsibilities_kernel(X, weights, means, shapes, nu));
    fit.u = X.map((_, i) => scale.map(u => u[i]));
    return sum(kernels.log_sum_exp_kernel(X.map((_, i) => all.map(k => Math.log(weights[k]) + logJoint[k][i]))));
  };
  fit.mStep = () => {
    fit.weights = plain(kernels.update_weights_kernel(fit.resp));
    [fit.means, fit.shapes] = plain(kernels.student_m_step_kernel(X, fit.resp, fit.u));
    if (!dof) fit.dof = Math.min(200, kernels.update_dof_kernel(fit.resp.flat().map(r => [r]), fit.u.flat().map(u => [u]), [fit.dof], 2)[0]);
  };
  fit.share = i => sum(fit.resp[i].map((r, k) => r * fit.u[i][k]));
  return fit;
}
// An iteration; done when it gains less than a ten-millionth for each sample.
function iterate(fit, n) {
  const log = fit.eStep();
  if (log - fit.log < 1e-7 * n || fit.iteration === 1000) return fit.done = true;
  const { weights, means, shapes } = fit;
  fit.mStep();
  if (kernels.singular_component_kernel(fit.shapes) >= 0) { // the likelihood has no bound there: it stays a step before
    Object.assign(fit, { weights, means, shapes });
    return fit.done = fit.collapsed = true;
  }
  fit.log = log;
  fit.iteration += 1;
}
const fits = (X, s) => [gaussianFit(X), noiseFit(X, s.box), studentFit(X, s.dof)].map(fit => Object.assign(fit, { log: -Infinity, iteration: 0 }));

// ---- all run a little each frame; who wants no motion sees the end only. `alone`: without the outlier.
let run = {}, alone = {}, asked = 0;
const wake = () => { asked ||= requestAnimationFrame(frame); };
function begin(s) {
  const X = samples(s), same = [s.dof, s.box].join();
  run = { key: JSON.stringify(s), X, fits: fits(X, s) };
  run.fits.forEach(fit => iterate(fit, X.length)); // so that there is something to draw
  if (alone.key !== same) alone = { key: same, fits: fits(info.X, s) };
  wake();
}
const busy = of => of.fits.find(fit => !fit.done);
function frame() {
  asked = 0;
  const until = performance.now() + (still.matches ? 60 : 10);
  for (let fit; performance.now() < until && (fit = busy(run) || busy(alone));) iterate(fit, busy(run) ? run.X.length : info.X.length);
  const going = busy(run) || busy(alone);
  if (going) wake();
  if (!going || !still.matches) figure.refresh();
}

const plot = figure.plot({ label: "Two groups and an outlier", x: info.x, y: info.y, equal: true, aspect: 0.6, narrow: 0.9, xlabel: info.axis_labels[0], ylabel: info.axis_labels[1], grab: "outlier" });
const area = shape => Math.sqrt(shape[0][0] * shape[1][1] - shape[0][1] * shape[1][0]);
const settled = () => !busy(run) && !busy(alone);
figure.table(["fit", "counts as", "means moved", "area ×"], () => NAMES.map((name, f) => {
  const fit = run.fits[f], before = alone.fits[f], share = number(fit.share(info.X.length));
  if (!settled()) return [name, share, "…", "…"];
  const moved = Math.max(...fit.means.map((mean, k) => Math.hypot(...mean.map((v, j) => v - before.means[k][j]))));
  return [name, share, number(moved), number(Math.max(...all.map(k => area(fit.shapes[k]) / area(before.shapes[k]))))];
}), figure.stage);
figure.choice("Samples there", [1, 3, most].map(m => [m, String(m)]), () => S().many, many => { S().many = many; });
figure.choice("Degrees of freedom of t", info.dofs.map(dof => [dof, dof ? String(dof) : "learned"]), () => S().dof, dof => { S().dof = dof; });
figure.choice("Noise fills", [[true, "the samples’ box"], [false, "the window"]], () => S().box, box => { S().box = box; });

figure.draw = s => {
  if (run.key !== JSON.stringify(s)) begin(s);
  plot.points("sample", info.X);
  run.X.slice(info.X.length + 1).forEach((p, i) => plot.dot("more" + i, p, "", 3.5));
  run.fits.forEach((fit, f) => all.forEach(k => plot.ellipse(`ring${f}-${k}`, fit.means[k], fit.shapes[k], 2, "k" + f)));
  const [gaussian, noise, t] = run.fits, i = info.X.length, likely = t.resp[i].indexOf(Math.max(...t.resp[i])), place = s.at.map((v, j) => number(v, info.digits[j])).join(", ");
  const odds = number(noise.resp[i][K], 3), u = number(t.u[i][likely], 3);
  plot.handle("outlier", {
    at: s.at, label: "Outlier", value: `${place}: noise with probability ${odds}, expected scale ${u}`, style: "pen",
    drag: p => { S().at = [clip(p[0], plot.x0, plot.x1), clip(p[1], plot.y0, plot.y1)]; },
  });
  const nu = s.dof ? "" : ` with ν = ${number(t.dof, 1)}`, fallen = run.fits.findIndex(fit => fit.collapsed);
  const end = fallen >= 0 ? `${NAMES[fallen]}: a component collapses (chapter 13); the step before is shown.`
    : settled() ? `Iterations: ${[gaussian, noise, t].map(fit => fit.iteration).join(", ")}.` : "The fits are running.";
  figure.say(`Outlier at (${place}): noise with probability ${odds}; expected scale u = ${u}${nu} in the group of t that takes most of it. ${end}`);
};
}]);
