/// A field as an error quotes it.
pub(crate) fn excerpt(field: &[u8]) -> String {
    const MOST: usize = 24;
    // A character has at most four bytes.
    let start = &field.trim_ascii()[..field.trim_ascii().len().min(4 * (MOST + 1))];
    let text = String::from_utf8_lossy(start);
    match text.char_indices().nth(MOST) {
        None => text.into_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_is_cut_between_characters() {
        assert_eq!(excerpt(b" a b "), "a b");
        assert_eq!(excerpt(b"\xff4"), "\u{fffd}4");
        for letter in ["x", "ä", "🌹"] {
            assert_eq!(excerpt(letter.repeat(24).as_bytes()), letter.repeat(24));
            assert_eq!(excerpt(letter.repeat(1000).as_bytes()), letter.repeat(24) + "…");
        }
    }
}
