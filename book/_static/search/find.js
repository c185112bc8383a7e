// The search: ranks the sections of the book for what a reader types, and shows them below the field while typing.
// The engine is MiniSearch; the index was written with the pages (_ext/searching.py). Nothing is fetched.
(() => {
  const { bookIndex, MiniSearch, stemmer } = window;

  // ---------------------------------------------------------------------------------------------- words
  const STOP = new Set(("a about actually after again all also am an and any are as at be because been before between but by can could did "
    + "difference do does doing each even every find for from get getting give given gives giving go goes going happen "
    + "happening happens handle handles handling has have here how i if in into is it its itself just keep keeps know like make makes making me my "
    + "need of on one only or our own please really say says see seem seems return returned returns should since so some something still such tell "
    + "than that the their them then there they thing things this to too up use used using versus very vs want was we what "
    + "when where whether which while who why will with without would you your").split(" "));
  const plainLetters = text => text.normalize("NFD").replace(/\p{M}/gu, "").replace(/[’‘]/g, "'").toLowerCase();
  // American and British spellings become one; both sides of a comparison pass through here, so that it may be coarse.
  const spelled = word => word.length < 5 ? word : word
    .replace(/is(e|ed|er|ers|es|ing|ation|ations)$/, "iz$1").replace(/ys(e|ed|es|ing)$/, "yz$1")
    .replace(/our(s|ed|ing|al|able|hood)?$/, "or$1").replace(/ll(ed|er|ing)$/, "l$1").replace(/tre(s|d)?$/, "ter$1")
    .replace(/ence(s)?$/, "ense$1");
  // normalise is not normal, initialisation not initial: the stem keeps the z. Slowly is slow.
  const root = word => {
    const [, verb] = spelled(word).match(/^(.{3,}iz)(?:e|ed|er|ers|es|ing|ation|ations)$/) || [];
    return verb || stemmer(spelled(word).replace(/^(.{3,}[^aeiou])ly$/, "$1"));
  };
  // Words that say what kind of answer is wanted, or what the whole book is about, count little beside others.
  const WEAK = new Set(("algorithm analysis book choose cluster clustering code compare compared comparison component data definition derivation derive distribution em encountered error "
    + "example explain explained explanation fail failed fit fitting formula function gaussian gmm help implement many "
    + "implementation linalgerror meaning method mixture model perform problem proof prove python question result run running "
    + "runtimewarning scikit learn scikitlearn sklearn simple special case trick tutorial two type understand valueerror warning way work "
    + "working").split(" ").map(root));
  const WEAKNESS = 0.3;
  const weak = word => WEAK.has(root(word));
  // The words of a text. Of a compound, k-means or log_sum_exp, its parts and the whole without its signs.
  const words = text => {
    const found = [];
    for (const [whole] of plainLetters(text.replace(/\bgmm\./g, " ")).matchAll(/[\p{L}\p{N}]+(?:['\-–_][\p{L}\p{N}]+)*(?:\+\+)?/gu)) {
      const parts = whole.replace(/'s?\b|\++$/g, "").split(/[-–_]/).filter(Boolean);
      found.push({ whole: parts.join("") + (whole.endsWith("+") ? "++" : ""), parts });
    }
    return found;
  };
  const tokens = text => words(text).flatMap(({ whole, parts }) => whole === parts[0] ? parts : [...parts, whole]);
  const seen = new Map();
  const forms = word => {
    if (!seen.has(word)) seen.set(word, word.length < 2 && !/\d/.test(word) ? [] : [...new Set([root(word), word])]);
    return seen.get(word);
  };

  // ---------------------------------------------------------------------------------------------- index
  const sections = [], known = new Map(), compounds = new Set();
  for (const [page, entries] of Object.entries(bookIndex.pages))
    for (const [id, title, around, weight, names, text, more, asked = ""] of entries) {
      const name = title || id, above = [];
      for (let at = around, last = null; id && at !== last; last = at, at = entries[at][2]) above.unshift(entries[at][1]);
      sections.push({ id: sections.length, href: `${page}.html${id && "#" + id}`, title: name, path: above.join(" › "),
        weight, names, text, more, asked, homes: (bookIndex.homes[`${page}.html${id && "#" + id}`] || []).join(" . "), top: !id });
    }
  const FIELDS = { title: 6, homes: 4, asked: 4, names: 2, path: 1, text: 1 };
  const engine = new MiniSearch({
    fields: Object.keys(FIELDS),
    extractField: (section, field) => field === "text" ? `${section.text} ${section.more}` : section[field],
    tokenize: (text, field) => words(text).flatMap(({ whole, parts }) => {
      if (whole !== parts[0]) compounds.add(whole);
      return whole === parts[0] ? parts : [...parts, whole];
    }).filter(word => field === "text" || !STOP.has(word) && !/^\d+$/.test(word)),
    processTerm: word => { const all = forms(word); all.forEach(form => known.set(form, (known.get(form) || 0) + 1)); return all; },
  });
  engine.addAll(sections);

  // Groups of phrases that mean the same: {phrase: [others]}, each phrase as its roots.
  const phrase = text => words(text).map(word => root(word.whole)).join(" ");
  const synonyms = new Map();
  for (const line of bookIndex.synonyms) {
    const [typed, oneWay] = line.split(" > ");
    tokens(line).forEach(word => forms(word).forEach(form => known.set(form, known.get(form) || 0)));
    const all = (oneWay ? [typed, oneWay] : line.split(" = ")).map(phrase);
    (oneWay ? all.slice(0, 1) : all).forEach(one =>
      synonyms.set(one, [...(synonyms.get(one) || []), ...all.filter(other => other !== one)]));
  }

  // What readers ask for, phrase by phrase, and the headings of chapters: {root: [phrases]}. Words that mean the same count as one.
  const same = new Map();
  for (const line of bookIndex.synonyms) {
    const all = line.includes(" > ") ? [] : line.split(" = ").filter(text => words(text).length === 1).map(phrase);
    all.forEach(one => same.set(one, same.get(one) || all[0]));
  }
  const meanings = typed => new Set(typed.filter(word => !STOP.has(word.whole)).flatMap(({ whole, parts }) => [whole, ...parts])
    .map(word => same.get(root(word)) || root(word)));
  const phrases = new Map(), asking = [];
  for (const section of sections)
    for (const text of [section.weight > 0.5 ? section.title : "", ...section.asked.split("; ")]) {
      const roots = meanings(words(text));
      if (!roots.size) continue;
      asking.push({ section, roots });
      roots.forEach(word => phrases.set(word, phrases.get(word) || []).get(word).push(asking.at(-1)));
    }
  const rarity = word => Math.log(1 + asking.length / (1 + (phrases.get(word)?.length || 0))) * (WEAK.has(word) ? 0.5 : 1);
  const sum = roots => [...roots].reduce((total, word) => total + rarity(word), 0);
  asking.forEach(one => { one.weight = sum(one.roots); });
  // How much of a question and of a phrase is the same, of the phrase that is most alike: {section: 0 to 1}.
  const likeness = typed => {
    const roots = meanings(typed), shared = new Map(), all = sum(roots), best = new Map();
    for (const word of roots) for (const one of phrases.get(word) || []) shared.set(one, (shared.get(one) || 0) + rarity(word));
    for (const [one, weight] of shared) {
      const alike = weight ** 2 / (all * one.weight);
      if (alike > (best.get(one.section) || 0)) best.set(one.section, alike);
    }
    return best;
  };

  // ---------------------------------------------------------------------------------------------- ranking
  // How many letters must be changed, left out, put in or swapped with their neighbours, up to a limit.
  const distance = (a, b, limit) => {
    if (Math.abs(a.length - b.length) > limit) return limit + 1;
    let before = [], last = Array.from({ length: b.length + 1 }, (_, i) => i);
    for (let i = 1; i <= a.length; i++) {
      const row = [i];
      for (let j = 1; j <= b.length; j++) {
        row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] !== b[j - 1]));
        if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) row[j] = Math.min(row[j], before[j - 2] + 1);
      }
      [before, last] = [last, row];
    }
    return last[b.length];
  };
  const familiar = word => STOP.has(word) || weak(word) || forms(word).some(form => known.has(form));
  // A word that the book does not have is read as the nearest that it has.
  const corrected = word => {
    if (word.length < 5 || /\d/.test(word) || familiar(word)) return word;
    let best = word, least = word.length < 8 ? 1.5 : 2.5;
    for (const [other, often] of known) {
      // a slip at the beginning of a word is rarer, and of two words as near the more frequent is meant
      const far = distance(word, other, 2) + (word[0] !== other[0] ? 1 : 0) - Math.min(0.4, 0.05 * Math.log(1 + often));
      if (far < least) [best, least] = [other, far];
    }
    return best;
  };

  // Scores of the sections for one word: {id: [score, terms]}.
  const scoresOf = (word, typing) => {
    const all = forms(word), found = new Map();
    if (!all.length) return found;
    const results = engine.search({ combineWith: "OR", queries: all }, {
      tokenize: text => [text], processTerm: text => text, boost: FIELDS,
      boostTerm: term => term === all[0] ? 1 : 0.3, prefix: typing, weights: { prefix: 0.4, fuzzy: 0.4 },
    });
    for (const { id, score, terms, queryTerms } of results)
      found.set(id, [score / queryTerms.length, terms]);
    return found;
  };

  // The roots of a section's heading and of its sentences, each with a space on both sides.
  const rooted = section => section.rooted ||= (([heading, ...lines]) => ({ heading, lines }))(
    [`${section.title} . ${section.homes}`, ...section.text.split(/(?<=[.:;?!])\s/)]
      .map(text => ` ${words(text).map(word => root(word.whole)).join(" ")} `));

  const SYNONYM = 0.9, BESIDE = 0.35, TOGETHER = 0.3, ALIKE = 16;
  const find = query => {
    const unfinished = /[\p{L}\p{N}]$/u.test(query);
    const typed = words(query).map(({ whole, parts }, i, all) => {
      const strange = !compounds.has(whole) && !parts.every(familiar), last = unfinished && i === all.length - 1;
      const begins = (strange || last) && [...known.keys()].some(word => word.startsWith(whole));
      const right = strange && !begins ? parts.map(corrected) : parts;
      return { whole: right === parts ? whole : right.join(""), parts: right, typing: last || begins };
    });
    const roots = typed.map(word => root(word.whole));
    const units = [];
    for (let i = 0, size; i < typed.length; i += size) {
      // the longest run of words that has synonyms or is written as one
      for (size = Math.min(4, typed.length - i); size > 1; size--) {
        const run = roots.slice(i, i + size).join(" ");
        if (synonyms.has(run) || compounds.has(typed.slice(i, i + size).map(word => word.whole).join(""))) break;
      }
      const own = typed.slice(i, i + size), joined = own.map(word => word.whole).join(""), { typing } = own[size - 1];
      const others = synonyms.get(roots.slice(i, i + size).join(" ")) || [];
      if (size === 1 && !others.length && STOP.has(joined)) continue;
      const parts = own.flatMap(word => word.parts), meant = parts.filter(word => word.length > 1 && !STOP.has(word));
      const ways = [];
      if (compounds.has(joined)) ways.push({ weight: size, words: [joined], typing });
      // what little words say together, no points, is not in the others alone; an idiom is all of its words
      ways.push({ weight: meant.length / parts.length / (compounds.has(joined) ? 2 : 1), words: meant, typing, some: !others.length });
      for (const other of others) {
        const said = other.split(" ").filter(word => !STOP.has(word));
        ways.push({ weight: SYNONYM * Math.max(1, size / said.length), words: said });
      }
      units.push({ ways, weight: meant.every(weak) ? WEAKNESS : 1 });
    }
    const all = units.reduce((sum, unit) => sum + unit.weight, 0);
    const total = new Map();
    for (const { ways, weight: share } of units) {
      const best = new Map();
      for (const { weight, words, typing, some } of ways) {
        const sums = new Map();
        words.forEach((word, n) => {
          for (const [id, [score, terms]] of scoresOf(word, typing && n === words.length - 1)) {
            const sum = sums.get(id) || { score: 0, count: 0, terms: [] };
            sums.set(id, { score: sum.score + weight * score, count: sum.count + 1, terms: [...sum.terms, ...terms] });
          }
        });
        for (const [id, { score, count, terms }] of sums) {
          const part = score * count / words.length;
          if ((some || count === words.length) && part > (best.get(id)?.score || 0)) best.set(id, { score: part, terms });
        }
      }
      for (const [id, { score, terms }] of best) {
        const sum = total.get(id) || { score: 0, share: 0, terms: [] };
        total.set(id, { score: sum.score + share * score, share: sum.share + share, terms: [...sum.terms, ...terms] });
      }
    }
    const alike = likeness(typed);
    const first = [...total].map(([id, { score, share, terms }]) => {
      const section = sections[id], matched = new Set(terms);
      // a title that says nothing else is more to the point
      const title = tokens(section.title).filter(word => forms(word).length && !STOP.has(word));
      const said = title.filter(word => forms(word).some(form => matched.has(form)))
        .reduce((sum, word) => sum + (weak(word) ? WEAKNESS : 1), 0) / Math.max(1, title.length);
      return { section, terms: matched,
        score: score * (share / all) ** 1.5 * section.weight * (section.top ? 1.2 : 1) * (1 + 0.5 * said * said) * (1 + ALIKE * (alike.get(section) || 0)) };
    }).sort((a, b) => b.score - a.score);
    // Of the best, those that have the words side by side, or in one sentence, go before those that have them anywhere.
    const pairs = roots.slice(1).map((_, i) => [i, i + 1]).filter(pair => pair.some(i => !STOP.has(typed[i].whole)))
      .map(([i, j]) => ` ${roots[i]} ${roots[j]} `);
    const wanted = [...new Set(roots.filter((_, i) => !STOP.has(typed[i].whole) && !weak(typed[i].whole)))];
    for (const found of first.slice(0, 40)) {
      const { heading, lines } = rooted(found.section);
      const beside = pairs.filter(pair => heading.includes(pair)).length + 0.5 * pairs.filter(pair => lines.some(line => line.includes(pair))).length;
      const together = Math.max(0, ...lines.map(line => wanted.filter(word => line.includes(` ${word} `)).length)) / Math.max(1, wanted.length);
      found.score *= (1 + BESIDE * Math.min(2, beside)) * (wanted.length > 1 ? 1 + TOGETHER * together : 1);
    }
    return first.sort((a, b) => b.score - a.score);
  };
  window.bookSearch = { find, corrected };

  // ---------------------------------------------------------------------------------------------- showing
  const make = (tag, className, text) => Object.assign(document.createElement(tag), { className, textContent: text || "" });
  // Text with the words that were looked for marked.
  const marked = (className, text, terms) => {
    const element = make("span", className);
    let done = 0;
    for (const match of text.matchAll(/[\p{L}\p{N}]+(?:['’][\p{L}]+)?/gu)) {
      const word = tokens(match[0])[0];
      if (!word || STOP.has(word) || !forms(word).some(form => terms.has(form))) continue;
      element.append(text.slice(done, match.index), make("mark", "", match[0]));
      done = match.index + match[0].length;
    }
    element.append(text.slice(done));
    return element;
  };
  const LENGTH = 180;
  // The sentence of a section that has most of the words, and what follows it.
  const sentence = ({ text }, terms) => {
    let best = 0, most = 0, at = 0;
    for (const line of text.split(/(?<=[.:;?!]) /)) {
      const count = new Set(tokens(line).filter(word => !STOP.has(word)).flatMap(forms).filter(form => terms.has(form))).size;
      if (count > most) [best, most] = [at, count];
      at += line.length + 1;
    }
    const end = best + LENGTH < text.length ? text.lastIndexOf(" ", best + LENGTH) : text.length;
    return (best ? "… " : "") + text.slice(best, end).replace(/ …$/, "") + (end < text.length || text.endsWith("…") ? " …" : "");
  };

  const base = document.documentElement.dataset.content_root;
  let fields = 0;
  // Show what is found below a field, while typing. Arrows choose, Enter opens; without a choice Enter leads to the
  // page of the search, as the form does by itself.
  const serve = (form, place, limit) => {
    const input = form.querySelector("input"), name = `search-found-${++fields}`, dialog = form.closest("dialog");
    const list = Object.assign(make("div", "search-list"), { id: name });
    const status = make("p", "search-status");
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", "Sections found");
    status.setAttribute("role", "status");
    place.classList.add("search-found");
    place.append(status, list);
    for (const [key, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-controls": name, "aria-expanded": "false" }))
      input.setAttribute(key, value);
    let active = -1;
    const choose = at => {
      const options = list.children;
      options[active]?.classList.remove("active");
      options[active]?.setAttribute("aria-selected", "false");
      active = at;
      if (!options[at]) return input.removeAttribute("aria-activedescendant");
      options[at].classList.add("active");
      options[at].setAttribute("aria-selected", "true");
      options[at].scrollIntoView({ block: "nearest" });
      input.setAttribute("aria-activedescendant", options[at].id);
    };
    const option = (href, ...parts) => {
      const link = Object.assign(make("a"), { href, id: `${name}-${list.children.length}` });
      link.setAttribute("role", "option");
      link.setAttribute("aria-selected", "false");
      link.append(...parts);
      list.append(link);
    };
    const show = () => {
      const query = input.value.trim(), found = query.length > 1 ? find(input.value) : [];
      choose(-1);
      list.replaceChildren();
      for (const { section, terms: matched } of found.slice(0, limit)) {
        const terms = new Set([...matched].flatMap(term => [term, root(term)]));  // the same word may stand there in another form
        option(base + section.href, marked("search-title", section.title, terms),
          ...section.path ? [make("span", "search-path", section.path)] : [], marked("search-text", sentence(section, terms), terms));
      }
      if (dialog && found.length > limit)
        option(`${base}search.html?q=${encodeURIComponent(query)}`, make("span", "search-all", `All ${found.length} sections`));
      const count = found.length === 1 ? "1 section" : `${found.length} sections`;
      status.textContent = query.length < 2 ? "" : found.length > limit ? `${count}, the best ${limit} below` : found.length ? count
        : "Nothing found. Other words may help, or the index.";
      list.hidden = !found.length;
      place.classList.toggle("shown", query.length > 1);
      input.setAttribute("aria-expanded", String(found.length > 0));
    };
    input.addEventListener("input", event => {
      show();
      if (!dialog) history.replaceState(null, "", `?q=${encodeURIComponent(input.value)}`);
    });
    input.addEventListener("keydown", event => {
      const count = list.children.length;
      if (event.isComposing || event.ctrlKey || event.altKey || event.metaKey || !count) return;
      if (event.key === "ArrowDown") choose((active + 2) % (count + 1) - 1);
      else if (event.key === "ArrowUp") choose((active + count + 1) % (count + 1) - 1);
      else if (event.key === "Enter" && active >= 0) list.children[active].click();
      else if (event.key === "Enter" && !dialog) choose(0);
      else return;
      event.preventDefault();
    });
    // a section of the page that is open: out of its way
    list.addEventListener("click", () => dialog?.close());
    if (!dialog) {
      form.addEventListener("submit", event => event.preventDefault());
      input.value = new URLSearchParams(location.search).get("q") || "";
      input.focus();
    }
    show();
  };
  const form = document.querySelector("#pst-search-dialog form.bd-search");
  if (form) serve(form, form.parentElement.appendChild(document.createElement("div")), 8);
  const page = document.getElementById("search-results");
  if (page) serve(document.querySelector(".bd-search-container form.bd-search"), page, 50);
})();
