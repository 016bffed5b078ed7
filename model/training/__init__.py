"""Training recipe of the embedded model.

Its stages: compose, render, train the codec, train the language model, evaluate, export.
"""
