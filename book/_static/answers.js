// Exercises that are answered on the page, with the verdicts of gmm.exercises.check (gmm/exercises/_core.py and
// _diagnosis.py; tests/book/test_answers.py holds the two together). What a page knows of an exercise stands packed
// beside it (_ext/answers.py).
//
// Progress is kept on this computer: localStorage["gmm-exercises"] is JSON, {label: "solved" | "tried"}. Other scripts
// read it by gmmExercises.all(), or listen on the document for the event "gmm-exercises", whose detail is the same.
(() => {
  "use strict";
  const KEY = "gmm-exercises";

  // ------------------------------------------------------------------------- what was done

  let memory = {};
  const all = () => {
    try {
      const kept = JSON.parse(localStorage.getItem(KEY));
      memory = kept && typeof kept === "object" ? kept : {};
    } catch { /* storage is switched off or holds something else: remember until the page is left */ }
    return memory;
  };
  const keep = now => {
    memory = now;
    try { localStorage.setItem(KEY, JSON.stringify(now)); } catch { /* as above */ }
    document.dispatchEvent(new CustomEvent(KEY, { detail: now }));
  };
  const note = (label, state) => {
    const now = { ...all() };
    if (state) { if (now[label] !== "solved") now[label] = state; } else delete now[label];
    keep(now);
  };

  // ------------------------------------------------------------------------- what a reader types

  const NAMES = { pi: Math.PI, e: Math.E, inf: Infinity, nan: NaN };
  const FUNCTIONS = { sqrt: Math.sqrt, exp: Math.exp, log: Math.log, ln: Math.log, log2: Math.log2, log10: Math.log10 };
  const SIGNS = {
    "−": "-", "–": "-", "×": "*", "·": "*", "÷": "/", "^": "**", "²": "**2", "³": "**3", "π": "pi", "√": " sqrt ",
    "∞": "inf", "½": "(1/2)", "¼": "(1/4)", "¾": "(3/4)", "⅓": "(1/3)", "⅔": "(2/3)", "\u00a0": " ", "\u202f": " ",
  };
  const TOKEN = /(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|[a-z]+\d*|\*\*|\S/gi;
  const unreadable = text => `“${text.trim()}” is no number that this page can read. Write one without its unit, as in `
    + "0.8, 4/5, 80 %, 2.5e-3 or sqrt(2).";

  const evaluate = text => {
    const tokens = text.toLowerCase().match(TOKEN) || [];
    let at = 0;
    const take = sign => tokens[at] === sign && ++at;
    const fail = () => { throw unreadable(text); };
    const sum = () => {
      let x = product();
      for (;;) if (take("+")) x += product(); else if (take("-")) x -= product(); else return x;
    };
    const product = () => {
      let x = signed();
      for (;;) if (take("*")) x *= signed(); else if (take("/")) x /= signed(); else return x;
    };
    const signed = () => take("-") ? -signed() : take("+") ? signed() : power();
    const power = () => {
      let x = atom();
      while (take("%")) x /= 100;
      return take("**") ? x ** signed() : x;
    };
    const atom = () => {
      if (take("(")) { const x = sum(); return take(")") ? x : fail(); }
      const token = tokens[at++] || "";
      if (/^[\d.]*\d/.test(token)) return Number(token);
      if (Object.hasOwn(NAMES, token)) return NAMES[token];
      return Object.hasOwn(FUNCTIONS, token) ? FUNCTIONS[token](tokens[at] === "(" ? atom() : power()) : fail();
    };
    const x = sum();
    return at < tokens.length ? fail() : x;
  };

  // The numbers in a text: one as a rule, more if it is a list. A comma without a blank is a decimal comma where the
  // text does not say otherwise.
  const read = typed => {
    let text = typed.replace(/[−–×·÷^²³π√∞½¼¾⅓⅔\u00a0\u202f]/g, sign => SIGNS[sign]).trim();
    text = text.replace(/\b(?:np|math)\./g, "").replace(/^array\s*(?=\()/, "").replace(/(\d)_(?=\d)/g, "$1");
    const list = /^[([].*[,;].*[)\]]$/s.test(text);
    if (list) text = text.replace(/^[(\s]*|[)\s]*$/g, "").replace(/[[\]]/g, "");
    const each = parts => parts.map(part => part.trim()).filter(part => part).flatMap(read);
    if (/[;,]\s|;/.test(text)) return each(text.split(/;|,\s/));
    if (text.includes(",")) {
      if (/^[-+]?\d{1,3}(?:,\d{3})+\.\d+$/.test(text)) text = text.replaceAll(",", "");
      else if (list || text.includes(".") || text.split(",").length > 2) return each(text.split(","));
      else if (/^[-+]?[1-9]\d{0,2},\d{3}$/.test(text)) {
        throw `is “${text}” ${text.replace(",", ".")} or ${text.replace(",", "")}? Write it without the comma.`;
      } else text = text.replace(",", ".");
    }
    return [evaluate(text)];
  };

  // ------------------------------------------------------------------------- values: as _core._value

  const close = (a, b, rtol, atol) => a === b || (Number.isFinite(b) && Math.abs(a - b) <= atol + rtol * Math.abs(b));
  const same = (a, b, rtol, atol = rtol) => a.length === b.length && a.every((x, k) => close(x, b[k], rtol, atol));
  const total = numbers => numbers.reduce((x, y) => x + y, 0);
  const nearer = (value, wrong, { rtol, right, whole }) => {
    if (whole || value.length !== wrong.length || value.length !== right.length) return false;
    const off = value.map((x, k) => Math.abs(x - wrong[k]));
    return off.every((x, k) => x <= Math.max(rtol, 2e-3) * Math.abs(wrong[k]))
      && total(off) < total(value.map((x, k) => Math.abs(x - right[k])));
  };
  const rounded = (x, digits) => {  // halves to the even number, as NumPy does
    const y = x * 10 ** digits, near = Math.round(y);
    return (Math.abs(near - y) === 0.5 && near % 2 ? near - 1 : near) / 10 ** digits;
  };
  const isRounded = (x, right) => {
    const digits = (String(x).split(".")[1] || "").replace(/0+$/, "").length;
    return close(x, right, 5e-3, 0)
      || (Math.abs(x - right) <= 0.1 * Math.abs(right) && close(x, rounded(right, digits), 1e-9, 1e-8));
  };
  // As _diagnosis.show (four digits), and as the format .4g.
  const scientific = (x, digits) => x.toExponential(digits).replace(/0*e(.)(\d)$/, "0e$10$2").replace(/0+e/, "e");
  const brief = x => x && (Math.abs(x) >= 9999.5 || Math.abs(x) < 1e-4)
    ? scientific(x, 3).replace(".e", "e") : String(+x.toPrecision(4));
  const shown = x => {
    if (!Number.isFinite(x)) return Number.isNaN(x) ? "nan" : x < 0 ? "-inf" : "inf";
    if (x && (Math.abs(x) >= 1e8 || Math.abs(x) < 1e-4)) return scientific(x, 4);
    const text = String(+x.toFixed(4));
    return text.includes(".") ? text : `${text}.0`;
  };
  const show = value => value.length === 1 ? shown(value[0]) : `(${value.map(shown).join(", ")})`;
  const notFinite = value => value.some(Number.isNaN)
    ? "nan, not a number, where there should be one. It comes of 0/0, inf - inf, 0 · inf or the logarithm of a negative "
      + "number; did something underflow to zero on the way?"
    : value.includes(-Infinity) ? "-inf, the logarithm of zero. Did a density underflow before its logarithm was taken?"
      : "inf: something overflowed, or was divided by zero.";

  const RELATIONS = [
    [e => -e, "the sign is wrong: this is minus the answer."],
    [e => e / Math.log(2), "too large by 1/ln 2: the logarithm has base 2. The book's is natural, np.log."],
    [e => e / Math.log(10), "too small by 1/ln 10: the logarithm has base 10. The book's is natural, np.log."],
    [e => 2 * e, "exactly twice the answer. Is a factor 2 too many, or a ½ missing?"],
    [e => e / 2, "exactly half the answer. Is a factor ½ too many, or a 2 missing?"],
    [e => e ** 2, "this is the square of the answer. Variance or standard deviation?"],
    [Math.sqrt, "this is the square root of the answer. Variance or standard deviation?"],
    [Math.exp, "this is the exponential of the answer. Its logarithm is asked for."],
    [Math.log, "this is the logarithm of the answer. Take the exponential."],
    [e => 1 - e, "this is one minus the answer."],
    [e => 1 / e, "this is one divided by the answer."],
    [e => 100 * e, "this is in per cent; give the fraction."],
  ];
  const moderate = value => value.every(x => Math.abs(x) < 1e200) && value.some(x => Math.abs(x) >= 1e-200);
  const relation = (value, right, rtol) => {
    for (const [turn, text] of moderate(value) ? RELATIONS : []) {
      const made = right.map(turn);
      if (moderate(made) && same(value, made, rtol, 0)) return text;
    }
    const apart = value.map((x, k) => x - right[k]), most = Math.max(...apart.map(Math.abs));
    const spread = Math.max(...apart) - Math.min(...apart);
    if (!apart.every(Number.isFinite) || spread > 1e-6 * most + 1e-12 * Math.max(...right.map(Math.abs))) return null;
    const unit = Math.abs(apart[0]) / (0.5 * Math.log(2 * Math.PI));
    if (Math.abs(unit - Math.round(unit)) < 1e-6 && Math.round(unit) > 0) {
      return apart[0] > 0
        ? "a constant is forgotten: the −½ log 2π of the normaliser, for each feature of each sample."
        : "the constant −½ log 2π of the normaliser is counted too often.";
    }
    return value.length > 2
      ? `every number is off by the same constant, ${brief(apart[0])}. Is a constant forgotten?` : null;
  };

  const orders = list => list.length < 2 ? [list]
    : list.flatMap((x, k) => orders([...list.slice(0, k), ...list.slice(k + 1)]).map(rest => [x, ...rest]));
  const NEAR = "near, but not exact enough. Give more digits, and round only at the end.";
  const ofValues = (value, { right, rtol, names }) => {
    if (new Set(right).size > 1 && value.length <= 4 && orders(value).some(order => same(order, right, rtol))) {
      return `the values are right, their order is not: (${names.join(", ")}).`;
    }
    const loose = Math.max(rtol, 1e-3), clue = relation(value, right, loose);
    const wrong = value.map((x, k) => k).filter(k => !close(value[k], right[k], rtol, rtol));
    if (clue || wrong.length === value.length) return clue;
    if (wrong.length === 1) {
      const [k] = wrong;
      if (isRounded(value[k], right[k])) return `${names[k]}: ${NEAR}`;
      const part = relation([value[k]], [right[k]], loose);
      if (part) return `${names[k]}: ${part}`;
    }
    const listed = wrong.map(k => names[k]), last = listed.pop();
    return `not all of it is right: look at ${listed.length ? `${listed.join(", ")} and ` : ""}${last} again.`;
  };
  const ofValue = (value, sheet) => {
    const { right, rtol, wanted, whole } = sheet;
    if (value.length !== right.length) {
      const what = value.length === 1 ? "a single number" : `an array of shape (${value.length},)`;
      return `expected is ${wanted}; this is ${what}.`;
    }
    if (!value.every(Number.isFinite)) return `${show(value)} is not finite. ${notFinite(value)}`;
    if (value.length > 1) return ofValues(value, sheet);
    const [x] = value, [e] = right;
    if (whole && !Number.isInteger(x)) return `${show(value)} is no whole number, and one is asked for.`;
    const clue = !whole || x === -e ? relation(value, right, Math.max(rtol, 1e-3)) : null;
    return clue || (!whole && isRounded(x, e) ? `${show(value)} is ${NEAR}` : null);
  };

  // ------------------------------------------------------------------------- what is wrong, or null: by kind of sheet

  const PROBLEM = {
    value: (value, sheet) => {
      if (same(value, sheet.right, sheet.rtol)) return null;
      for (const recognised of [(a, b) => same(a, b, sheet.rtol), (a, b) => nearer(a, b, sheet)]) {
        for (const [wrong, message] of sheet.mistakes) if (recognised(value, wrong)) return message;
      }
      return ofValue(value, sheet) || `${show(value)} is not the answer.`;
    },
    choices: (marks, { say, which, several }) => {
      const number = several ? total(marks.map((mark, k) => mark * 2 ** k)) : marks.indexOf(1);
      return say[which[number]] ?? null;
    },
    pieces: (value, { odd, limits, say, which }) =>
      value.length !== 1 || !Number.isFinite(value[0]) ? odd
        : say[which[limits.findIndex(limit => value[0] <= limit)]] ?? null,
    shift: (value, { say: [odd, far, digits] }) => {
      const [shift] = value;
      if (value.length !== 1 || !Number.isFinite(shift)) return odd;
      if (Math.abs(shift) > 1e12) return far;
      const mean = x => (((x[0] + x[1]) + (x[2] + x[3])) + ((x[4] + x[5]) + (x[6] + x[7])) + x[8] + x[9]) / 10;  // as NumPy
      const x = Array.from({ length: 10 }, (_, k) => k + shift);
      return Math.abs(mean(x.map(y => y * y)) - mean(x) * mean(x) - 8.25) > 0.825 ? null : digits;
    },
    order: (value, { say: [odd, right, both] }) => {
      if (value.length !== 3 || !value.every(Number.isFinite)) return odd;
      const [a, b, c] = value, sum = (a + b) + c;
      if (sum !== a + (b + c)) return null;
      // The sum rounded once, as math.fsum has it.
      const two = (x, y) => { const s = x + y, z = s - x; return [s, (x - (s - z)) + (y - z)]; };
      const [first, lost] = two(a, b), [, more] = two(first, c), [rest, tiny] = two(lost, more);
      const [near, low] = two(sum, rest), next = near + 2 * low;
      const exact = low && Math.sign(tiny) === Math.sign(low) && next - near === 2 * low ? next : near;
      return exact === sum ? right : both;
    },
    times: (value, { say: [odd, least, mean] }) => {
      if (value.length !== 10 || !value.every(x => x > 0 && x < Infinity)) return odd;
      const one = value.slice(0, 5), two = value.slice(5);
      if (Math.min(...one) >= Math.min(...two)) return least;
      return total(one) / 5 > total(two) / 5 ? null : mean;
    },
    costs: (value, { say: [odd, tie, best] }) => {
      if (value.length !== 4 || !value.every(x => x >= 0 && x < Infinity)) return odd;
      const least = Math.min(...value), [a, b, c, d] = value;
      if (value.filter(x => x === least).length > 1) return tie;
      const diagonal = least === a || least === d;
      return (diagonal ? a + d > b + c : b + c > a + d) ? null : best;
    },
    rare: (value, { say: [odd, alone, inside], low, high, level, parts }) => {
      if (value.length !== 2 || !value.every(Number.isFinite)) return odd;
      if (!value.every((x, k) => low[k] < x && x < high[k])) return alone;
      const logs = parts.map(([constant, m0, m1, a, b, c]) => {
        const z0 = (value[0] - m0) / a, z1 = (value[1] - m1 - b * z0) / c;
        return constant - 0.5 * (z0 * z0 + z1 * z1);
      });
      const most = Math.max(...logs);
      return most + Math.log(total(logs.map(x => Math.exp(x - most)))) >= level ? inside : null;
    },
  };

  // The verdict on what stands in the fields of an exercise (texts, or 0 and 1 for choices).
  const verdict = (sheet, fields) => {
    const names = sheet.names || ["your answer"];
    let value = fields;
    if (sheet.kind === "choices") {
      if (!sheet.several && !fields.includes(1)) return { status: "empty", text: "choose one first." };
    } else {
      const filled = fields.map((text, k) => k).filter(k => fields[k].trim());
      const named = k => fields.length > 1 ? `${names[k]}: ` : "";
      value = [];
      for (const k of filled) {
        try {
          const numbers = read(fields[k]);
          if (!numbers.length) throw unreadable(fields[k]);
          if (filled.length > 1 && numbers.length > 1) throw "one number in each field, please.";
          value.push(...numbers);
        } catch (error) {
          if (typeof error !== "string") throw error;
          return { status: "empty", text: named(k) + error };
        }
      }
      // A whole list may stand in one field; otherwise each field is to be filled.
      const missing = fields.findIndex(text => !text.trim());
      if (!filled.length || (missing >= 0 && value.length === filled.length)) {
        return { status: "empty", text: filled.length ? `${names[missing]} is missing.` : "there is no answer here so far." };
      }
    }
    const problem = PROBLEM[sheet.kind](value, sheet);
    return problem === null ? { status: "right", text: "" } : { status: "wrong", text: problem };
  };

  // ------------------------------------------------------------------------- the page

  const unpack = async packed => {
    const bytes = Uint8Array.from(atob(packed), sign => sign.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).json();
  };
  const element = (name, content, more = {}) => {
    const made = Object.assign(document.createElement(name), more);
    made.append(...[content].flat());
    return made;
  };
  const withCode = text => text.split("`").map((part, k) => k % 2 ? element("code", part) : part);
  const HEADS = { right: "✓ Right", wrong: "✗ Not yet", empty: "… Not yet" };
  const forms = [...document.querySelectorAll("form.answer")];
  const labelOf = form => form.dataset.exercise;

  const next = form => {
    const done = all(), here = forms.indexOf(form);
    const other = [...forms.slice(here + 1), ...forms.slice(0, here)].find(one => done[labelOf(one)] !== "solved");
    const number = other?.closest(".exercise").querySelector(".caption-number");
    return other
      ? element("a", `Next: ${number.textContent.trim().toLowerCase()}`, { href: `#${labelOf(other)}` })
      : element("a", "All exercises of this chapter are done: the others", { href: form.dataset.list });
  };
  const wrongs = {};
  const say = (form, { status, text }) => {
    const box = form.querySelector(".answer-verdict");
    const parts = [element("strong", HEADS[status]), ...text ? [": ", ...withCode(text)] : ["."]];
    if (status === "right") parts.push(" ", next(form));
    else if (status === "wrong" && (wrongs[labelOf(form)] = (wrongs[labelOf(form)] || 0) + 1) > 1) {
      parts.push(" There are hints below.");
    }
    box.className = `answer-verdict answer-${status}`;
    box.replaceChildren(...parts);
  };
  const fieldsOf = form => [...form.querySelectorAll("input")]
    .map(input => input.type === "text" ? input.value : Number(input.checked));
  const onSubmit = async event => {
    const form = event.currentTarget;
    event.preventDefault();
    if (!form.dataset.answer) {  // proofs and code: the reader says so
      note(labelOf(form), all()[labelOf(form)] === "solved" ? null : "solved");
      return;
    }
    const found = verdict(await unpack(form.dataset.answer), fieldsOf(form));
    if (found.status !== "empty") note(labelOf(form), found.status === "right" ? "solved" : "tried");
    say(form, found);
  };

  const MARKS = { solved: ["✓", "solved"], tried: ["◦", "tried"] };
  const mark = () => {
    const done = all(), marks = [...document.querySelectorAll("[data-mark]")];
    for (const place of marks) {
      const [sign, word] = MARKS[done[place.dataset.mark]] || ["", ""];
      const short = place.closest("table");
      place.replaceChildren(sign, element("span", sign && ` ${word}`, { className: short ? "visually-hidden" : "" }));
    }
    for (const form of forms.filter(one => !one.dataset.answer)) {
      form.querySelector("button").setAttribute("aria-pressed", done[labelOf(form)] === "solved");
    }
    const count = (places, state) => places.filter(place => done[place.dataset.mark] === state).length;
    for (const place of document.querySelectorAll(".answer-count")) {
      const solved = count([...place.closest("tbody").querySelectorAll("[data-mark]")], "solved");
      place.textContent = solved ? `, ${solved} solved` : "";
    }
    const line = document.querySelector(".answer-progress");
    if (!line) return;
    const solved = count(marks, "solved"), tried = count(marks, "tried");
    const open = marks.find(place => done[place.dataset.mark] !== "solved");
    const link = open?.closest("td").querySelector("a");
    line.querySelector("span").replaceChildren(
      `Solved ${solved} of ${marks.length}${tried ? `, tried ${tried} more` : ""}. `,
      link ? element("a", `Next unsolved: ${link.textContent}`, { href: link.href }) : "All are done.",
    );
    line.querySelector("button").disabled = !solved && !tried;
  };

  // Without what unpacks the answers, the notebook's way stays.
  if (typeof DecompressionStream === "undefined") document.documentElement.classList.add("no-answers");
  forms.forEach(form => form.addEventListener("submit", onSubmit));
  document.querySelector(".answer-progress button")?.addEventListener("click", () => {
    if (confirm("Forget which exercises were solved and tried on this computer?")) keep({});
  });
  document.addEventListener(KEY, mark);
  addEventListener("storage", event => { if (event.key === KEY || event.key === null) mark(); });
  mark();
  window.gmmExercises = { all, read, unpack, verdict };
})();
