// What the search shows of a page: sentences of its text, without buttons, contents and TeX. Loaded after Sphinx's
// search and its index, and before it searches.
(() => {
  const index = Search._index;
  // The title of a page is one title, with its number and without markup; those of exercises stand in brackets.
  index.titles = index.titles.map(title => title.replace(/<[^>]*>/g, ""));
  const named = {};
  for (const [title, places] of Object.entries(index.alltitles))
    for (const [file, id] of places) {
      const name = id === null ? index.titles[file] : title.trim().replace(/^\((.*)\)$/, "$1");
      (named[name] ||= []).push([file, id]);
    }
  index.alltitles = named;

  const letters = { alpha: "α", beta: "β", gamma: "γ", delta: "δ", epsilon: "ε", varepsilon: "ε", eta: "η", theta: "θ",
    kappa: "κ", lambda: "λ", mu: "μ", nu: "ν", pi: "π", rho: "ρ", sigma: "σ", tau: "τ", phi: "φ", varphi: "φ", psi: "ψ",
    Delta: "Δ", Lambda: "Λ", Sigma: "Σ", Psi: "Ψ", ell: "ℓ", infty: "∞", log: "log", exp: "exp", le: "≤", ge: "≥",
    leq: "≤", geq: "≥", neq: "≠", times: "×", cdot: "·", to: "→", sim: "~", approx: "≈", ",": " ", " ": " ", ";": " " };
  // A short formula in plain letters; a longer one is left out.
  const plain = tex => {
    const text = tex.replace(/^\s*\\[[(]|\\[\])]\s*$/g, "")
      .replace(/\\(?:boldsymbol|mathbf|mathcal|mathrm|operatorname|text)\b\s*/g, "")
      .replace(/\\([A-Za-z]+|[,; ])/g, (all, name) => letters[name] ?? all)
      .replace(/[{}]/g, "").trim();
    return text.includes("\\") || text.length > 24 ? "…" : text;
  };

  Search.htmlToText = (html, anchor) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    const article = page.querySelector("article.bd-article");
    let part = anchor ? page.getElementById(decodeURIComponent(anchor.slice(1))) : null;
    part = part && part.textContent.trim() ? part.closest("section, dl, div, article") : part?.closest("section");
    if (!part || !article?.contains(part)) part = article;
    if (!part) return "";
    part.querySelectorAll(":scope > :is(h2, h3), h1, .at-a-glance > .admonition-title, .headerlink, .eqno, script, style, button, svg, .gmm-widget")
      .forEach(e => e.remove());
    part.querySelectorAll(".math").forEach(e => e.replaceWith(plain(e.querySelector("annotation").textContent)));
    part.querySelectorAll("h2, h3, h4, p, li, dt, dd, td, th, pre, figcaption, caption").forEach(e => e.append(" "));
    return part.textContent.replace(/\s+/g, " ").trim();
  };

  Search.makeSearchSummary = (html, keywords, anchor) => {
    const text = Search.htmlToText(html, anchor), small = text.toLowerCase();
    const found = [...keywords].map(word => small.indexOf(word.toLowerCase())).filter(at => at >= 0);
    const about = Math.max(0, (found.at(-1) ?? 0) - 120);
    const start = about && text.indexOf(" ", about) + 1;
    const end = start + 260 < text.length ? text.lastIndexOf(" ", start + 260) : text.length;
    const summary = document.createElement("p");
    summary.className = "context";
    summary.textContent = (start ? "… " : "") + text.slice(start, end) + (end < text.length ? " …" : "");
    return summary;
  };
})();
