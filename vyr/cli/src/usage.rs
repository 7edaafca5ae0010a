//! The command line: read once, refused in the form that was asked for.

use std::{env, ffi::OsString, io, process::ExitCode};

use clap::{
    ArgMatches, Command, CommandFactory as _, Error, FromArgMatches as _, builder::Resettable,
    error::ErrorKind,
};

use crate::{args::Cli, terminal::say};

/// Parses the command line; what is wrong with it, or the help that it asks for, is printed.
pub(crate) fn parse() -> Result<Cli, ExitCode> {
    let mut command = without_empty_variables(Cli::command());
    let parsed = command.try_get_matches_from_mut(env::args_os());
    let parsed = parsed.and_then(|mut matches: ArgMatches| Cli::from_arg_matches_mut(&mut matches));
    parsed.map_err(|error| report(&error.format(&mut command)))
}

/// A variable that is set to nothing counts as unset.
fn without_empty_variables(command: Command) -> Command {
    let is_empty =
        |arg: &clap::Arg| arg.get_env().and_then(env::var_os).is_some_and(|value| value.is_empty());
    command
        .mut_args(|arg| if is_empty(&arg) { arg.env(Resettable::Reset) } else { arg })
        .mut_subcommands(without_empty_variables)
}

fn report(error: &Error) -> ExitCode {
    if error.use_stderr() {
        if wants_json(env::args_os()) {
            say(as_json(error));
        } else {
            let _ = error.print();
        }
        return ExitCode::from(2);
    }
    // help, or the version
    match error.print() {
        Err(problem) if problem.kind() != io::ErrorKind::BrokenPipe => {
            say(format_args!("error: failed to write to stdout\n  because {problem}"));
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Makes of clap's text what every other error is: what is wrong, and the mend.
fn as_json(error: &Error) -> serde_json::Value {
    let text = if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        "error: a verb is missing\n\nsee --help".to_owned()
    } else {
        error.render().to_string()
    };
    let (what, rest) = text.split_once("\n\n").unwrap_or((&text, ""));
    let joined = |text: &str| {
        text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
    };
    serde_json::json!({
        "error": joined(what.strip_prefix("error: ").unwrap_or(what)), "reason": null, "subject": null,
        "mend": joined(rest), "retryAfterMs": null, "causes": [],
    })
}

/// Tells whether `-o json` was typed, in a line that could not be parsed.
fn wants_json(args: impl Iterator<Item = OsString>) -> bool {
    let mut before = OsString::new();
    for arg in args {
        if arg == "--" {
            return false;
        }
        let one = ["-ojson", "-o=json", "--output=json"].iter().any(|form| arg == *form);
        if one || (arg == "json" && (before == "-o" || before == "--output")) {
            return true;
        }
        before = arg;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_found_in_every_form() {
        let wants = |line: &str| wants_json(line.split(' ').map(OsString::from));
        for line in ["vyr -o json x", "vyr x -ojson", "vyr x --output json", "vyr --output=json x"] {
            assert!(wants(line), "{line}");
        }
        for line in ["vyr x", "vyr -o text json", "vyr run x -- -o json"] {
            assert!(!wants(line), "{line}");
        }
    }
}
