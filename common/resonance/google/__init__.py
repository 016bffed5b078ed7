"""Google's models behind one door: calls, errors as domain errors, prices, ceilings."""

from resonance.google.door import GoogleDoor, MediaAnswer, open_google, open_spending, read_key
from resonance.google.prices import Kind, Prices
from resonance.google.spending import Spending, spending_on

__all__ = [
    "GoogleDoor",
    "Kind",
    "MediaAnswer",
    "Prices",
    "Spending",
    "open_google",
    "open_spending",
    "read_key",
    "spending_on",
]
