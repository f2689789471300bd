"""Use cases: load, decide, append; the ports they need; policies that turn events into commands."""
