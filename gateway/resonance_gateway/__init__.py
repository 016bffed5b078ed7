"""The gateway: REST and the page before the gRPC services.

It computes nothing and stores nothing.
"""
