use std::process::ExitStatus;

use vyr_model::{Failure, LimitKind, Terminal};

use super::{pump::Stop, words};

/// What is known of a container when it is gone.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    /// Why it was ended, if it was.
    pub(crate) stop: Option<Stop>,
    /// How the runtime's process, which repeats the program's exit code, ended; `None` when it never began.
    pub(crate) exit: Option<ExitCode>,
    /// Whether the program ever started.
    pub(crate) started: bool,
    /// Whether the kernel killed a process of it for want of memory.
    pub(crate) out_of_memory: bool,
    /// Whether `/out` holds more than it may.
    pub(crate) too_much_output: bool,
    /// The runtime's own error.
    pub(crate) runtime_error: Option<String>,
}

/// An exit code, or none where a signal ended the runtime itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ExitCode(pub(crate) Option<i32>);

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self(status.code())
    }
}

/// Decides how the task ends.
pub(crate) fn decide(evidence: Evidence) -> Terminal {
    match evidence.stop {
        Some(Stop::Cancelled) => return Terminal::Cancelled,
        Some(Stop::Limit(kind)) => return limit(kind),
        Some(Stop::Broken(text)) => return Terminal::Failed(Failure::Internal(text)),
        None => {}
    }
    if evidence.too_much_output {
        return limit(LimitKind::Output);
    }
    let code = evidence.exit.and_then(|exit| exit.0);
    if evidence.started && code == Some(0) {
        return Terminal::Succeeded;
    }
    let too_little = |error: &String| error.contains("unable to set memory limit");
    if evidence.out_of_memory
        || (!evidence.started && evidence.runtime_error.as_ref().is_some_and(too_little))
    {
        return limit(LimitKind::Memory);
    }
    if !evidence.started {
        return Terminal::Failed(not_started(evidence.runtime_error));
    }
    match code {
        Some(words::CPU_TIME) => limit(LimitKind::CpuTime),
        Some(words::FILE_SIZE) => limit(LimitKind::Output),
        Some(code) => Terminal::Failed(words::killed_by(code).map_or(Failure::Exit(code), Failure::Trap)),
        None => Terminal::Failed(Failure::Internal("the container's runtime was killed".into())),
    }
}

const fn limit(kind: LimitKind) -> Terminal {
    Terminal::Failed(Failure::Limit(kind))
}

/// An image whose program cannot be started is like a module that does not link.
fn not_started(error: Option<String>) -> Failure {
    let error = error.unwrap_or_else(|| "the container's runtime failed without a word".into());
    if words::are_about(&error, &["exec: ", "chdir to cwd", "exec user process"]) {
        Failure::Link(format!("the image's program cannot be started: {error}"))
    } else {
        Failure::Internal(format!("the container could not be started: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exited(code: i32) -> Evidence {
        Evidence { exit: Some(ExitCode(Some(code))), started: true, ..Evidence::default() }
    }

    #[test]
    fn exit_codes_and_signals_are_told_apart() {
        assert_eq!(decide(exited(0)), Terminal::Succeeded);
        assert_eq!(decide(exited(7)), Terminal::Failed(Failure::Exit(7)));
        assert_eq!(decide(exited(255)), Terminal::Failed(Failure::Exit(255)));
        assert_eq!(decide(exited(139)), Terminal::Failed(Failure::Trap("killed by SIGSEGV".into())));
        assert_eq!(decide(exited(152)), limit(LimitKind::CpuTime));
    }

    #[test]
    fn the_first_reason_to_stop_wins() {
        let stopped = |stop| decide(Evidence { stop: Some(stop), out_of_memory: true, ..exited(137) });
        assert_eq!(stopped(Stop::Cancelled), Terminal::Cancelled);
        assert_eq!(stopped(Stop::Limit(LimitKind::WallTime)), limit(LimitKind::WallTime));
        assert_eq!(stopped(Stop::Broken("b".into())), Terminal::Failed(Failure::Internal("b".into())));
    }

    #[test]
    fn want_of_memory_is_a_limit_unless_the_program_coped() {
        assert_eq!(decide(Evidence { out_of_memory: true, ..exited(137) }), limit(LimitKind::Memory));
        assert_eq!(decide(Evidence { out_of_memory: true, ..exited(0) }), Terminal::Succeeded);
        let unstarted = Evidence { out_of_memory: true, started: false, ..exited(1) };
        assert_eq!(decide(unstarted), limit(LimitKind::Memory));
        let error = "unable to set memory limit to 262144 (current usage: 1789952, peak usage: 1998848)";
        let too_little = Evidence { runtime_error: Some(error.into()), started: false, ..exited(1) };
        assert_eq!(decide(too_little), limit(LimitKind::Memory));
        assert_eq!(decide(Evidence { too_much_output: true, ..exited(0) }), limit(LimitKind::Output));
    }

    #[test]
    fn a_program_that_cannot_start_is_the_images_fault() {
        let failed =
            |text: &str| decide(Evidence { runtime_error: Some(text.into()), started: false, ..exited(1) });
        let link = failed("exec: \"/nope\": stat /nope: no such file or directory");
        assert!(matches!(link, Terminal::Failed(Failure::Link(_))), "{link:?}");
        let own = failed("unable to apply cgroup configuration: no such file or directory");
        assert!(matches!(own, Terminal::Failed(Failure::Internal(_))), "{own:?}");
    }
}
