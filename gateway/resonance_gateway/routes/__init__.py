"""Routes, bodies and gRPC mapping, one file per noun."""
