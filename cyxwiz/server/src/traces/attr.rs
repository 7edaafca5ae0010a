//! Names of attributes: OpenTelemetry's semantic conventions first, own after.

/// The class of an error (semantic conventions, general).
pub(super) const ERROR_TYPE: &str = "error.type";
/// The script's exit code (semantic conventions, process).
pub(super) const EXIT_CODE: &str = "process.exit.code";
/// The call's protocol (semantic conventions, RPC).
pub(super) const RPC_SYSTEM: &str = "rpc.system";
/// The status of an answer (semantic conventions, HTTP).
pub(super) const HTTP_STATUS: &str = "http.response.status_code";
/// The job.
pub(super) const JOB: &str = "cyxwiz.job.id";
/// What it became.
pub(super) const JOB_STATE: &str = "cyxwiz.job.state";
/// How many of its attempts counted.
pub(super) const JOB_ATTEMPTS: &str = "cyxwiz.job.attempts";
/// The time that was metered, milliseconds.
pub(super) const METERED: &str = "cyxwiz.job.metered_ms";
/// What was charged, base units of the coin.
pub(super) const CHARGED: &str = "cyxwiz.job.charged";
/// What went back, base units of the coin.
pub(super) const REFUNDED: &str = "cyxwiz.job.refunded";
/// The coin.
pub(super) const COIN: &str = "cyxwiz.coin";
/// The attempt.
pub(super) const ATTEMPT: &str = "cyxwiz.attempt.id";
/// Its fencing epoch.
pub(super) const EPOCH: &str = "cyxwiz.attempt.epoch";
/// The VYR task that it was.
pub(super) const TASK: &str = "cyxwiz.attempt.task";
/// Who worked on it.
pub(super) const NODE: &str = "cyxwiz.node.id";
/// Why a run ended.
pub(super) const REASON: &str = "cyxwiz.ending.reason";
/// Whose fault that was: user, node, platform; absent for nobody's.
pub(super) const CLASS: &str = "cyxwiz.ending.class";
/// What a second run came to.
pub(super) const RECHECK: &str = "cyxwiz.recheck";
/// What a payment does: assign, `top_up`, settle, refund.
pub(super) const PAYMENT: &str = "cyxwiz.payment.kind";
/// What became of it: landed, moot.
pub(super) const PAYMENT_STATE: &str = "cyxwiz.payment.state";
/// How much, base units of the coin.
pub(super) const AMOUNT: &str = "cyxwiz.payment.amount";
/// The transaction's signature.
pub(super) const SIGNATURE: &str = "cyxwiz.payment.signature";
/// How often a server took it on.
pub(super) const TRIES: &str = "cyxwiz.payment.tries";
