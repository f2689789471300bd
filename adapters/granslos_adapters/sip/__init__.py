"""The SIP side of a 112 handover. So far the format only; the adapter itself (routes, LoST, dialogs) is to come."""
