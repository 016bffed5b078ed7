"""The extract service: listens to clips and prompts, and keeps what the model's layers say as directions."""
