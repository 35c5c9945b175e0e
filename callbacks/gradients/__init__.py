"""Reading and changing the gradients within a compiled training step."""
