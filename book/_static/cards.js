// Cards: what a link to a term, an equation, a source, an exercise or a function leads to, beside the link. Rest the
// pointer on the link, reach it with the Tab key, or tap it: the card stays while the pointer or the focus is on it,
// follows the link in the order of the Tab key, and goes with Esc. What the cards of a page's targets show comes with the
// first of them, as a script (_ext/cards.py). Browsers that know no popovers follow the links.
(() => {
  const { src } = document.currentScript;
  const article = document.querySelector("article.bd-article");
  if (!article || !HTMLElement.prototype.showPopover) return;
  const linked = ":is([href*='#equation-'], [href*='#ex-'], [href*='glossary.html#term-'], [href*='references.html#id'],"
    + "[href*='.html#gmm'])";
  const card = document.createElement("div");
  card.id = card.className = "link-card";
  card.popover = "manual";
  card.setAttribute("role", "note");
  // link: whose card is open; left: closed by Esc, and not to open again; by: what the reader used last; x, y: the
  // pointer. A page that scrolls to what has the focus moves links under a pointer that rests: that opens nothing.
  let timer, wanted, link, left, by, x, y;

  const files = {}, arrived = {};
  window.gmmCards = (name, cards) => arrived[name](cards);
  const load = name => files[name] ||= new Promise(done => {
    arrived[name] = done;
    const script = document.createElement("script");
    script.src = src.replace(/cards\.js.*/, `cards/${name}.js`);
    script.onerror = () => done({});
    document.head.append(script);
  });
  const here = document.getElementById.bind(document), plain = text => text.replace(/\s*#$/, "").trim();
  // What the card of a link shows: its name, where it stands, its text or a copy of it.
  const content = async to => {
    const name = to.pathname.split("/").pop().replace(".html", ""), id = decodeURIComponent(to.hash.slice(1));
    const formula = to.getAttribute("href").startsWith("#equation-") && here(id)?.cloneNode(true);
    if (!formula) return (await load(name))[id];
    const number = plain(formula.querySelector(".eqno").innerText);
    formula.querySelector(".eqno").remove();
    [formula, ...formula.querySelectorAll("[id], [tabindex]")]
      .forEach(e => ["id", "tabindex"].forEach(attribute => e.removeAttribute(attribute)));
    return [`Equation ${number}`, plain(here(id).closest("section").querySelector("h1, h2, h3").innerText), formula];
  };
  const linkAt = target => card.contains(target) ? null : target.closest?.(`article.bd-article a.internal${linked}`);
  const inside = () => link && (document.activeElement === link || card.contains(document.activeElement));

  const close = () => {
    clearTimeout(timer);
    wanted = null;
    if (!link) return;
    const was = link, back = card.contains(document.activeElement);
    link = null;
    was.removeAttribute("aria-describedby");
    if (back) was.focus();
    card.remove();
  };
  const place = () => {
    if (!link) return;
    const lines = [...link.getClientRects()], line = lines.at(-1), { clientWidth, clientHeight } = document.documentElement;
    const x = Math.max(8, Math.min(line.left, clientWidth - card.offsetWidth - 8));
    const above = line.bottom + card.offsetHeight + 8 > clientHeight && lines[0].top > card.offsetHeight + 56;
    card.style.left = `${x + scrollX}px`;
    card.style.top = `${scrollY + (above ? lines[0].top - card.offsetHeight - 4 : line.bottom + 4)}px`;
  };
  const open = async (to, tapped) => {
    wanted = to;
    const found = await content(to);
    if (wanted !== to) return;
    if (!found) {
      if (tapped) location.href = to.href;
      return;
    }
    close();
    const head = document.createElement("p"), name = document.createElement("a"), text = document.createElement("div");
    name.href = to.getAttribute("href");
    name.textContent = found[0];
    head.append(name, found[1] && ` · ${found[1]}`);
    if (found[2].nodeType) text.append(found[2]);
    else text.innerHTML = found[2];
    card.replaceChildren(head, text);
    card.style.visibility = "hidden";  // until it is in its place
    to.after(card);
    card.showPopover();
    link = to;
    link.setAttribute("aria-describedby", card.id);
    place();
    card.style.visibility = "";
  };
  const soon = (what, milliseconds = 250) => { clearTimeout(timer); timer = setTimeout(what, milliseconds); };
  const ask = to => {
    if (to === left || to === link) return clearTimeout(timer);
    to.removeAttribute("title");  // the card says it
    content(to);  // on its way already
    wanted = to;
    soon(() => open(to));
  };

  document.addEventListener("pointerover", event => {
    if (event.pointerType === "touch" || (by === "key" && event.clientX === x && event.clientY === y)) return;
    const to = linkAt(event.target);
    if (to) return ask(to);
    left = null;
    if (card.contains(event.target) || inside()) clearTimeout(timer);
    else soon(close);
  });
  document.addEventListener("focusin", event => {
    const to = linkAt(event.target);
    if (to !== left) left = null;
    if (to?.matches(":focus-visible")) ask(to);
    else if (link && !inside()) close();
  });
  document.addEventListener("keydown", event => {
    by = "key";
    if (event.key !== "Escape" || !(link || wanted)) return;
    left = link;
    close();
  });
  for (const kind of ["pointerdown", "pointermove"])
    document.addEventListener(kind, event => ({ pointerType: by, clientX: x, clientY: y } = event), { passive: true });
  document.addEventListener("click", event => {
    const to = linkAt(event.target);
    if (to && to !== link && by === "touch") {
      event.preventDefault();
      clearTimeout(timer);
      open(to, true);
    } else if (to || !card.contains(event.target) || event.target.closest("a")) close();
  });
  addEventListener("resize", place);
})();
