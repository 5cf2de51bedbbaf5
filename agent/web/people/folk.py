"""The pages where an admin keeps persons and programs' tokens."""
