"""Field limits, JSON of protobuf messages, and the OpenAPI document."""
