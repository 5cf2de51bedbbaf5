"""From the bytes of a message to what it says, or to why it is set aside."""
