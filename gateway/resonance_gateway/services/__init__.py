"""gRPC clients of the services.

All gRPC calls of the gateway start here.
"""
