"""The review: a person's verdict beside the machine's, blind where it is an audit, and what both say of the line."""
