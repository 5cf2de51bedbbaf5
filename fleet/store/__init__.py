"""What the centre keeps, in SQLite or PostgreSQL. Rows never leave this package; values come out."""
