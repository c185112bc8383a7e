"""Remove the PDF of an earlier build: it shows other pages than those being built (`make pdf` prints it anew)."""

from pathlib import Path

NAME = "gaussian-mixtures.pdf"


def remove_old_pdf(app):
    if app.builder.name == "html":
        (Path(app.outdir) / NAME).unlink(missing_ok=True)


def setup(app):
    app.connect("builder-inited", remove_old_pdf)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
