"""The shapes of the wire, declared once, for the OpenAPI document.

Requests are read and answers are written by hand (``body``, ``query``, ``presenters``),
so nothing here parses or renders. The tests hold every real answer against these shapes.
Docstrings and help texts are published in the document.
"""
