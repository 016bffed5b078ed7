"""The recipe of the embedded model: compose, render, learn to code, learn to play, examine, export."""
