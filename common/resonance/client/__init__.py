"""Python client of the services, and the verified reader of a take's stream."""
