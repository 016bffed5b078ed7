"""The gateway: REST and the page in front of the gRPC services. It computes nothing and keeps nothing."""
