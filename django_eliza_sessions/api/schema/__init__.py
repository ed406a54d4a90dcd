"""What the OpenAPI document says about each operation: one decorator per viewset."""
