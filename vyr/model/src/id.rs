use std::fmt;

/// The text is no id of the expected kind.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{text}` is not a {kind} id: write `{prefix}` and 32 lowercase hex digits")]
pub struct IdParseError {
    text: String,
    kind: &'static str,
    prefix: &'static str,
}

impl IdParseError {
    /// Says that `text` is no id of this kind.
    #[doc(hidden)]
    pub fn new(text: &str, kind: &'static str, prefix: &'static str) -> Self {
        Self { text: text.chars().take(80).collect(), kind, prefix }
    }
}

#[doc(hidden)]
pub use uuid::Uuid as IdUuid;

/// Makes an id type: a prefix and the 32 hex digits of a time-ordered UUID.
#[macro_export]
macro_rules! prefixed_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name($crate::IdUuid);

        impl $name {
            /// Makes a new id: time-ordered (UUID version 7), so ids sort by age.
            pub fn generate() -> Self {
                Self($crate::IdUuid::now_v7())
            }

            /// Wraps the 16 raw bytes of an id.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self($crate::IdUuid::from_bytes(bytes))
            }

            /// Returns the 16 raw bytes.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0.as_simple())
            }
        }

        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(self, f)
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::IdParseError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.strip_prefix($prefix)
                    .filter(|hex| hex.len() == 32 && !hex.bytes().any(|b| b.is_ascii_uppercase()))
                    .and_then(|hex| $crate::IdUuid::try_parse(hex).ok())
                    .map(Self)
                    .ok_or_else(|| $crate::IdParseError::new(text, $kind, $prefix))
            }
        }
    };
}

prefixed_id!(
    /// Names one submitted task: `tsk_` and 32 hex digits.
    TaskId, "task", "tsk_"
);
prefixed_id!(
    /// Names one ephemeral state: `st_` and 32 hex digits.
    StateId, "state", "st_"
);

/// A W3C trace id: 16 bytes, not all zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(pub [u8; 16]);

/// A W3C span id: 8 bytes, not all zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId(pub [u8; 8]);

macro_rules! hex_text {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

hex_text!(TraceId);
hex_text!(SpanId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_and_keeps_kinds_apart() {
        let id = TaskId::generate();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(id.to_string().parse::<StateId>().is_err());
        assert!(id.to_string().to_uppercase().parse::<TaskId>().is_err());
    }

    #[test]
    fn later_ids_sort_later() {
        let first = TaskId::generate();
        assert!(first < TaskId::generate());
    }
}
