//! The daemon's own log: to stderr, filtered by the environment.

use tracing_subscriber::{filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// What is logged where nobody says: wasmtime-wasi notes each call of a guest at `info`.
const DEFAULT_FILTER: &str = "info,wasmtime_wasi=warn,wasmtime_wasi_http=warn";

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// A sentence and its fields, coloured on a terminal.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// The log could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is none.
    #[error("`{filter}` is not a log filter: write for example `info` or `info,vyr_node=debug`")]
    Filter {
        /// The text.
        filter: String,
        /// What is wrong with it.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// The filter asks for what only `EnvFilter` of the tracing libraries knows.
    #[error(
        "`{filter}` filters by span or field: name targets and levels alone, as in `info,vyr_node=debug`"
    )]
    NotByTarget {
        /// The text.
        filter: String,
    },
    /// A log was set up before.
    #[error("the log was set up already: do it once, in `main`")]
    Twice(#[source] tracing_subscriber::util::TryInitError),
}

/// Sends the process's log lines to stderr. `filter` (of a flag) wins over `VYR_LOG`, that over
/// `RUST_LOG`, where they are not empty; without any it is `info`, and `warn` for the calls of guests.
///
/// # Errors
/// [`LogError::Filter`] and [`LogError::NotByTarget`] where the filter does not parse, [`LogError::Twice`] on a
/// second call.
pub fn init(format: LogFormat, filter: Option<&str>) -> Result<(), LogError> {
    let set = |name| std::env::var(name).ok().filter(|filter| !filter.is_empty());
    let from_environment = || ["VYR_LOG", "RUST_LOG"].into_iter().find_map(set);
    let filter = filter.map(str::to_owned).or_else(from_environment).unwrap_or_else(|| DEFAULT_FILTER.into());
    let registry = tracing_subscriber::registry().with(parse(filter)?);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    match format {
        LogFormat::Human => registry.with(lines.with_target(false).with_ansi(is_terminal)).try_init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    }
    .map_err(LogError::Twice)
}

/// Reads levels and targets. Filters by span and field, which `EnvFilter` knows too, are refused: nothing
/// here opens spans, and their regular expressions are a megabyte of code.
fn parse(filter: String) -> Result<Targets, LogError> {
    if filter.contains(['[', '{']) {
        return Err(LogError::NotByTarget { filter });
    }
    filter.parse().map_err(|source| LogError::Filter { filter, source })
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::filter::LevelFilter;

    use super::*;

    #[test]
    fn guests_calls_are_not_logged_unless_asked_for() {
        let filter = parse(DEFAULT_FILTER.to_owned()).unwrap();
        let calls = "wasmtime_wasi::p2::bindings::cli::environment";
        for target in [calls, "wasmtime_wasi_http::p2::bindings"] {
            assert!(!filter.would_enable(target, &tracing::Level::INFO), "{target}");
            assert!(filter.would_enable(target, &tracing::Level::WARN), "{target}");
        }
        assert!(filter.would_enable("vyr_node::supervisor", &tracing::Level::INFO));
        assert!(!filter.would_enable("vyr_node::supervisor", &tracing::Level::DEBUG));
        let asked = parse("warn,wasmtime_wasi=info".to_owned()).unwrap();
        assert!(asked.would_enable(calls, &tracing::Level::INFO));
        assert!(!asked.would_enable("vyr_node", &tracing::Level::INFO));
    }

    #[test]
    fn takes_what_people_write() {
        for (text, level) in
            [("info", LevelFilter::INFO), ("OFF", LevelFilter::OFF), ("debug,h2=warn", LevelFilter::DEBUG)]
        {
            assert_eq!(parse(text.to_owned()).unwrap().default_level(), Some(level), "{text}");
        }
        assert!(matches!(parse("vyr_node=loud".to_owned()), Err(LogError::Filter { .. })));
        for text in ["vyr_node[accept]=debug", "[{task.id=7}]=trace"] {
            assert!(matches!(parse(text.to_owned()), Err(LogError::NotByTarget { .. })), "{text}");
        }
    }
}
