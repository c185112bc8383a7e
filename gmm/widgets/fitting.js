// Fits from several starts, computed beside the page in a worker, and pictures of many samples. For figures whose script
// says "// needs: fitting".
globalThis.gmmFitting ??= (() => {
"use strict";
const STRUCTURES = ["spherical", "diag", "tied", "full"];

// Uniform numbers that a seed gives again: mulberry32.
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = state + 0x6D2B79F5 >>> 0;
    let t = Math.imul(state ^ state >>> 15, state | 1);
    t ^= t + Math.imul(t ^ t >>> 7, t | 61);
    return ((t ^ t >>> 14) >>> 0) / 4294967296;
  };
}
// n samples of a mixture in the plane, flat, by the kernel of chapter 3.
function drawSamples(kernels, n, { weights, means, covariances }, seed) {
  const random = generator(seed), normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const u = Float64Array.from({ length: n }, random), z = Object.assign(Float64Array.from({ length: 2 * n }, normal), { shape: [n, 2] });
  return kernels.ancestral_sample_kernel(u, z, weights, means, covariances)[0].flatMap(row => Array.from(row));
}

// ------------------------------------------------------------------------------------------------ a fit
// EM from several starts, for one of the four structures. It runs in a worker, from its own text: it may use nothing but
// its arguments and generator(). k: the kernels, with flat results. task: X (flat), n, d, K, structure, starts, seed, tol, limit.
// As gmm.GaussianMixture with reg_covar="auto" and on_collapse="restart": a millionth of each feature's variance is added
// to the diagonals, and what ends with a direction made of that alone has collapsed and is set aside.
async function fitMixture(k, task, tell) {
  const { n, d, K, structure, starts, tol, limit } = task;
  const matrix = (values, ...shape) => Object.assign(values, { shape });
  const X = matrix(task.X, n, d), mean = k.sample_mean_kernel(X), whole = k.sample_covariance_kernel(X, mean);
  const variances = Array.from({ length: d }, (_, j) => whole[j * d + j]), ridge = variances.map(v => 1e-6 * v);
  const Z = matrix(X.map((v, i) => (v - mean[i % d]) / Math.sqrt(variances[i % d])), n, d); // for the starts alone
  const random = generator(task.seed);

  // Responsibilities to begin with: k-means++ draws K samples, and each sample belongs to the nearest.
  function draw() {
    const first = Math.floor(random() * n), centres = [...Z.slice(first * d, first * d + d)];
    while (centres.length < K * d) {
      const p = k.kmeans_plusplus_probabilities_kernel(Z, matrix(Float64Array.from(centres), centres.length / d, d));
      let u = random(), i = 0;
      while (i < n - 1 && (u -= p[i]) >= 0) i++;
      while (p[i] === 0) i--; // rounding led beyond the last that can be drawn
      centres.push(...Z.slice(i * d, i * d + d));
    }
    const labels = k.nearest_centre_kernel(Z, matrix(Float64Array.from(centres), K, d));
    return k.one_hot_kernel(labels, K);
  }
  const embed = value => { // value(component, feature): diagonal matrices
    const all = matrix(new Float64Array(K * d * d), K, d, d);
    for (let c = 0; c < K; c++) for (let j = 0; j < d; j++) all[(c * d + j) * d + j] = value(c, j);
    return all;
  };
  const repeat = one => matrix(Float64Array.from({ length: K * d * d }, (_, i) => one[i % (d * d)]), K, d, d);
  // An M-step; for a start, with one covariance that all share, in the family of the structure.
  function covariances(resp, means, begins) {
    let all;
    if (begins) {
      const s = k.update_tied_covariance_kernel(X, resp, means), middle = variances.reduce((sum, _, j) => sum + s[j * d + j], 0) / d;
      all = structure === "spherical" ? embed(() => middle) : structure === "diag" ? embed((_, j) => s[j * d + j]) : repeat(s);
    } else if (structure === "full") all = k.update_covariances_kernel(X, resp, means);
    else if (structure === "tied") all = repeat(k.update_tied_covariance_kernel(X, resp, means));
    else if (structure === "diag") { const v = k.update_diagonal_covariances_kernel(X, resp, means); all = embed((c, j) => v[c * d + j]); }
    else { const v = k.update_spherical_covariances_kernel(X, resp, means); all = embed(c => v[c]); }
    const shared = ridge.reduce((a, b) => a + b) / d;
    for (let c = 0; c < K; c++) for (let j = 0; j < d; j++) all[(c * d + j) * d + j] += structure === "spherical" ? shared : ridge[j];
    return all;
  }
  // The smallest variance in any direction, in units of the ridge; d is 1 or 2.
  function least(all) {
    let low = Infinity;
    for (let c = 0; c < K; c++) {
      const a = all[c * d * d] / ridge[0];
      if (d === 1) { low = Math.min(low, a); continue; }
      const e = all[c * 4 + 3] / ridge[1], b = all[c * 4 + 1] / Math.sqrt(ridge[0] * ridge[1]);
      low = Math.min(low, (a * e - b * b) / ((a + e) / 2 + Math.hypot((a - e) / 2, b)));
    }
    return low;
  }

  const runs = [];
  let best = null;
  for (let start = 0; start < starts; start++) {
    let resp = draw(), weights, means, all, trace = [], status = "limit";
    for (let iteration = 0; ; iteration++) {
      if (k.effective_counts_kernel(resp).some(count => !(count > 1e-9))) { status = "empty"; break; }
      weights = k.update_weights_kernel(resp);
      means = k.update_means_kernel(X, resp);
      all = covariances(resp, means, !iteration);
      if (k.singular_component_kernel(all) >= 0) { status = "collapsed"; break; }
      const [logResp, logLikelihood] = k.e_step_kernel(X, weights, means, all);
      trace.push(logLikelihood);
      // The first covariances are shared: they belong to the start.
      if (iteration > 1 && k.has_converged_kernel(trace[iteration - 1], logLikelihood, n, tol)) { status = "converged"; break; }
      if (iteration >= limit) break;
      resp = matrix(logResp.map(Math.exp), n, K);
      await tell({ start, iteration, logLikelihood, K, d, weights, means, covariances: all, best: best?.logLikelihood });
    }
    if (status !== "collapsed" && status !== "empty" && least(all) <= 2) status = "collapsed";
    const run = { status, trace, logLikelihood: trace[trace.length - 1] };
    runs.push(run);
    if ((status === "converged" || status === "limit") && !(best?.logLikelihood >= run.logLikelihood))
      best = { start, weights, means, covariances: all, logLikelihood: run.logLikelihood };
  }
  if (!best) return { best: null, runs };
  const p = k.n_parameters_kernel(K, d, ["spherical", "diag", "tied", "full"].indexOf(structure));
  const resp = matrix(k.e_step_kernel(X, best.weights, best.means, best.covariances)[0].map(Math.exp), n, K);
  const ell = best.logLikelihood, criteria = { p, aic: k.aic_kernel(ell, p), bic: k.bic_kernel(ell, p, n), icl: k.icl_kernel(ell, p, resp) };
  return { best, runs, ...criteria };
}

// ------------------------------------------------------------------------------------------------ a worker
// Runs an async job(kernels, task, tell), which may use its arguments only, beside the page; where there are no workers,
// in the page, a step at a time. told(step) hears what the job tells, at most every 50 ms unless tell(step, true) insists.
// helpers: other functions that the job calls, {name: function}.
function beside(job, task, told, helpers = {}) {
  let worker = null, stopped = false, stop = () => {};
  const inPage = async () => {
    let last = 0;
    const kernels = await gmmLive.instantiate(gmmKernels, true);
    return job(kernels, task, async (step, insists) => {
      if (stopped) throw new Error("stopped");
      if (!insists && performance.now() - last < 50) return;
      told(step);
      await new Promise(resolve => setTimeout(resolve));
      last = performance.now();
    });
  };
  const done = new Promise((resolve, reject) => {
    stop = () => { stopped = true; worker?.terminate(); reject(new Error("stopped")); };
    const text = `${gmmLive.loader()}
${generator}
${Object.entries(helpers).map(([name, text]) => `const ${name} = ${text};`).join("\n")}
onmessage = async ({ data: [known, task] }) => {
  let last = 0;
  const tell = (step, insists) => { if (insists || performance.now() - last > 50) { last = performance.now(); postMessage({ step }); } };
  try { postMessage({ result: await (${job})(await instantiate(known, true), task, tell) }); }
  catch (error) { postMessage({ error: error.message }); }
};`;
    try {
      const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
      worker = new Worker(address);
      let heard = false;
      worker.onmessage = ({ data }) => {
        heard = true;
        if ("step" in data) return told(data.step);
        worker.terminate();
        URL.revokeObjectURL(address);
        data.error ? reject(new Error(data.error)) : resolve(data.result);
      };
      worker.onerror = () => { worker.terminate(); heard ? reject(new Error("the worker failed")) : resolve(inPage()); };
      worker.postMessage([gmmKernels, task]);
    } catch {
      resolve(inPage());
    }
  });
  return { done, stop: () => stop() };
}

// ------------------------------------------------------------------------------------------------ pictures of many
// A canvas behind the SVG of a plot, of its size, clipped to its axes: thousands of samples would be slow as circles.
function canvas(plot) {
  const ratio = globalThis.devicePixelRatio || 1;
  plot.canvas ??= gmmLive.element("canvas", { class: "gl-canvas", "aria-hidden": "true" });
  if (!plot.canvas.isConnected) plot.box.prepend(plot.canvas);
  Object.assign(plot.canvas, { width: Math.round(plot.width * ratio), height: Math.round(plot.height * ratio) });
  plot.canvas.style.cssText = `width:${plot.width}px;height:${plot.height}px`;
  const context = plot.canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.beginPath();
  context.rect(plot.left, plot.options.top, plot.right - plot.left, plot.bottom - plot.options.top);
  context.clip();
  return context;
}
// Samples X (flat, two columns), each in its colour or all in one.
function cloud(plot, context, X, colours, radius = X.length > 4000 ? 1.6 : 3.2) {
  context.globalAlpha = X.length > 4000 ? 0.6 : 0.85;
  context.fillStyle = colours ? "" : getComputedStyle(plot.figure.root).getPropertyValue("--grey").trim();
  for (let i = 0; i < X.length / 2; i++) {
    if (colours) context.fillStyle = colours[i];
    context.beginPath();
    context.arc(plot.x(X[2 * i]), plot.y(X[2 * i + 1]), radius, 0, 7);
    context.fill();
  }
  context.globalAlpha = 1;
}
// Values of a function of the plane as darkness: shade(value) is between 0 and 1. values(points) takes flat points.
function raster(plot, context, values, shade, colour = "--c0", cell = 4) {
  const columns = Math.ceil((plot.right - plot.left) / cell), rows = Math.ceil((plot.bottom - plot.options.top) / cell);
  const points = Object.assign(new Float64Array(2 * columns * rows), { shape: [columns * rows, 2] });
  for (let r = 0, i = 0; r < rows; r++) for (let c = 0; c < columns; c++) {
    const p = plot.data([plot.left + (c + 0.5) * cell, plot.options.top + (r + 0.5) * cell]);
    points[i++] = p[0];
    points[i++] = p[1];
  }
  const found = values(points), shades = shade(found);
  const small = gmmLive.element("canvas", { width: columns, height: rows }), pixels = small.getContext("2d").createImageData(columns, rows);
  const paint = getComputedStyle(plot.figure.root).getPropertyValue(colour).trim(), rgb = [1, 3, 5].map(i => parseInt(paint.slice(i, i + 2), 16));
  for (let i = 0; i < shades.length; i++) {
    for (let j = 0; j < 3; j++) pixels.data[4 * i + j] = rgb[j];
    pixels.data[4 * i + 3] = Math.round(255 * shades[i]);
  }
  small.getContext("2d").putImageData(pixels, 0, 0);
  context.imageSmoothingEnabled = true;
  context.drawImage(small, plot.left, plot.options.top, columns * cell, rows * cell);
  return found;
}
// Rows of a flat array with a shape, as nested arrays.
function rows(flat, width) {
  return Array.from({ length: flat.length / width }, (_, i) => Array.from(flat.slice(i * width, (i + 1) * width)));
}
// Limits of both axes around samples, with a margin.
function around(X, margin = 0.06) {
  const limits = [[Infinity, -Infinity], [Infinity, -Infinity]];
  X.forEach((v, i) => { const l = limits[i % 2]; l[0] = Math.min(l[0], v); l[1] = Math.max(l[1], v); });
  return limits.map(([low, high]) => {
    if (!(low <= high)) return [0, 10];
    const wide = high > low ? margin * (high - low) : 1;
    return [low - wide, high + wide];
  });
}
return { STRUCTURES, generator, drawSamples, fitMixture, beside, canvas, cloud, raster, rows, around };
})();
