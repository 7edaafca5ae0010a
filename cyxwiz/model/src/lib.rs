//! The market's rules, pure: no clock, no I/O, no lock. Servers, nodes and clients decide by them.
//!
//! ```text
//! JobSpec ─► matching (offers) ─► job (lifecycle) ─► meter ─► charge ─► verdict (who pays) ─► split (escrow policy)
//!                                   ▲
//!            attempt (fencing, liveness, retry)
//! ```

mod attempt;
mod availability;
mod avoid;
mod benchmark;
mod budget;
mod ending;
mod gpu;
mod id;
mod job;
mod matching;
mod meter;
mod moment;
mod money;
mod offer;
mod path;
mod price;
mod quota;
pub mod rerun;
mod spec;
mod stop;
mod trace;
mod verdict;

pub use attempt::{
    BEAT_EVERY, CHECKPOINT_EVERY, Current, DEFAULT_ATTEMPTS, LOST_AFTER, Liveness, MAX_ATTEMPTS,
    SUSPECT_AFTER, Stale, may_report,
};
pub use availability::{Availability, AvailabilityError, WeekHours};
pub use avoid::{Declined, avoided_until};
pub use benchmark::{MAX_BENCHMARK_THREADS, benchmark, benchmark_chain, benchmark_output, benchmark_threads};
pub use budget::{BudgetStep, budget_step};
pub use cyxwiz_escrow_policy::{Amount, BasisPoints, Epoch, Split};
pub use ending::{Class, Reason, UnknownReason};
pub use gpu::{GpuFigures, GpuLie, check_gpu};
pub use id::{AccountId, AttemptId, FileId, JobId, NodeId, SessionId, UploadId};
pub use job::{Event, JobState, NotAllowed, UnknownState, step, transition_allowed};
pub use matching::{Ask, Lack, Placement, lacks, nearest, place};
pub use meter::{Meter, charge};
pub use moment::{Moment, Span};
pub use money::{Coin, Money, MoneyError};
pub use offer::{Capacity, GpuType, GpuTypeError, Offer};
pub use path::{FilePath, FilePathError, MAX_FILES};
pub use price::{HourlyPrice, HourlyRate, PriceError, RATE_MAX_AGE, SolRate};
pub use quota::{DEFAULT_REFUNDED_COMPUTE, QuotaUsedUp, refunded_compute};
pub use spec::{
    DataUrl, JobSpec, Requirements, Script, SpecError, Wanted, Wasm, Workload, expire_at, latest_start,
};
pub use stop::final_reason;
pub use trace::{SpanId, TraceId, attempt_span, job_span, part_span};
pub use verdict::{Outputs, Verdict, verdict};
