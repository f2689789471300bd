"""Events to rows and position, in one transaction; rebuild. Writes the read model, never the journal."""
