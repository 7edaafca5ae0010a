use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use cyxwiz_model::Moment;
use sqlx::postgres::PgConnectOptions;
use tokio::process::Command;

use super::{ABOUT, About, Backup, DUMP, OBJECTS};
use crate::db::unsigned;
use crate::postgres::Binaries;
use crate::{Config, Db, ServerError};

/// Makes a backup in `folder`, whole or not at all.
///
/// # Errors
/// The database, `pg_dump` or the folder failed.
pub async fn make(
    config: &Config,
    options: &PgConnectOptions,
    db: &Db,
    now: Moment,
) -> Result<Backup, ServerError> {
    let parent = &config.storage.backup.folder;
    let at = jiff::Timestamp::from_millisecond(now.0).unwrap_or_default();
    let name = at.strftime("%Y-%m-%dT%H-%M-%SZ").to_string();
    let (folder, fresh) = (parent.join(&name), parent.join(format!("{name}.new")));
    let _ = fs::remove_dir_all(&fresh);
    fs::create_dir_all(&fresh).map_err(ServerError::path(&fresh))?;
    let dump = fresh.join(DUMP);
    let file = fs::File::create(&dump).map_err(ServerError::path(&dump))?;
    let mut command = client(config, options, "pg_dump")?;
    command.args(["--format=custom", "--no-owner", "--no-privileges"]).stdout(Stdio::from(file));
    run(command, "pg_dump").await?;
    let objects = list_objects(db, &fresh.join(OBJECTS)).await?;
    let bytes = fs::metadata(&dump).map_err(ServerError::path(&dump))?.len();
    let about = About { at: now, version: env!("CARGO_PKG_VERSION").to_owned(), bytes, objects };
    let text = serde_json::to_vec_pretty(&about).map_err(|error| ServerError::Said(error.to_string()))?;
    write(&fresh.join(ABOUT), &text)?;
    fs::rename(&fresh, &folder).map_err(ServerError::path(&folder))?;
    Ok(Backup { name, about, folder })
}

/// A client program that knows how to reach the database. A password goes by the environment, where no list of
/// processes shows it.
pub(super) fn client(
    config: &Config,
    options: &PgConnectOptions,
    name: &str,
) -> Result<Command, ServerError> {
    let cluster = config.storage.data.join("postgres/cluster");
    let version = match &config.storage.database_url {
        None => crate::postgres::major_of(&cluster),
        Some(_) => None,
    };
    let mut command = Command::new(Binaries::find(version.as_deref())?.program(name));
    let host = options.get_socket().map_or_else(|| PathBuf::from(options.get_host()), Clone::clone);
    command.arg("--host").arg(host).arg("--port").arg(options.get_port().to_string());
    command.arg("--username").arg(options.get_username()).arg("--no-password");
    command.arg("--dbname").arg(options.get_database().unwrap_or(options.get_username()));
    if let Some(url) = config.storage.database_url.as_deref() {
        if let Some(password) = password(url) {
            command.env("PGPASSWORD", password);
        }
        command.envs(encryption(url));
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    Ok(command)
}

/// Runs it to its end.
pub(super) async fn run(mut command: Command, name: &str) -> Result<(), ServerError> {
    let child = command.spawn().map_err(ServerError::path(name))?;
    let output = child.wait_with_output().await.map_err(ServerError::path(name))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(ServerError::Said(format!("{name} failed: {}", said.trim())))
}

/// The password of a URL, its percent signs resolved.
fn password(url: &str) -> Option<String> {
    let (credentials, _) = url.split_once("://")?.1.rsplit_once('@')?;
    let (_, password) = credentials.split_once(':')?;
    decoded(password)
}

/// How a URL wants its connections to be encrypted, as libpq hears of it. Without an authority of its own it trusts
/// those of the system, as the server's own connections trust the public ones.
fn encryption(url: &str) -> Vec<(&'static str, String)> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let mut found: Vec<(&'static str, String)> = query
        .split('&')
        .filter_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            let variable = match name {
                "sslmode" | "ssl-mode" => "PGSSLMODE",
                "sslrootcert" | "ssl-root-cert" | "ssl-ca" => "PGSSLROOTCERT",
                "sslcert" | "ssl-cert" => "PGSSLCERT",
                "sslkey" | "ssl-key" => "PGSSLKEY",
                _ => return None,
            };
            Some((variable, decoded(value)?))
        })
        .collect();
    let verified = found.iter().any(|(name, value)| *name == "PGSSLMODE" && value.starts_with("verify-"));
    if verified && !found.iter().any(|(name, _)| *name == "PGSSLROOTCERT") {
        found.push(("PGSSLROOTCERT", "system".to_owned()));
    }
    found
}

/// Percent signs resolved.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| *first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

async fn list_objects(db: &Db, path: &Path) -> Result<u64, ServerError> {
    let rows: Vec<(String, i64)> =
        sqlx::query_as("SELECT object, size FROM file_parts ORDER BY object").fetch_all(db.pool()).await?;
    let mut lines = Vec::new();
    for (object, size) in &rows {
        let line = serde_json::json!({ "object": object, "bytes": unsigned("a part", *size)? });
        lines.extend_from_slice(line.to_string().as_bytes());
        lines.push(b'\n');
    }
    write(path, &lines)?;
    Ok(rows.len() as u64)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), ServerError> {
    let mut file = fs::File::create(path).map_err(ServerError::path(path))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(ServerError::path(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_of_a_url_is_found_and_decoded() {
        assert_eq!(password("postgres://u:a%40b%2@h/d").as_deref(), Some("a@b%2"));
        assert_eq!(password("postgres://u@h/d"), None);
        assert_eq!(password("postgres:///d?host=/x"), None);
    }

    #[test]
    fn backups_are_encrypted_as_the_server_is() {
        let of = |query: &str| encryption(&format!("postgres://u:p@h/d{query}"));
        assert_eq!(of(""), []);
        let own = of("?sslmode=verify-full&sslrootcert=%2Fa%20b.pem&application_name=x");
        let expected = [("PGSSLMODE", "verify-full".to_owned()), ("PGSSLROOTCERT", "/a b.pem".to_owned())];
        assert_eq!(own, expected);
        let public = of("?sslmode=verify-full");
        assert_eq!(public.last(), Some(&("PGSSLROOTCERT", "system".to_owned())));
        assert_eq!(of("?sslmode=require"), [("PGSSLMODE", "require".to_owned())]);
    }
}
