// Load the search when a reader opens it: its style, the engine, the index, and what ranks and shows (search/find.js).
(() => {
  const root = document.documentElement.dataset.content_root;
  let loaded = false;
  const load = () => {
    if (loaded) return;
    loaded = true;
    document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href: `${root}_static/search/search.css` }));
    for (const name of ["engine", "index", "find"])
      document.head.append(Object.assign(document.createElement("script"), { src: `${root}_static/search/${name}.js`, async: false }));
  };
  const isField = element => element?.matches?.("form.bd-search input");
  if (document.getElementById("search-results") || isField(document.activeElement)) load();
  document.addEventListener("focusin", event => isField(event.target) && load());
})();
