"""Colour distance of locked attributes: CIEDE2000 under the figure's mask."""
