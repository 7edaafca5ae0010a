use std::ops::Range;

/// What a `Range` header asks of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The whole: no range, one of another unit, several at once, or nonsense (RFC 9110 lets us).
    Whole,
    /// These bytes.
    Bytes(Range<u64>),
    /// Bytes that are not there.
    Outside,
}

/// Reads a `Range` header.
pub(super) fn asked(header: Option<&str>, size: u64) -> Asked {
    let Some((first, last)) = header.and_then(|text| text.strip_prefix("bytes=")?.split_once('-')) else {
        return Asked::Whole;
    };
    match (first.trim(), last.trim()) {
        ("", suffix) => match suffix.parse::<u64>() {
            Ok(0) => Asked::Outside,
            Ok(suffix) if size > 0 => Asked::Bytes(size.saturating_sub(suffix)..size),
            Ok(_) => Asked::Outside,
            Err(_) => Asked::Whole,
        },
        (first, last) => {
            let Ok(first) = first.parse::<u64>() else { return Asked::Whole };
            let last = match last {
                "" => u64::MAX,
                last => match last.parse::<u64>() {
                    Ok(last) if last >= first => last,
                    _ => return Asked::Whole,
                },
            };
            if first >= size { Asked::Outside } else { Asked::Bytes(first..last.saturating_add(1).min(size)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_as_http_has_them() {
        for (header, expected) in [
            (None, Asked::Whole),
            (Some("bytes=0-0"), Asked::Bytes(0..1)),
            (Some("bytes=2-"), Asked::Bytes(2..10)),
            (Some("bytes=-3"), Asked::Bytes(7..10)),
            (Some("bytes=-30"), Asked::Bytes(0..10)),
            (Some("bytes=8-99"), Asked::Bytes(8..10)),
            (Some("bytes=10-"), Asked::Outside),
            (Some("bytes=-0"), Asked::Outside),
            (Some("bytes=5-2"), Asked::Whole),
            (Some("bytes=0-1,3-4"), Asked::Whole),
            (Some("lines=1-2"), Asked::Whole),
            (Some("bytes=0-18446744073709551615"), Asked::Bytes(0..10)),
        ] {
            assert_eq!(asked(header, 10), expected, "{header:?}");
        }
        assert_eq!(asked(Some("bytes=0-"), 0), Asked::Outside);
    }
}
