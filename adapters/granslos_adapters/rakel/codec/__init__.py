"""Pure codecs of the TETRA peripheral interface: bytes to frozen values and back; all raise only ``DecodeError``.

bits           bit fields, most significant first, and the one error
lip            TS 100 392-18-1: location reports and requests (lip_* hold its tables, long form, elements, control)
status         EN 300 392-2 clause 14.8.34: pre-coded status and SDS-TL short reports
text           EN 300 392-2 clause 29.5.4: text encodings, splitting
sds            EN 300 392-2 clause 29: what a received SDS is; sds_encode builds one
concatenation  EN 300 392-2 clauses 29.5.10, 29.5.14: parts to whole messages
pei            EN 300 392-5: single lines of the interface
"""
