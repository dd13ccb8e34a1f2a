"""The page for people who value homes: a client of the service like any other, with no model and no rule of its own.

It asks Triton by ``client/`` and takes words and limits of columns from ``preprocessing.columns``. Each page is one
module with its ``ROUTES`` and a template of the same name; ``desk.app`` lists them.
"""
