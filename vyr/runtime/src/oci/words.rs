//! What exit codes and errors of containers' runtimes mean. Pure, and shared by whoever runs containers by whatever engine.

/// Runtimes and shells report a program that signal N ended as code 128 + N.
const SIGNALS: i32 = 128;
/// SIGXCPU: the program's time on the processor was up.
pub const CPU_TIME: i32 = SIGNALS + 24;
/// SIGXFSZ: a file grew past the program's limit.
pub const FILE_SIZE: i32 = SIGNALS + 25;

/// The kernel's words where it does not start a program.
const FAULTS: [&str; 6] = [
    "executable file not found",
    "no such file or directory",
    "permission denied",
    "exec format error",
    "not a directory",
    "is a directory",
];

/// Tells whether an error says that something does not start or is not there, of one of `places`: the kernel's words come
/// from many, and only those about the program are the program's fault.
#[must_use]
pub fn are_about(error: &str, places: &[&str]) -> bool {
    let said = error.to_lowercase();
    places.iter().any(|place| said.contains(place)) && FAULTS.iter().any(|fault| said.contains(fault))
}

/// Returns which signal ended a program, by its exit code, where it is one that does.
#[must_use]
pub fn killed_by(code: i32) -> Option<String> {
    let name = match code.checked_sub(SIGNALS)? {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        31 => "SIGSYS",
        _ => return None,
    };
    Some(format!("killed by {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_above_128_are_signals() {
        assert_eq!(killed_by(137).as_deref(), Some("killed by SIGKILL"));
        for code in [0, 1, 9, 128, 255, i32::MIN] {
            assert_eq!(killed_by(code), None, "{code}");
        }
    }

    #[test]
    fn only_words_about_the_program_count() {
        let error = "runc create failed: exec: \"nope\": Executable file not found in $PATH";
        assert!(are_about(error, &["exec: "]));
        assert!(!are_about(error, &["chdir to cwd"]));
        assert!(!are_about("failed to create shim: no such file or directory", &["exec: "]));
    }
}
