use clap::Subcommand;

use super::output::{Output, say};
use crate::db::OpenDb;
use crate::{Clock, Config, Files, ServerError, backup};

/// Make, list and restore backups
#[derive(Debug, Subcommand)]
pub(super) enum BackupVerb {
    /// Make one now
    Now,
    /// List those that are there, newest first
    List,
    /// Restore one into an empty database
    Restore {
        /// Its name, or `latest`
        name: String,
    },
}

pub(super) async fn run(verb: BackupVerb, config: Config, output: Output) -> Result<(), ServerError> {
    let folder = &config.storage.backup.folder;
    if matches!(verb, BackupVerb::List) {
        let all = backup::list(folder)?;
        let rows = all.iter().map(|backup| {
            serde_json::json!({
                "name": backup.name, "bytes": backup.about.bytes, "objects": backup.about.objects,
                "version": backup.about.version,
            })
        });
        return say(output, &rows.collect::<Vec<_>>().into());
    }
    let database = OpenDb::open(&config).await?;
    let done = match verb {
        BackupVerb::Restore { name } => restore(&config, &database, &name, output).await,
        BackupVerb::Now | BackupVerb::List => {
            let made = backup::make(&config, &database.options, &database.db, Clock::system().now()).await;
            match made.and_then(|made| backup::forget_old(folder, config.storage.backup.kept).map(|()| made))
            {
                Ok(made) => say(output, &serde_json::json!({ "name": made.name, "bytes": made.about.bytes })),
                Err(error) => Err(error),
            }
        }
    };
    database.close().await;
    done
}

async fn restore(config: &Config, database: &OpenDb, name: &str, output: Output) -> Result<(), ServerError> {
    let restored = backup::restore(config, &database.options, &database.db, name).await?;
    database.db.migrate().await?;
    let missing = Files::open(config, &database.db, &Clock::system()).await?.missing().await?;
    if !missing.gone.is_empty() {
        let gone = missing.gone.len();
        anstream::eprintln!("warning: {gone} of {} objects are not in the object store:", missing.named);
        missing.gone.iter().take(20).for_each(|object| anstream::eprintln!("  {object}"));
    }
    say(
        output,
        &serde_json::json!({
            "restored": restored.name, "objects": missing.named, "objects_missing": missing.gone.len(),
        }),
    )
}
