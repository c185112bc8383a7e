"""Show readable pieces of the pages that a search has found (book/_static/searching.js)."""


def add_script(app, pagename, templatename, context, doctree):
    """Load the script on the page of the search alone."""
    if pagename == "search":
        app.add_js_file("searching.js", loading_method="defer")


def setup(app):
    app.connect("html-page-context", add_script)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
