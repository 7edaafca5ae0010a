//! `vyr key …`: make, trust, revoke and list signing keys.

use std::{
    fs,
    path::PathBuf,
    process::ExitCode,
    time::{Duration, SystemTime},
};

use clap::Subcommand;
use vyr_store::Validity;

use crate::{artifact::open_store, context::Context, error::CliError, output};

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
        #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
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

pub(crate) fn run(verb: Verb, context: &Context) -> Result<ExitCode, CliError> {
    match verb {
        Verb::New { name, out } => new(&name, &out, context),
        Verb::Trust { name, file, valid_for } => {
            let pem = fs::read_to_string(&file).map_err(|source| CliError::File {
                what: "read",
                path: file.display().to_string(),
                source,
            })?;
            let not_after = valid_for.map(|time| SystemTime::now() + time);
            let validity = Validity { not_after, ..Validity::default() };
            open_store(context)?.trust().trust_key(&name, &pem, validity)?;
            changed(&name, "trusted", context)
        }
        Verb::Revoke { name } => {
            open_store(context)?.trust().revoke(&name)?;
            changed(&name, "revoked", context)
        }
        Verb::Ls => ls(context),
    }
}

/// Tells what a key is now.
fn changed(name: &str, state: &str, context: &Context) -> Result<ExitCode, CliError> {
    if context.json() {
        output::json(&serde_json::json!({ "name": name, "state": state }))?;
    } else {
        eprintln!("{state}: {name}");
    }
    Ok(ExitCode::SUCCESS)
}

fn new(name: &str, out: &std::path::Path, context: &Context) -> Result<ExitCode, CliError> {
    let private = out.join(format!("{name}.pem"));
    let public = out.join(format!("{name}.pub.pem"));
    let secret = vyr_store::create_secret_key(&private)?;
    let pem = secret.public().to_pem().map_err(vyr_store::StoreError::from)?;
    fs::write(&public, pem).map_err(|source| CliError::File {
        what: "write",
        path: public.display().to_string(),
        source,
    })?;
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
