use std::net::IpAddr;
use std::path::PathBuf;

use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::{ConfigError, Settings};

/// Where files lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Objects {
    /// A folder; shared by every server of the database.
    Folder(PathBuf),
    /// A bucket of S3 or what speaks like it. Keys, region and endpoint come from the `AWS_*` variables.
    S3 {
        /// Its name.
        bucket: String,
        /// What each object's name begins with; may be empty.
        prefix: String,
    },
}

/// The daily backup.
#[derive(Clone, Debug)]
pub struct BackupConfig {
    /// Where backups lie.
    pub folder: PathBuf,
    /// Hour of the day, UTC; none for no schedule.
    pub hour: Option<u8>,
    /// How many are kept.
    pub kept: usize,
}

/// Where data lies.
#[derive(Clone, Debug)]
pub struct StorageConfig {
    /// The server's own folder.
    pub data: PathBuf,
    /// The PostgreSQL to use; none for a private one.
    pub database_url: Option<String>,
    /// Connections to it at most.
    pub connections: u32,
    /// Where files lie.
    pub objects: Objects,
    /// Backups.
    pub backup: BackupConfig,
}

impl StorageConfig {
    pub(super) fn check(settings: &mut Settings) -> Result<Self, ConfigError> {
        let data = match &settings.data {
            Some(data) => PathBuf::from(data),
            None => default_folder()?,
        };
        settings.data = Some(data.display().to_string());
        let inside = |name: &str| data.join(name).display().to_string();
        let connections = *settings.database_connections.get_or_insert(32);
        if connections < 4 {
            return Err(ConfigError::setting("database-connections", "at least 4"));
        }
        let objects = objects(settings.objects.get_or_insert_with(|| inside("objects")))?;
        let folder = PathBuf::from(settings.backups.get_or_insert_with(|| inside("backups")).as_str());
        let hour = hour(settings.backup_hour.get_or_insert_with(|| "3".into()))?;
        let kept = *settings.backups_kept.get_or_insert(14);
        if kept == 0 {
            return Err(ConfigError::setting("backups-kept", "at least 1"));
        }
        let backup = BackupConfig { folder, hour, kept: kept as usize };
        if let Some(url) = &settings.database_url {
            encrypted(url)?;
        }
        Ok(Self { data, database_url: settings.database_url.clone(), connections, objects, backup })
    }
}

/// A database on the network is reached as its URL says, never by what the two sides happen to agree on: the usual
/// `prefer` goes on in clear where the other side, or somebody between, says that it has no TLS.
fn encrypted(url: &str) -> Result<(), ConfigError> {
    let options: PgConnectOptions = url.parse().map_err(|error: sqlx::Error| {
        ConfigError::setting("database-url", format!("it is no address of a database: {error}"))
    })?;
    let host = options.get_host();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    let own =
        options.get_socket().is_some() || host == "localhost" || address.is_ok_and(|ip| ip.is_loopback());
    let said = !matches!(options.get_ssl_mode(), PgSslMode::Prefer | PgSslMode::Allow);
    if own || said {
        return Ok(());
    }
    let message = format!(
        "it names {host} and not how it is reached: add ?sslmode=verify-full (with &sslrootcert=FILE for an authority \
         of your own), or ?sslmode=disable where the network is yours alone"
    );
    Err(ConfigError::setting("database-url", message))
}

fn default_folder() -> Result<PathBuf, ConfigError> {
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = named("XDG_DATA_HOME").or_else(|| Some(named("HOME")?.join(".local/share")));
    base.map(|base| base.join("cyxwiz-server"))
        .ok_or_else(|| ConfigError::setting("data", "there is no home folder: name one"))
}

fn objects(text: &str) -> Result<Objects, ConfigError> {
    let Some(rest) = text.strip_prefix("s3://") else { return Ok(Objects::Folder(text.into())) };
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err(ConfigError::setting("objects", "write s3://BUCKET/PREFIX"));
    }
    Ok(Objects::S3 { bucket: bucket.to_owned(), prefix: prefix.trim_matches('/').to_owned() })
}

fn hour(text: &str) -> Result<Option<u8>, ConfigError> {
    match text.parse::<u8>() {
        Ok(hour) if hour < 24 => Ok(Some(hour)),
        _ if text == "off" => Ok(None),
        _ => Err(ConfigError::setting("backup-hour", "0 to 23, or `off`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_a_folder_or_a_bucket() {
        assert_eq!(objects("/a/b").unwrap(), Objects::Folder("/a/b".into()));
        let s3 = Objects::S3 { bucket: "b".into(), prefix: "x/y".into() };
        assert_eq!(objects("s3://b/x/y/").unwrap(), s3);
        assert!(objects("s3://").is_err());
    }

    #[test]
    fn the_hour_of_backups_is_one_of_the_day_or_none() {
        assert_eq!(hour("23").unwrap(), Some(23));
        assert_eq!(hour("off").unwrap(), None);
        assert!(hour("24").is_err());
    }
}
