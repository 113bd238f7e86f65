/// What the elements of an array in a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) kind: Kind,
    /// Bytes of an element.
    pub(super) size: usize,
    pub(super) big_endian: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Unsigned,
    Signed,
    /// IEEE 754: 16, 32 or 64 bits.
    Float,
    /// The upper half of an IEEE 754 number of 32 bits.
    Brain,
    /// Code points of four bytes each, filled up with zeros.
    CodePoints,
    /// UTF-8, filled up with zeros.
    Bytes,
}

impl Element {
    /// One that is read as it is stored on most machines.
    pub(super) const fn little(kind: Kind, size: usize) -> Self {
        Element { kind, size, big_endian: false }
    }

    pub(super) fn is_text(self) -> bool {
        matches!(self.kind, Kind::CodePoints | Kind::Bytes)
    }

    /// Whether each element is a byte from 0 to 255 that stands for itself.
    pub(super) fn is_byte(self) -> bool {
        matches!(self.kind, Kind::Bool | Kind::Unsigned) && self.size == 1
    }

    /// The number in `bytes`, rounded to `f32`; of what is no number, NaN.
    pub(super) fn number(self, bytes: &[u8]) -> f32 {
        match self.kind {
            Kind::Bool | Kind::Unsigned => self.bits(bytes) as f32,
            Kind::Signed => self.signed(bytes) as f32,
            Kind::Float | Kind::Brain => self.float(bytes) as f32,
            Kind::CodePoints | Kind::Bytes => f32::NAN,
        }
    }

    /// The label in `bytes`: an integer in decimal, also if it is stored as a floating-point number; `True` or `False`; a text.
    pub(super) fn label(self, bytes: &[u8]) -> Result<String, NoLabel> {
        match self.kind {
            Kind::Bool => Ok(if self.bits(bytes) == 0 { "False" } else { "True" }.into()),
            Kind::Unsigned => Ok(self.bits(bytes).to_string()),
            Kind::Signed => Ok(self.signed(bytes).to_string()),
            Kind::Float | Kind::Brain => match self.float(bytes) {
                label if !label.is_finite() => Err(NoLabel::NotFinite(label)),
                // Not "-0".
                0.0 => Ok("0".into()),
                // The shortest digits that mean this number among those of its size.
                label if self.size < 8 => Ok((label as f32).to_string()),
                label => Ok(label.to_string()),
            },
            Kind::CodePoints => {
                let point = |bytes: &[u8]| char::from_u32(Element { size: 4, ..self }.bits(bytes) as u32);
                let text: Option<String> = bytes.chunks_exact(4).map(point).collect();
                Ok(text.ok_or(NoLabel::NotText)?.trim_end_matches('\0').into())
            }
            Kind::Bytes => {
                let text = str::from_utf8(bytes).map_err(|_| NoLabel::NotText)?;
                Ok(text.trim_end_matches('\0').into())
            }
        }
    }

    /// Up to eight bytes as an unsigned integer.
    fn bits(self, bytes: &[u8]) -> u64 {
        let shift = |bits: u64, &byte: &u8| bits << 8 | u64::from(byte);
        let bytes = &bytes[..self.size.min(8)];
        if self.big_endian { bytes.iter().fold(0, shift) } else { bytes.iter().rev().fold(0, shift) }
    }

    fn signed(self, bytes: &[u8]) -> i64 {
        let unused = 64 - 8 * self.size.min(8) as u32;
        (self.bits(bytes) << unused) as i64 >> unused
    }

    fn float(self, bytes: &[u8]) -> f64 {
        let bits = self.bits(bytes);
        match (self.kind, self.size) {
            (Kind::Brain, _) => f32::from_bits((bits as u32) << 16).into(),
            (_, 2) => half(bits as u16),
            (_, 4) => f32::from_bits(bits as u32).into(),
            _ => f64::from_bits(bits),
        }
    }
}

/// Why an element is no label.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum NoLabel {
    NotFinite(f64),
    NotText,
}

/// IEEE 754 binary16: 1 bit of sign, 5 of exponent, 10 of fraction.
fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 0 { 1.0 } else { -1.0 };
    let fraction = f64::from(bits & 0x3FF) / 1024.0;
    let magnitude = match i32::from(bits >> 10 & 0x1F) {
        0 => fraction * 2.0_f64.powi(-14),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (1.0 + fraction) * 2.0_f64.powi(exponent - 15),
    };
    sign * magnitude
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_kind() {
        let table: &[(Kind, &[u8], f32, &str)] = &[
            (Kind::Bool, &[0], 0.0, "False"),
            (Kind::Bool, &[1], 1.0, "True"),
            (Kind::Unsigned, &[255], 255.0, "255"),
            (Kind::Signed, &[255], -1.0, "-1"),
            (Kind::Unsigned, &[0xFE, 0xFF], 65534.0, "65534"),
            (Kind::Signed, &[0xFE, 0xFF], -2.0, "-2"),
            (Kind::Signed, &[0xFD, 0xFF, 0xFF, 0xFF], -3.0, "-3"),
            (Kind::Unsigned, &[0xFF; 8], u64::MAX as f32, "18446744073709551615"),
            (Kind::Signed, &[0, 0, 0, 0, 0, 0, 0, 0x80], i64::MIN as f32, "-9223372036854775808"),
            (Kind::Float, &[0, 0x3C], 1.0, "1"),
            (Kind::Float, &[0x66, 0x2E], 0.099_975_586, "0.099975586"),
            (Kind::Brain, &[0x80, 0xBF], -1.0, "-1"),
            (Kind::Float, &0.1_f32.to_le_bytes(), 0.1, "0.1"),
            (Kind::Float, &0.1_f64.to_le_bytes(), 0.1, "0.1"),
            (Kind::Float, &(-0.0_f64).to_le_bytes(), -0.0, "0"),
            (Kind::Float, &3e20_f64.to_le_bytes(), 3e20, "300000000000000000000"),
        ];
        for &(kind, bytes, number, label) in table {
            let little = Element::little(kind, bytes.len());
            let reversed: Vec<u8> = bytes.iter().rev().copied().collect();
            let big = Element { big_endian: true, ..little };
            for (element, bytes) in [(little, bytes), (big, &reversed)] {
                assert_eq!(element.number(bytes).to_bits(), number.to_bits(), "{element:?} {bytes:?}");
                assert_eq!(element.label(bytes).expect("a label"), label, "{element:?} {bytes:?}");
            }
        }
        let double = Element::little(Kind::Float, 8);
        assert_eq!(double.number(&1e39_f64.to_le_bytes()), f32::INFINITY);
        assert_eq!(double.label(&f64::INFINITY.to_le_bytes()), Err(NoLabel::NotFinite(f64::INFINITY)));
    }

    /// Against Python's `struct.unpack('e', …)`, of each 4,096th and of the largest, smallest and special ones.
    #[test]
    fn halves() {
        let table = [
            (0x0000, 0.0),
            (0x0001, 5.960464477539063e-8),
            (0x03FF, 6.097555160522461e-5),
            (0x0400, 6.103515625e-5),
            (0x1000, 0.00048828125),
            (0x2000, 0.0078125),
            (0x3555, 0.333251953125),
            (0x4000, 2.0),
            (0x5000, 32.0),
            (0x6000, 512.0),
            (0x7000, 8192.0),
            (0x7BFF, 65504.0),
            (0x7C00, f64::INFINITY),
            (0xC000, -2.0),
            (0xFC00, f64::NEG_INFINITY),
        ];
        for (bits, value) in table {
            assert_eq!(half(bits), value, "{bits:04x}");
        }
        assert!(half(0x7C01).is_nan() && half(0xFFFF).is_nan());
    }

    #[test]
    fn texts() {
        let little = Element::little(Kind::CodePoints, 12);
        let bytes: Vec<u8> = "ä猫\0".chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
        assert_eq!(little.label(&bytes).expect("a text"), "ä猫");
        let big: Vec<u8> = "ä猫\0".chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
        assert_eq!(Element { big_endian: true, ..little }.label(&big).expect("a text"), "ä猫");
        assert_eq!(Element { big_endian: true, ..little }.label(&bytes), Err(NoLabel::NotText));
        let utf8 = Element::little(Kind::Bytes, 4);
        assert_eq!(utf8.label(b"a b\0").expect("a text"), "a b");
        assert_eq!(utf8.label(b"a\xffb\0"), Err(NoLabel::NotText));
        assert!(utf8.number(b"1234").is_nan());
    }
}
