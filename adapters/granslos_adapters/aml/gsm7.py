"""Text packed in GSM 7-bit (3GPP TS 23.038), as data SMS carry it."""

ALPHABET = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The default alphabet (6.2.1)."""
assert len(ALPHABET) == 128


def unpack_gsm7(data: bytes) -> str:
    """Return the text that is packed in these octets, 7 bits a character (6.1.2.1)."""
    value = int.from_bytes(data, "little")
    septets = [value >> shift & 0x7F for shift in range(0, len(data) * 8 - 6, 7)]
    return "".join(ALPHABET[septet] for septet in septets)
