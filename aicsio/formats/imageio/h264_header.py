"""The sequence parameter set of H.264: whether a stream is monochrome.

Rule kept here: a header that cannot be followed is that of a colour stream, as for ffmpeg, which
decodes monochrome H.264 as if it had gray chroma.

Source of the facts: ITU-T H.264, 7.3.2.1.1 (sequence parameter set), 9.1 (Exp-Golomb codes);
ISO/IEC 14496-15, 5.3.3.1 (AVCDecoderConfigurationRecord).
"""

import re

HIGH_PROFILES = frozenset({44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244})
"""profile_idc values whose parameter sets hold chroma_format_idc."""
SEQUENCE_PARAMETER_SET = 7
MONOCHROME = 0


def is_monochrome(extradata: bytes) -> bool:
    """Return whether the parameter set of a stream has chroma_format_idc 0.

    Parameters
    ----------
    extradata
        Codec parameters of the stream, as a configuration record or with start codes.
    """
    parameter_set = _find_parameter_set(extradata)
    if len(parameter_set) < 5 or parameter_set[1] not in HIGH_PROFILES:
        return False
    # Emulation prevention bytes stand behind two zeros: none is in these few bits.
    bits = _Bits(parameter_set[4:])  # behind the header, profile, constraints and level
    bits.take_exp_golomb()  # seq_parameter_set_id
    return bits.take_exp_golomb() == MONOCHROME


def _find_parameter_set(extradata: bytes) -> bytes:
    """Return the first sequence parameter set, with its header of one byte; or nothing."""
    if extradata[:1] == b"\x01":
        # configurationVersion 1: the sets follow at byte 6, each behind a length of 16 bits.
        nbytes = int.from_bytes(extradata[6:8])
        unit = extradata[8 : 8 + nbytes]
        return unit if unit and unit[0] & 0x1F == SEQUENCE_PARAMETER_SET else b""
    # The lowest five bits of the first byte are nal_unit_type (7.3.1).
    for unit in re.split(rb"\0\0\x01", extradata)[1:]:
        if unit and unit[0] & 0x1F == SEQUENCE_PARAMETER_SET:
            return unit
    return b""


class _Bits:
    """Takes bits from the highest on. Not a record: it lives for one header."""

    def __init__(self, data: bytes) -> None:
        # chroma_format_idc stands behind an identifier of at most 31, of 11 bits.
        self._digits = "".join(f"{byte:08b}" for byte in data[:16])

    def take_exp_golomb(self) -> int | None:
        """Return an unsigned Exp-Golomb code; ``None`` at the end of the data."""
        zeros = len(self._digits) - len(self._digits.lstrip("0"))
        # n zeros, then n + 1 bits: their number less one.
        code = self._digits[zeros : 2 * zeros + 1]
        self._digits = self._digits[2 * zeros + 1 :]
        return int(code, 2) - 1 if len(code) == zeros + 1 else None
