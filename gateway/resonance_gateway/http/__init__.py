"""HTTP only: bodies, problems, multipart, server-sent events, middleware."""
