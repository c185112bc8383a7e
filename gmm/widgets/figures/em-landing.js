// EM, small: drag, run, see the ellipses settle. info: X, labels, digits, start {weights, means, covariances}, x, y.
(globalThis.gmmFigures ??= []).push(["em-landing", (figure, info) => {
"use strict";
const { kernels } = figure, { number, mix } = gmmLive, { X } = info, most = 4;
const plain = value => typeof value === "number" ? value : Array.from(value, plain);
figure.state = { ...info.start, iteration: 0 };
const S = () => figure.state, parameters = () => [S().weights, S().means, S().covariances];
figure.check = s => {
  const sum = s.weights.reduce((a, b) => a + b, 0);
  s.weights = s.weights.map(weight => weight / sum);
  if (s.weights.length > most || kernels.singular_component_kernel(s.covariances) >= 0) throw new Error("no mixture");
  kernels.log_likelihood_kernel(X, ...parameters());
};
const eStep = () => kernels.e_step_kernel(X, ...parameters());
const responsibilities = logResp => logResp.map(row => Array.from(row, Math.exp));
function step() {
  const [logResp, before] = eStep(), [weights, means, covariances] = kernels.m_step_kernel(X, responsibilities(logResp), 0).map(plain);
  const k = kernels.singular_component_kernel(covariances);
  if (k >= 0) throw new Error(`Component ${k + 1} would collapse onto too few samples, where the likelihood has no bound (chapter 13). Move it, or start anew.`);
  Object.assign(S(), { weights, means, covariances, iteration: S().iteration + 1 });
  return !kernels.has_converged_kernel(before, eStep()[1], X.length, 1e-6);
}
// Random samples as means, the covariance of all as covariances.
function fresh(K) {
  const chosen = new Set();
  while (chosen.size < K) chosen.add(Math.floor(Math.random() * X.length));
  const [weights, means] = kernels.random_start_kernel(X, [...chosen]).map(plain);
  const whole = plain(kernels.sample_covariance_kernel(X, kernels.sample_mean_kernel(X)));
  Object.assign(S(), { weights, means, covariances: means.map(() => whole.map(row => row.map(v => v / K))), iteration: 0 });
}

const plot = figure.plot({ label: "Eruptions and components", x: info.x, y: info.y, xlabel: info.labels[0], ylabel: info.labels[1], aspect: 0.46, narrow: 0.85 });
figure.runner(step, { speed: () => 6 }).classList.add("gl-main");
figure.button("Step", step, { label: "One iteration" });
figure.choice("Components", Array.from({ length: most }, (_, k) => [k + 1, String(k + 1)]), () => S().weights.length, fresh);
figure.button("New start", () => fresh(S().weights.length), { label: "New random start" });

figure.draw = s => {
  const [logResp, logLikelihood] = eStep();
  plot.points("sample", X, mix(figure, responsibilities(logResp)));
  s.means.forEach((mean, k) => {
    for (const radius of [1, 2]) plot.ellipse(`ring${k}-${radius}`, mean, s.covariances[k], radius, "k" + k);
    figure.gaussian(plot, k, {
      get: () => [S().means[k], S().covariances[k]], digits: info.digits,
      put: (to, covariance) => {
        if (kernels.singular_component_kernel([covariance]) >= 0) return;
        const replace = (all, value) => all.map((one, m) => m === k ? value : one);
        Object.assign(S(), { means: replace(S().means, to), covariances: replace(S().covariances, covariance), iteration: 0 });
      },
    });
  });
  const weights = s.weights.map(weight => number(weight)).join(", ");
  figure.say(`${s.iteration ? `After ${s.iteration} ${s.iteration === 1 ? "iteration" : "iterations"}` : "A start"}: log-likelihood ${number(logLikelihood)}; weights ${weights}.`);
};
}]);
