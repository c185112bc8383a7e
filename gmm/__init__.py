"""Gaussian mixture models from first principles: the companion package of the book.

The names that a chapter imports stand in ``__init__.pyi``. Each is loaded when it is first asked for, so that
``import gmm`` costs nothing and brings in neither matplotlib nor scikit-learn.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
