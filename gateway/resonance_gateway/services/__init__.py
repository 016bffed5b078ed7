"""gRPC clients of the services; all gRPC calls of the gateway start here."""
