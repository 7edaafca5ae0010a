use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::thread;

use tokio::sync::oneshot;

use crate::error::CliError;

/// Asks a person, who says no by saying nothing. Without a terminal nothing is guessed.
pub(crate) async fn confirm(question: &str, yes: bool) -> Result<(), CliError> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(CliError::NobodyToAsk);
    }
    eprint!("{question} [y/N] ");
    io::stderr().flush()?;
    // a thread that nobody waits for: the question does not outlive Ctrl-C, which a read would sit out
    let (tell, told) = oneshot::channel();
    thread::spawn(move || {
        let mut answer = String::new();
        let read = io::stdin().lock().read_line(&mut answer);
        let _ = tell.send(read.map(|_| answer));
    });
    let answer = told.await.map_err(io::Error::other)??;
    if matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
        Ok(())
    } else {
        Err(CliError::Declined)
    }
}
