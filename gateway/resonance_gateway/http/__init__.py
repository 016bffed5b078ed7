"""HTTP without music: bodies, problems, multipart, server-sent events, byte ranges, middleware."""
