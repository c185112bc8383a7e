"""The search of the book: an index of sections, made with the pages and searched in them, also from disk.

Sphinx's own search knows pages, not sections, and no spelling but the book's. In its place this module writes
``_static/search/index.js``: for each section (and each exercise, term, function and reference) its heading, where it
stands, the terms and names that belong to it, its sentences without code, outputs and solutions, and how readers ask
for it (book/asked.yml). The pages load it when a reader opens the search; book/_static/search/find.js ranks and shows.
"""

import inspect
import json
import posixpath
import re
from functools import cache
from pathlib import Path

import yaml
from docutils import nodes
from orientation import HELPERS
from sphinx import addnodes
from sphinx_exercise.nodes import is_exercise_node, solution_node
from terms import PAGE, read_glossary

#: How much a find counts: chapters first, pages of reference last, each page by its name, all others as `OTHER`.
CHAPTER, OTHER, SYMPTOMS, REFERENCE = 1.0, 0.75, 0.5, 0.25
REFERENCES = {
    "glossary",
    "api",
    "api_formulas",
    "formula_index",
    "exercise_list",
    "references",
    "licence",
    "changelog",
    "symptoms",
}
#: The parts that each chapter has repeat what stands before them.
REPEATING = {"Summary": 0.6, "Further reading": 0.4, "Exercises": 0.4, "In practice": 0.7}
EXERCISE = 0.25
#: Characters of a section that are kept as they stand, to be shown; of what repeats or refers, less is kept.
VERBATIM, SHORT = 700, 160
#: How readers ask: {page: {section: "phrase; phrase"}}.
ASKED = "book/asked.yml"
#: So many of the sections that the definition of a term links are its home; what follows is further reading.
HOMES = 2

#: What readers type and what the book says. ``a = b`` holds both ways, ``a > b`` is found under b as well. The words
#: are compared without endings, and American like British.
SYNONYMS = """
gmm = gaussian mixture
em = expectation maximisation
sklearn = scikit-learn
points = samples
variables = features
pdf > density
symbols > notation

mixing proportions = mixing coefficients = weights
latent = hidden
posterior probability > responsibilities
soft clustering = soft assignment = responsibilities
fuzzy clustering > responsibilities
membership > responsibilities
predict_proba > responsibilities
score_samples > log-density
kl divergence = kullback-leibler divergence
elbo = evidence lower bound
bimodal > modes
multimodal > modes

initialisation = seeding = start
init > start
n_init > restarts
random_state > start
different results > restarts
different answer > restarts
different clusters > restarts
reproducible > restarts
local optimum = local maximum
stuck > local maximum
identical > symmetric
not converge > when to stop
convergencewarning > when to stop
tolerance > when to stop
tol > when to stop
max_iter > when to stop
slow > iterations
complexity > cost
dimensionality > many dimensions
high-dimensional > many dimensions
dependent > independent
runtime > cost
speed > cost
decrease = fall = drop = down
increase = rise = grow
zeros = 0
ones = 1
loglik = log-likelihood
nll > log-likelihood
maximum likelihood = mle
oval = ellipse = elliptical = elongated
single precision = float32

number of components = number of clusters = how many components = how many clusters
choose k = how many components
elbow > how many components
model selection > how many components
covariance_type = covariance structures
diag = diagonal
parsimonious > fourteen models
bayesian > variational bayes
variational inference = variational bayes
bayesiangaussianmixture > variational bayes
confidence interval = standard error

singular = collapse = degenerate
not positive definite > singular
invertible > singular
invert > inverse
det = determinant
ill-conditioned > collapse
ill-defined > singular
infinity > no upper bound
unbounded > no upper bound
empty > dies
no points = no samples = dies
zero samples > dies
regularisation = reg_covar = ridge
flooring > ridge
underflow > log-sum-exp
overflow > underflow
divide by zero > underflow
numerical stability > rounding
numerical stability > log domain
masked > missing values
input contains nan > missing values
nan in the data > missing values
nan > underflow
missing data = missing values
incomplete > missing
imputation > missing values
normalise features = standardise
scale features = standardise
scaling > standardise
rescale > units
preprocessing > standardise

anomaly = outlier = novelty
anomaly detection = outlier detection = novelty detection
anomaly detection > anomalies
outlier detection > anomalies
novelty detection > anomalies
fraud > anomalies
outlier > noise
student t = t distributions
robust > heavy tails
synthetic data = generating tables
augmentation > generating tables
false positive = false alarm
speaker > speech
mfcc > speech
audio > speech
unit tests > debug
bugs > debug
install > running it yourself
"""

_LETTERS = dict(
    re.findall(
        r"(\w+):(\S)",
        """
    alpha:α beta:β gamma:γ delta:δ epsilon:ε varepsilon:ε eta:η theta:θ kappa:κ lambda:λ mu:μ nu:ν pi:π rho:ρ sigma:σ
    tau:τ phi:φ varphi:φ psi:ψ Delta:Δ Lambda:Λ Sigma:Σ Psi:Ψ ell:ℓ infty:∞ le:≤ ge:≥ leq:≤ geq:≥ neq:≠ times:×
    cdot:· to:→ sim:~ approx:≈""",
    )
)
_SKIPPED = (
    nodes.raw,
    nodes.comment,
    nodes.literal_block,
    nodes.math_block,
    nodes.image,
    nodes.target,
    addnodes.index,
    addnodes.seealso,
    addnodes.toctree,
    addnodes.desc_signature,
    solution_node,
)
_SKIPPED_CLASSES = {"cell_output", "hint", "chapter-links", "api-chapters", "helps", "headerlink"}
_NAME = re.compile(r"\b(?:gmm\.)?\w+")


def plain(tex):
    """Write a short formula in plain letters; a longer one is left out."""
    tex = re.sub(r"\\(?:boldsymbol|mathbf|mathcal|mathrm|operatorname|text|hat|tilde|bar)\b\s*|\\[,; ]", "", tex)
    text = re.sub(r"\\([A-Za-z]+)", lambda match: _LETTERS.get(match[1], match[0]), tex)
    text = re.sub(r"[{}]|\\(?=log|exp)", "", text).strip()
    return "…" if "\\" in text or len(text) > 24 else text


def heads(node):
    """Whether a node is a section with a heading; the bodies of exercises and proofs are sections too."""
    return isinstance(node, nodes.section) and node["ids"] and isinstance(node.next_node(), nodes.title)


def is_term(node):
    """Whether a node is an entry of the glossary."""
    return isinstance(node, nodes.definition_list_item) and isinstance(node[0], nodes.term) and bool(node[0]["ids"])


def own_entry(node):
    """Whether a node is found by itself, apart from the section that it stands in."""
    return heads(node) or is_exercise_node(node) or is_term(node) or isinstance(node, addnodes.desc | nodes.citation)


def sentences(node, top=True):
    """Return the text of a node as a reader sees it, without code and without what is found by itself."""
    if isinstance(node, nodes.Text):
        return node.astext().replace("\n", " ")
    if isinstance(node, nodes.math):
        return plain(node.astext())
    if isinstance(node, _SKIPPED) or _SKIPPED_CLASSES & set(node.get("classes", ())) or (own_entry(node) and not top):
        return ""
    if isinstance(node, nodes.title) and (top or heads(node.parent) or is_exercise_node(node.parent)):
        return ""
    children = node.children[1:] if top and (is_term(node) or isinstance(node, nodes.citation)) else node.children
    text = "".join(sentences(child, False) for child in children)
    if isinstance(node, nodes.title):
        text += ":"
    return text if isinstance(node, nodes.Inline) else f" {text} "


@cache
def known_names():
    """Return the functions of the equations, and the names of scikit-learn's estimator that readers search for."""
    from gmm import GaussianMixture
    from gmm.formulas import EQUATIONS

    parameters = set(inspect.signature(GaussianMixture).parameters) | set(dir(GaussianMixture))
    return EQUATIONS, {name for name in parameters if "_" in name.strip("_")}


def names(node):
    """List what belongs to a section besides its sentences: terms, equations, names in its code."""
    functions, estimator = known_names()
    found, queue = {}, list(node.children)
    while queue:
        part = queue.pop(0)
        if own_entry(part) or isinstance(part, solution_node):
            continue
        if isinstance(part, nodes.Element) and {"cell_output", "hint"} & set(part.get("classes", ())):
            continue
        if isinstance(part, addnodes.index) and part["entries"][0][0] == "single":
            found.update((entry[1], None) for entry in part["entries"] if "(" not in entry[1])
        elif isinstance(part, nodes.math_block) and part.get("label"):
            label = part["label"]
            found[label.removeprefix("eq-").removeprefix("step-").replace("-", " ")] = None
            if label in functions:
                found[functions[label].__name__] = None
        elif isinstance(part, nodes.literal_block):
            called = (name for name in _NAME.findall(part.astext()) if not HELPERS.match(name))
            found.update((name, None) for name in called if name.startswith("gmm.") or name in estimator)
        queue[:0] = part.children
    return list(found)


def condensed(text):
    """Return the beginning of a text, and the words of its rest that are not in it."""
    start = shortened(text, VERBATIM)
    seen = set(re.findall(r"[\w-]+", start.lower()))
    words = (w for w in re.findall(r"[^\W\d_][\w-]{2,}", text[len(start) - 2 :].lower()) if w not in seen)
    return start, " ".join(dict.fromkeys(words))


def tidy(text):
    """Join the pieces of a text: one space between words, none before a point."""
    return re.sub(r"\s+([.,;:)])", r"\1", re.sub(r"\s+", " ", text)).strip()


def shortened(text, size):
    """Cut a text after a word."""
    return (
        text if len(text) <= size else text[: text.rindex(" ", 0, size)] + " …" if " " in text[:size] else text[:size]
    )


def title_of(node):
    """Return the heading of an entry."""
    if isinstance(node, addnodes.desc):
        return node[0]["ids"][0] if node[0]["ids"] else ""
    if is_term(node) or isinstance(node, nodes.citation):
        return tidy(node[0].astext())
    title = next(node.findall(nodes.title), None)
    text = "" if title is None else tidy("".join(sentences(child, False) for child in title.children))
    return re.sub(r"^(?:Exercise\s*)?[\d.]*\s*\((.*)\)$", r"\1", text) if is_exercise_node(node) else text


def identifier(node):
    """Return the id that leads to an entry."""
    holder = node[0] if isinstance(node, addnodes.desc | nodes.definition_list_item) else node
    return holder["ids"][0] if holder["ids"] else ""


def entries(doctree, name):
    """Return what can be found on a page, the entry that each of its ids stands in, and where its terms are at home.

    Each entry is a list: the id that leads to it, its title (empty: the same as the id), the place in the list of the
    entry around it, its weight, its names, its first sentences and the further words of its text. A term of the
    glossary is at home in the sections that its definition links.
    """
    chapter, reference = re.match(r"\d\d_", name), name in REFERENCES
    weight = CHAPTER if chapter else SYMPTOMS if name == "symptoms" else REFERENCE if reference else OTHER
    found, place, homes = [], {}, []
    for node in doctree.findall(own_entry):
        title, anchor = title_of(node), identifier(node)
        if not title or (found and not anchor):
            continue
        around = node.parent
        while around is not None and around not in place:
            around = around.parent
        at = 0 if around is None else place[around]
        own = REPEATING.get(title, 1) if chapter else 1
        text = tidy(sentences(node))
        if is_exercise_node(node):
            own, text = EXERCISE, shortened(text, SHORT)
        elif reference or own < 1:
            text = shortened(text, SHORT)
        place[node] = len(found)
        if is_term(node):
            links = [link["refuri"] for link in node.findall(nodes.reference) if not link.get("refuri", ":").count(":")]
            homes.append([title, list(dict.fromkeys(links))[:HOMES]])
        title = "" if title == anchor else title
        found.append(
            [anchor if found else "", title, at, round(weight * own, 2), " ".join(names(node)), *condensed(text)]
        )
    within = {}
    for node in doctree.findall(nodes.Element):
        if node["ids"]:
            around = node
            while around is not None and around not in place:
                around = around.parent
            within.update(dict.fromkeys(node["ids"], 0 if around is None else place[around]))
    return {"entries": found, "within": within, "homes": homes}


def collect(app, doctree, docname):
    """Keep what can be found on a page that is about to be written."""
    if app.builder.format == "html" and docname != "genindex":
        app.search_pages[docname] = entries(doctree, docname.rpartition("/")[2])


def write_index(app, exception):
    """Write the index, with what an earlier build has kept of pages that have not changed."""
    if exception is not None or app.builder.format != "html":
        return
    kept = Path(app.doctreedir, "search.json")
    pages = dict(json.loads(kept.read_text(encoding="utf-8"))) if kept.exists() else {}
    pages = {name: page for name, page in {**pages, **app.search_pages}.items() if name in app.env.all_docs}
    kept.write_text(json.dumps(pages), encoding="utf-8")
    order = {name: place for place, name in enumerate(reading_order(app.env))}
    pages = {name: pages[name] for name in sorted(pages, key=lambda name: (order.get(name, len(order)), name))}
    glossary = Path(app.srcdir, f"{PAGE}.md").read_text(encoding="utf-8")
    also = {term.name.replace("'", "’"): term.also for term in read_glossary(glossary)}
    homes = at_home(pages, also)
    asked = yaml.safe_load(Path(app.srcdir, ASKED).read_text(encoding="utf-8"))
    for name, page in pages.items():
        if page["entries"] and (number := app.env.toc_secnumbers.get(name, {}).get("", ())):
            page["entries"][0][1] = f"{'.'.join(map(str, number))}. {page['entries'][0][1]}"
        for entry in page["entries"]:
            entry += filter(None, [asked.get(name.rpartition("/")[2], {}).get(entry[0] or "top")])
    index = {
        "synonyms": [line for line in SYNONYMS.splitlines() if line],
        "homes": homes,
        "pages": {name: page["entries"] for name, page in pages.items()},
    }
    path = Path(app.outdir, "_static", "search", "index.js")
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(index, ensure_ascii=False, separators=(",", ":"))
    path.write_text(f"window.bookIndex={text}", encoding="utf-8")


def at_home(pages, also):
    """Return the terms of the glossary by the address of the section that each is at home in.

    A term that is the title of a chapter is at home there, others where their definition leads.
    """
    found = {}
    titles = {page["entries"][0][1].lower(): f"{name}.html" for name, page in pages.items() if page["entries"]}
    for name, page in pages.items():
        for term, links in page["homes"]:
            forms = [term, *also.get(term, ())]
            chapter = next((titles[form.lower()] for form in forms if form.lower() in titles), None)
            if chapter:
                found.setdefault(chapter, []).extend(forms)
            for link in () if chapter else links:
                address, _, anchor = link.partition("#")
                target = posixpath.normpath(posixpath.join(posixpath.dirname(name), address.removesuffix(".html")))
                place = pages.get(target, {"within": {}})["within"].get(anchor, None if anchor else 0)
                if place is not None and target != name and target in pages:
                    section = pages[target]["entries"][place][0]
                    known = found.setdefault(f"{target}.html" + (f"#{section}" if section else ""), [])
                    known += [form for form in forms if form not in known]
    return found


def reading_order(env):
    """List the pages in the order of the contents."""
    listed, queue = [], [env.config.root_doc]
    while queue:
        name = queue.pop(0)
        if name not in listed:
            listed.append(name)
            queue[:0] = env.toctree_includes.get(name, [])
    return listed


def replace_search(app):
    """Let Sphinx make no index of its own."""
    app.search_pages = {}
    if app.builder.format == "html":
        app.builder.search = False


def search_page(app):
    """Write the page of the search, which the builder leaves out together with its index."""
    yield "search", {}, "search.html"


def drop_scripts(app, pagename, templatename, context, doctree):
    """Leave out Sphinx's script that marks the words of its own search."""
    scripts = context.get("script_files", [])
    scripts[:] = [s for s in scripts if not str(getattr(s, "filename", s)).endswith("sphinx_highlight.js")]


def drop_files(app, exception):
    """Remove the files of Sphinx's search from the site."""
    if exception is None and app.builder.format == "html":
        for name in ("searchtools.js", "language_data.js", "sphinx_highlight.js"):
            Path(app.outdir, "_static", name).unlink(missing_ok=True)
        Path(app.outdir, "searchindex.js").unlink(missing_ok=True)


def setup(app):
    app.add_js_file("search.js", loading_method="defer")
    app.connect("builder-inited", replace_search)
    app.connect("doctree-resolved", collect, priority=900)
    app.connect("html-collect-pages", search_page)
    app.connect("html-page-context", drop_scripts)
    app.connect("build-finished", write_index)
    app.connect("build-finished", drop_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
