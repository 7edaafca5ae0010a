//! The market's rules.
