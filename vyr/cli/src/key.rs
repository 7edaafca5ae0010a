//! `vyr key …`: make, trust, revoke and list signing keys.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, SystemTime},
};

use clap::Subcommand;
use vyr_model::SecretKey;
use vyr_store::{StoreError, Validity};

use crate::{artifact::open_store, context::Context, error::CliError, output, terminal::say};

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Make a key pair: NAME.pem (private, for you alone) and NAME.pub.pem
    New {
        /// The files' name
        name: String,
        /// Folder for the two files
        #[arg(long, value_name = "DIR", default_value = ".")]
        out: PathBuf,
    },
    /// Let the node run what a key signed
    Trust {
        /// The key's name here: lowercase letters, digits, `.`, `_` and `-`
        name: String,
        /// Public key (SPKI PEM)
        file: PathBuf,
        /// Trust it for this long only, such as `90d`
        #[arg(long, value_name = "TIME", value_parser = validity)]
        valid_for: Option<Duration>,
    },
    /// Stop running what a key signed, from the next submit on
    Revoke {
        /// The key's name here
        name: String,
    },
    /// List the trusted keys
    Ls,
}

/// The longest time that a key is trusted for where an end is named: the files hold years of four digits.
const LONGEST: Duration = Duration::from_secs(1_000 * 365 * 86_400);

/// Parses a time that has an end worth naming.
fn validity(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text).map_err(|error| error.to_string())? {
        Duration::ZERO => {
            Err("the key would not be trusted at all: write more, or leave the flag out".to_owned())
        }
        time if time > LONGEST => {
            Err("that is more than 1,000 years: leave the flag out for a key without an end".to_owned())
        }
        time => Ok(time),
    }
}

pub(crate) fn run(verb: Verb, context: &Context) -> Result<ExitCode, CliError> {
    match verb {
        Verb::New { name, out } => new(&name, &out, context),
        Verb::Trust { name, file, valid_for } => {
            context.only_at_home("key trust")?;
            let pem = fs::read_to_string(&file).map_err(|source| CliError::File {
                what: "read",
                path: file.display().to_string(),
                source,
            })?;
            let not_after = valid_for.and_then(|time| SystemTime::now().checked_add(time));
            let validity = Validity { not_after, ..Validity::default() };
            open_store(context)?.trust().trust_key(&name, &pem, validity)?;
            changed(&name, "trusted", context)
        }
        Verb::Revoke { name } => {
            context.only_at_home("key revoke")?;
            open_store(context)?.trust().revoke(&name)?;
            changed(&name, "revoked", context)
        }
        Verb::Ls => {
            context.only_at_home("key ls")?;
            ls(context)
        }
    }
}

/// Tells what a key is now.
fn changed(name: &str, state: &str, context: &Context) -> Result<ExitCode, CliError> {
    if context.json() {
        output::json(&serde_json::json!({ "name": name, "state": state }))?;
    } else {
        say(format_args!("{state}: {name}"));
    }
    Ok(ExitCode::SUCCESS)
}

fn new(name: &str, out: &Path, context: &Context) -> Result<ExitCode, CliError> {
    let private = out.join(format!("{name}.pem"));
    let public = out.join(format!("{name}.pub.pem"));
    let secret = make(&private, &public)?;
    if context.json() {
        output::json(&serde_json::json!({
            "name": name, "private": private, "public": public,
            "key": hex::encode(secret.public().as_bytes()),
        }))?;
    } else {
        output::line(format_args!("private: {}", private.display()))?;
        output::line(format_args!("public: {}", public.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes both files of a pair, or none; overwrites nothing.
fn make(private: &Path, public: &Path) -> Result<SecretKey, CliError> {
    // the public one has its place first: a private key is not made for nothing
    let file = File::create_new(public).map_err(|source| taken(public, source))?;
    let made = vyr_store::create_secret_key(private).map_err(|error| match error {
        StoreError::Io { source, .. } if source.kind() == io::ErrorKind::AlreadyExists => {
            taken(private, source)
        }
        error => error.into(),
    });
    let written = made.and_then(|secret| {
        let filled = fill(file, &secret).map_err(|source| CliError::File {
            what: "write",
            path: public.display().to_string(),
            source,
        });
        if filled.is_err() {
            let _ = fs::remove_file(private);
        }
        filled.map(|()| secret)
    });
    if written.is_err() {
        let _ = fs::remove_file(public);
    }
    written
}

fn fill(mut file: File, secret: &SecretKey) -> io::Result<()> {
    let pem = secret.public().to_pem().map_err(io::Error::other)?;
    file.write_all(pem.as_bytes())?;
    file.sync_all()
}

/// Tells that a file is there already.
fn taken(path: &Path, source: io::Error) -> CliError {
    if source.kind() != io::ErrorKind::AlreadyExists {
        return CliError::File { what: "create", path: path.display().to_string(), source };
    }
    let path = path.display();
    CliError::Usage(format!("`{path}` is there already: choose another name, or another folder with --out"))
}

fn ls(context: &Context) -> Result<ExitCode, CliError> {
    let mut table = output::table(["NAME", "KEY", "STATE"]);
    for info in open_store(context)?.trust().list()? {
        let state = match &info.validity {
            Ok(validity) => state(validity, SystemTime::now()).to_owned(),
            Err(why) => why.clone(),
        };
        let key = info.key.map(|key| hex::encode(key.as_bytes())).unwrap_or_default();
        if context.json() {
            output::json(&serde_json::json!({ "name": info.name, "key": key, "state": state }))?;
        } else {
            table.add_row([info.name.as_str(), key.get(..16).unwrap_or_default(), &state]);
        }
    }
    if !context.json() {
        output::line(table.trim_fmt())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn state(validity: &Validity, now: SystemTime) -> &'static str {
    match validity {
        Validity { revoked: true, .. } => "revoked",
        Validity { not_before: Some(from), .. } if now < *from => "not yet valid",
        Validity { not_after: Some(to), .. } if now >= *to => "expired",
        _ => "trusted",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_made_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let (private, public) = (dir.path().join("k.pem"), dir.path().join("k.pub.pem"));
        fs::write(&public, "another's").unwrap();
        assert!(matches!(make(&private, &public), Err(CliError::Usage(_))));
        assert_eq!(fs::read_to_string(&public).unwrap(), "another's");
        assert!(!private.exists());
        fs::remove_file(&public).unwrap();

        fs::write(&private, "another's").unwrap();
        assert!(matches!(make(&private, &public), Err(CliError::Usage(_))));
        assert_eq!(fs::read_to_string(&private).unwrap(), "another's");
        assert!(!public.exists());
        fs::remove_file(&private).unwrap();

        let secret = make(&private, &public).unwrap();
        assert_eq!(fs::read_to_string(&public).unwrap(), secret.public().to_pem().unwrap());
        assert!(make(&private, &public).is_err());
    }

    #[test]
    fn validities_end_in_a_year_that_can_be_written() {
        for text in ["0s", "1001years", "9000years", "300000000000years", "x"] {
            assert!(validity(text).is_err(), "{text}");
        }
        assert_eq!(validity("90d"), Ok(Duration::from_secs(90 * 86_400)));
    }
}
