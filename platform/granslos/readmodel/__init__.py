"""SQL queries to contract views, and the audit of who saw them. Never writes a row that an event made."""
