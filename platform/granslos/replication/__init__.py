"""Forwarder, presence, desks' authority, takeover, reconciliation, hub guard: what makes several sites one."""
