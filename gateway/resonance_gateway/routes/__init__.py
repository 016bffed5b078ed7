"""One file per noun of the REST interface: its routes, its pydantic bodies, and their mapping to gRPC requests."""
