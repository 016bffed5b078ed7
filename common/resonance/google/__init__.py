"""Google's models behind one door: calls, errors as domain errors, prices, ceilings.

It exports nothing here: what reads the sums alone does not need the client library, which `door` and `vertex` call.
"""
