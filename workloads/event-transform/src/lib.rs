//! Enriches a stream of events: JSON lines in, JSON lines out, memory that does not grow with the input.
//!
//! ```text
//! stdin ─► lines ─► event (parse, validate) ─► lookup (cached) ─► stdout
//!                        │ rejected, by reason      └─ state bound as `lookup`
//!                        └─► window ─► /out/windows.jsonl      ─► /out/summary.json
//! ```

pub mod event;
pub mod lines;
pub mod lookup;
pub mod store;
pub mod transform;
pub mod window;
