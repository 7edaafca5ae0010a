//! What people see: talk on stderr that never fails, and the words of others made harmless.

use std::{borrow::Cow, fmt::Display, io::Write as _};

/// Says a line on stderr. That nobody hears it is no reason to end otherwise.
pub(crate) fn say(text: impl Display) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// Shows text that a guest or a node chose on one line, with nothing in it that moves a terminal.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if !text.contains(moves) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if moves(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown.into()
}

/// Likewise on several lines, those after the first behind `indent`: none can pass for one of ours.
pub(crate) fn clean_lines(text: &str, indent: &str) -> String {
    let lines: Vec<_> = text.trim_end().split('\n').map(|line| clean(line.trim_end_matches('\r'))).collect();
    lines.join(&format!("\n{indent}"))
}

/// Tells characters that are not shown but change what is shown: controls, and what turns the direction of text.
fn moves(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_moves_the_terminal() {
        assert_eq!(clean("plain – ü ☃"), "plain – ü ☃");
        assert_eq!(clean("a\u{1b}[31m\nb\tc\u{9b}d\u{202e}e\r"), "a\\u{1b}[31m\\nb\\tc\\u{9b}d\\u{202e}e\\r");
        assert_eq!(clean_lines("one\r\ntwo\u{7}\n", "  "), "one\n  two\\u{7}");
    }
}
