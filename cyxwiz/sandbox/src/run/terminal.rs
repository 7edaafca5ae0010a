use vyr_model::{Failure, LimitKind, Terminal};
use vyr_runtime::oci::words;

use super::stop::Stop;

/// What is known of a container when it is gone.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// Why it was ended, if it was.
    pub(super) stop: Option<Stop>,
    /// The program's exit code; `None` when it never began.
    pub(super) exit: Option<i64>,
    /// Whether the kernel killed a process of it for want of memory.
    pub(super) out_of_memory: bool,
    /// Whether the writable folders hold more than they may.
    pub(super) too_much_output: bool,
    /// Why the engine could not start it.
    pub(super) start_error: Option<String>,
}

/// Decides how the task ends.
pub(super) fn decide(evidence: Evidence) -> Terminal {
    match evidence.stop {
        Some(Stop::Cancelled) => return Terminal::Cancelled,
        Some(Stop::Limit(kind)) => return limit(kind),
        Some(Stop::Broken(text)) => return Terminal::Failed(Failure::Internal(text)),
        None => {}
    }
    if let Some(error) = evidence.start_error {
        return Terminal::Failed(not_started(error));
    }
    if evidence.too_much_output {
        return limit(LimitKind::Output);
    }
    match evidence.exit.map(|code| i32::try_from(code).unwrap_or(i32::MAX)) {
        // a program that coped with a child's end has succeeded
        Some(0) => Terminal::Succeeded,
        Some(_) if evidence.out_of_memory => limit(LimitKind::Memory),
        Some(words::FILE_SIZE) => limit(LimitKind::Output),
        Some(code) => Terminal::Failed(words::killed_by(code).map_or(Failure::Exit(code), Failure::Trap)),
        None => Terminal::Failed(Failure::Internal("the container ended without a word".to_owned())),
    }
}

const fn limit(kind: LimitKind) -> Terminal {
    Terminal::Failed(Failure::Limit(kind))
}

/// A program that the image has not is the job's fault; anything else the node's.
fn not_started(error: String) -> Failure {
    if words::are_about(&error, &["exec: ", "exec user process"]) {
        Failure::Link(format!("the job's program cannot be started: {error}"))
    } else {
        Failure::Internal(format!("the container could not be started: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exited(code: i64) -> Evidence {
        Evidence { exit: Some(code), ..Evidence::default() }
    }

    #[test]
    fn only_the_kernels_word_tells_want_of_memory_from_a_kill() {
        assert_eq!(decide(exited(0)), Terminal::Succeeded);
        assert_eq!(decide(exited(1)), Terminal::Failed(Failure::Exit(1)));
        assert_eq!(decide(exited(137)), Terminal::Failed(Failure::Trap("killed by SIGKILL".into())));
        assert_eq!(decide(Evidence { out_of_memory: true, ..exited(137) }), limit(LimitKind::Memory));
        assert_eq!(decide(Evidence { out_of_memory: true, ..exited(1) }), limit(LimitKind::Memory));
        assert_eq!(decide(Evidence { out_of_memory: true, ..exited(0) }), Terminal::Succeeded);
    }

    #[test]
    fn the_reason_to_stop_goes_before_the_exit() {
        let stopped = |stop| decide(Evidence { stop: Some(stop), out_of_memory: true, ..exited(137) });
        assert_eq!(stopped(Stop::Cancelled), Terminal::Cancelled);
        assert_eq!(stopped(Stop::Limit(LimitKind::WallTime)), limit(LimitKind::WallTime));
        assert_eq!(stopped(Stop::Broken("b".into())), Terminal::Failed(Failure::Internal("b".into())));
        assert_eq!(decide(Evidence { too_much_output: true, ..exited(0) }), limit(LimitKind::Output));
        assert_eq!(decide(exited(153)), limit(LimitKind::Output));
    }

    #[test]
    fn a_program_that_is_not_there_is_the_jobs_fault() {
        let failed = |text: &str| decide(Evidence { start_error: Some(text.into()), ..Evidence::default() });
        let link = failed("runc create failed: exec: \"nope\": executable file not found in $PATH: unknown");
        assert!(matches!(link, Terminal::Failed(Failure::Link(_))), "{link:?}");
        let own = failed("failed to create shim: no such file or directory");
        assert!(matches!(own, Terminal::Failed(Failure::Internal(_))), "{own:?}");
    }
}
