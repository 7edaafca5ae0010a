use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use e2e::market::Server;

/// A server's own PostgreSQL, asked by `psql`.
pub(super) struct Database {
    socket: PathBuf,
}

impl Database {
    pub(super) fn of(server: &Server) -> Self {
        Self { socket: server.data().join("postgres/socket") }
    }

    /// Runs statements; gives the rows that they tell, a field an entry.
    pub(super) fn ask(&self, sql: &str) -> Result<Vec<Vec<String>>> {
        let output = Command::new("psql")
            .arg("-h")
            .arg(&self.socket)
            .args(["-U", "cyxwiz", "-d", "cyxwiz", "-XqAt", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-c", sql])
            .stdin(Stdio::null())
            .output()
            .context("cannot start `psql`")?;
        if !output.status.success() {
            bail!("the database refuses: {}", String::from_utf8_lossy(&output.stderr));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect())
    }

    /// Runs statements; gives the one number that they tell.
    pub(super) fn number(&self, sql: &str) -> Result<i64> {
        let rows = self.ask(sql)?;
        let field = rows.first().and_then(|row| row.first()).context("the database tells no number")?;
        field.parse().with_context(|| format!("`{field}` is no number"))
    }
}
