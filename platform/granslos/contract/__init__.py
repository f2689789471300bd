"""What travels between processes: structs, subjects, versions. Pure, no I/O.

Everything here is decoded from bytes that somebody else wrote, perhaps with an older or newer release: new fields have
defaults, a type never changes, a removed field stays reserved, and an envelope is decoded before its payload.
"""
