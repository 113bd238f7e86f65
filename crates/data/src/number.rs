/// The number in a field; one too large for `f32` is infinite.
pub(crate) fn number(field: &[u8]) -> Option<f32> {
    if let Some(number) = small_integer(field) {
        return Some(number);
    }
    let field = field.trim_ascii();
    let bare = field.strip_prefix(b"\"").and_then(|field| field.strip_suffix(b"\"")).unwrap_or(field);
    str::from_utf8(bare.trim_ascii()).ok()?.parse().ok()
}

/// The number in a field of one to seven digits, the most that fit an `f32` whatever they are: a shortcut for the many
/// tables of such.
fn small_integer(field: &[u8]) -> Option<f32> {
    let digits = (1..=7).contains(&field.len()) && field.iter().all(u8::is_ascii_digit);
    digits.then(|| field.iter().fold(0_u32, |number, digit| 10 * number + u32::from(digit - b'0')) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_number_is_read_exactly() {
        let numbers = [
            ("9999999", 9_999_999.0),
            ("09", 9.0),
            ("0000001", 1.0),
            (" 1 ", 1.0),
            ("\t-2.5", -2.5),
            ("+3e-3", 0.003),
            ("4.", 4.0),
            (".003", 0.003),
            ("\" 0.003\" ", 0.003),
            ("1e39", f32::INFINITY),
            // The nearest f32, not the nearest f64 rounded once more.
            ("1.00000017881393432617187499", 1.000_000_1),
        ];
        for (field, expected) in numbers {
            assert_eq!(number(field.as_bytes()), Some(expected), "{field:?}");
        }
        for field in ["", " ", "a", "\"", "\"4", "4\"", "3;4", "1 000", "0x10", "1,5"] {
            assert_eq!(number(field.as_bytes()), None, "{field:?}");
        }
        assert_eq!(number(b"\xff4"), None);
    }
}
