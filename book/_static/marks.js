// What a reader's own browser remembers of the book, in localStorage["gmm-reading"]: done, {chapter: 1, or 0 where the
// reader took the mark away}; seen, {chapter: bits of the sections that were in the window}; last, where the reader was,
// {name, id, text}. A chapter is read when its end is reached and half of its sections were seen, or by its button.
// The contents of each page show it, and the solved exercises, from localStorage["gmm-exercises"].
(() => {
  const KEY = "gmm-reading", base = document.currentScript.src;
  const table = value => value && typeof value === "object" ? value : {};
  const stored = key => { try { return table(JSON.parse(localStorage.getItem(key))); } catch { return {}; } };
  const state = () => { const { done, seen, last } = stored(KEY); return { done: table(done), seen: table(seen), last }; };
  const change = how => {  // read anew: other pages of the book may be open
    const now = state();
    how(now);
    try { localStorage.setItem(KEY, JSON.stringify(now)); } catch { /* then nothing is remembered */ }
    show();
  };
  const nameOf = link => link.pathname.split("/").pop().replace(/\.html$/, "");
  const links = [...document.querySelectorAll(".bd-links li a, .book-map li a")];
  const here = nameOf(location), button = document.querySelector(".reading-mark button");

  const show = () => {
    const { done } = state();
    links.forEach(link => link.closest("li").classList.toggle("read", Boolean(done[nameOf(link)])));
    button?.setAttribute("aria-pressed", Boolean(done[here]));
  };
  let chapters;
  const count = () => {
    const solved = stored("gmm-exercises");
    if (!chapters) {
      if (!Object.values(solved).includes("solved")) return;
      window.gmmExerciseLabels = all => { chapters = all; count(); };
      const script = document.createElement("script");
      script.src = base.replace(/marks\.js.*/, "exercises.js");
      document.head.append(script);
      chapters = {};
    }
    links.forEach(link => {
      const own = chapters[nameOf(link)]?.split(" "), some = own?.filter(label => solved[label] === "solved").length;
      if (some) link.dataset.solved = `${some}/${own.length}`;
      else delete link.dataset.solved;
    });
  };
  show();
  count();
  addEventListener("storage", () => { show(); count(); });
  addEventListener("pageshow", event => { if (event.persisted) { show(); count(); } });
  document.addEventListener("gmm-exercises", count);
  document.querySelector("button.forget")?.addEventListener("click", event => {
    try { localStorage.removeItem(KEY); } catch { /* nothing was kept */ }
    event.target.parentNode.replaceChildren();
    show();
  });
  if (!button) return;

  button.addEventListener("click", () => change(now => { now.done[here] = now.done[here] ? 0 : 1; }));
  const headings = [...document.querySelectorAll("article section > :is(h2, h3)")];
  const sections = headings.filter(heading => heading.matches("h2")).slice(0, 30);
  const ones = bits => { let n = 0; for (; bits; bits &= bits - 1) n++; return n; };
  const watch = new IntersectionObserver(entries => {
    const there = entries.filter(entry => entry.isIntersecting).map(entry => entry.target);
    if (there.length) change(now => {
      for (const one of there) if (one !== button) now.seen[here] |= 1 << sections.indexOf(one);
      if (there.includes(button) && 2 * ones(now.seen[here]) >= sections.length) now.done[here] ??= 1;
    });
  });
  [...sections, button].forEach(one => watch.observe(one));
  // Where the reader is: below the last heading that has passed the upper third of the window.
  let waiting;
  addEventListener("scroll", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      const above = headings.findLast(heading => heading.getBoundingClientRect().top < innerHeight / 3);
      const text = (above || document.querySelector("article h1")).innerText.replace(/\s*#$/, "");
      change(now => { now.last = { name: here, id: above?.parentNode.id || "", text }; });
    }, 300);
  }, { passive: true });
})();
