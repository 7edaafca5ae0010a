//! How a run ended, in the market's words, by what VYR says of its task. Pure.

use cyxwiz_model::{Class, Reason};
use cyxwiz_proto::v1;
use vyr_sdk::control::{FailureKind, LimitKind, TaskState, TaskStatus};

/// Why the agent ended a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The server said so: cancelled, timeout or budget.
    Ordered(Reason),
    /// It ran for as long as it may.
    TimeUp,
    /// It wrote more than it may.
    Disk,
    /// The agent stops.
    Shutdown,
    /// The attempt is no longer this node's: nothing is reported.
    Fenced,
}

/// How a run ended, from the node's view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) reason: Reason,
    pub(crate) exit_code: Option<i32>,
    pub(crate) message: String,
}

/// What was allowed, for the sentences.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowed {
    pub(crate) memory_mib: u64,
    pub(crate) seconds: u64,
}

impl Ended {
    pub(crate) fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, exit_code: None, message: message.into() }
    }

    /// The node's own fault.
    pub(crate) fn node(message: impl Into<String>) -> Self {
        Self::new(Reason::NodeError, message)
    }

    /// By an order, before or while the script ran.
    pub(crate) fn by(cause: Cause, allowed: Allowed) -> Self {
        match cause {
            Cause::Ordered(Reason::Budget) => Self::new(Reason::Budget, "the money set aside was used up"),
            Cause::Ordered(Reason::Timeout) | Cause::TimeUp => {
                let message =
                    format!("it ran for the {} s that it may: ask for more with `timeout`", allowed.seconds);
                Self::new(Reason::Timeout, message)
            }
            Cause::Ordered(reason) => Self::new(reason, "its buyer cancelled it"),
            Cause::Disk => {
                Self::new(Reason::Disk, "it wrote more than it may: ask for more disk, or write less")
            }
            Cause::Shutdown | Cause::Fenced => Self::node("the node was stopped"),
        }
    }

    /// Whether outputs are to be uploaded: everything was well, or it was stopped in its middle.
    pub(crate) const fn delivers(&self) -> bool {
        matches!(self.reason, Reason::Succeeded | Reason::Timeout | Reason::Budget | Reason::Cancelled)
    }

    /// Whether the newest checkpoint is worth more than what was uploaded: somebody may go on from it.
    pub(crate) const fn keeps_checkpoint(&self) -> bool {
        matches!(self.reason, Reason::NodeError | Reason::Timeout | Reason::Budget | Reason::Cancelled)
    }

    pub(crate) fn to_wire(&self) -> v1::Ending {
        let class = match self.reason.class() {
            None => v1::FailureClass::Unspecified,
            Some(Class::User) => v1::FailureClass::User,
            Some(Class::Node) => v1::FailureClass::Node,
            Some(Class::Platform) => v1::FailureClass::Platform,
        };
        v1::Ending {
            reason: self.reason.word().to_owned(),
            failure_class: class.into(),
            exit_code: self.exit_code,
            message: self.message.clone(),
            ..Default::default()
        }
    }

    /// As it was kept; an ending that cannot be read is the node's fault.
    pub(crate) fn of_wire(wire: v1::Ending) -> Self {
        let reason = wire.reason.parse().unwrap_or(Reason::NodeError);
        Self { reason, exit_code: wire.exit_code, message: wire.message }
    }
}

/// Decides how a run ended. A script that came to its own good end before an order reached it succeeded.
pub(crate) fn of_task(status: &TaskStatus, cause: Option<Cause>, allowed: Allowed) -> Ended {
    let state = status.state.as_known().unwrap_or(TaskState::Unspecified);
    match (state, cause) {
        (TaskState::Succeeded, None | Some(Cause::Ordered(_) | Cause::TimeUp | Cause::Shutdown)) => {
            Ended { exit_code: Some(0), ..Ended::new(Reason::Succeeded, "") }
        }
        (_, Some(cause)) => Ended::by(cause, allowed),
        (TaskState::Failed, None) => of_failure(status, allowed),
        (TaskState::Cancelled, None) => Ended::node("the task was cancelled on the node itself"),
        (TaskState::Lost, None) => Ended::node("the agent was restarted while the job ran"),
        _ => Ended::node("the task has no end"),
    }
}

fn of_failure(status: &TaskStatus, allowed: Allowed) -> Ended {
    let said = status.message.trim();
    match status.failure.as_known().unwrap_or(FailureKind::Unspecified) {
        FailureKind::Exit => {
            let message = format!("it exited with code {}: its last lines say why", status.exit_code);
            Ended { exit_code: Some(status.exit_code), ..Ended::new(Reason::Exit, message) }
        }
        FailureKind::Trap => {
            Ended::new(Reason::Signal, format!("it was ended by a fault of its own: {said}"))
        }
        FailureKind::Link => {
            Ended::new(Reason::Requirements, format!("it cannot be started as it is: {said}"))
        }
        FailureKind::Limit => of_limit(status.limit.as_known().unwrap_or(LimitKind::Unspecified), allowed),
        _ => Ended::node(format!("the node could not run it: {said}")),
    }
}

fn of_limit(limit: LimitKind, allowed: Allowed) -> Ended {
    match limit {
        LimitKind::Memory => {
            let message = format!(
                "it took more than the {} MiB of memory that it asked for: ask for more",
                allowed.memory_mib
            );
            Ended::new(Reason::OutOfMemory, message)
        }
        LimitKind::WallTime | LimitKind::CpuTime | LimitKind::Fuel => Ended::by(Cause::TimeUp, allowed),
        LimitKind::Stdout | LimitKind::Stderr => Ended::new(
            Reason::Disk,
            "it wrote far more than its log may hold: write less to stdout and stderr",
        ),
        LimitKind::Output => Ended::by(Cause::Disk, allowed),
        LimitKind::Handles | LimitKind::HostCallBytes => {
            let message = "it opened too many files at once, or moved too much in one call";
            Ended::new(Reason::OutOfMemory, message)
        }
        _ => Ended::node("the node ended it by a limit of its own"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWED: Allowed = Allowed { memory_mib: 512, seconds: 60 };

    fn task(state: TaskState, failure: FailureKind, limit: LimitKind, exit_code: i32) -> TaskStatus {
        TaskStatus {
            state: state.into(),
            failure: failure.into(),
            limit: limit.into(),
            exit_code,
            message: "why".to_owned(),
            ..Default::default()
        }
    }

    #[test]
    fn each_end_has_its_word() {
        use FailureKind as F;
        use LimitKind as L;
        use TaskState as S;
        let ended = |state, failure, limit, code| {
            let ended = of_task(&task(state, failure, limit, code), None, ALLOWED);
            (ended.reason, ended.exit_code)
        };
        assert_eq!(ended(S::Succeeded, F::Unspecified, L::Unspecified, 0), (Reason::Succeeded, Some(0)));
        assert_eq!(ended(S::Failed, F::Exit, L::Unspecified, 3), (Reason::Exit, Some(3)));
        assert_eq!(ended(S::Failed, F::Trap, L::Unspecified, 0), (Reason::Signal, None));
        assert_eq!(ended(S::Failed, F::Link, L::Unspecified, 0), (Reason::Requirements, None));
        assert_eq!(ended(S::Failed, F::Limit, L::Memory, 0), (Reason::OutOfMemory, None));
        assert_eq!(ended(S::Failed, F::Limit, L::WallTime, 0), (Reason::Timeout, None));
        assert_eq!(ended(S::Failed, F::Limit, L::Output, 0), (Reason::Disk, None));
        assert_eq!(ended(S::Failed, F::Limit, L::Stderr, 0), (Reason::Disk, None));
        for failure in [F::Verify, F::StateLost, F::Internal, F::Grant, F::Unspecified] {
            assert_eq!(ended(S::Failed, failure, L::Unspecified, 0).0, Reason::NodeError, "{failure:?}");
        }
        for state in [S::Lost, S::Cancelled, S::Unspecified] {
            assert_eq!(ended(state, F::Unspecified, L::Unspecified, 0).0, Reason::NodeError, "{state:?}");
        }
    }

    #[test]
    fn an_order_explains_the_end_but_not_a_success() {
        let budget = Some(Cause::Ordered(Reason::Budget));
        let end = |state, cause| {
            of_task(&task(state, FailureKind::Exit, LimitKind::Unspecified, 1), cause, ALLOWED).reason
        };
        assert_eq!(end(TaskState::Cancelled, budget), Reason::Budget);
        assert_eq!(end(TaskState::Failed, budget), Reason::Budget);
        assert_eq!(end(TaskState::Succeeded, budget), Reason::Succeeded);
        assert_eq!(end(TaskState::Succeeded, Some(Cause::Disk)), Reason::Disk);
        assert_eq!(end(TaskState::Cancelled, Some(Cause::TimeUp)), Reason::Timeout);
        assert_eq!(end(TaskState::Cancelled, Some(Cause::Shutdown)), Reason::NodeError);
    }

    #[test]
    fn a_kept_ending_reads_back_and_only_by_node_words_are_said() {
        let ended = Ended { exit_code: Some(3), ..Ended::new(Reason::Exit, "x") };
        assert_eq!(Ended::of_wire(ended.to_wire()), ended);
        assert_eq!(Ended::of_wire(v1::Ending::default()).reason, Reason::NodeError);
        for cause in [Cause::Ordered(Reason::Cancelled), Cause::TimeUp, Cause::Disk, Cause::Shutdown] {
            assert!(Ended::by(cause, ALLOWED).reason.by_node());
        }
    }
}
