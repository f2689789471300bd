"""NATS-facing entry: commands and observations, and this node's questions to the others."""
