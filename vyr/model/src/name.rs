/// Tells whether a text is the name of a state or of a binding: 1 to 128 of `a-z A-Z 0-9 . _ -`.
pub fn is_name(text: &str) -> bool {
    let fits = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    (1..=128).contains(&text.len()) && fits
}
