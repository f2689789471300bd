"""Advanced Mobile Location (ETSI TS 103 625, Google ELS). So far the format only; the adapter itself is to come."""
