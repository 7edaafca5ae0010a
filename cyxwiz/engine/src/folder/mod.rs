//! A job on disk: a folder with a script or a Wasm program, its data and its settings.
//!
//! ```text
//! flags ─────────┐
//! cyxwiz.yml ────┼─► Settings ─┐
//! (config.json) ─┘             ├─► JobSpec (checked)
//! folder ─► walk ─► files ─────┘      └─► digests
//! ```
//! Nothing is sent before everything here is well.

mod digest;
mod entries;
mod error;
mod flags;
mod settings;
mod specify;
mod walk;

use std::fs;
use std::path::{Path, PathBuf};

use cyxwiz_model::{FilePath, JobSpec};

pub(crate) use digest::{Digested, digests};
pub(crate) use error::JobError;
pub(crate) use flags::Flags;
pub(crate) use settings::Budget;

use entries::Entries;
use settings::{Settings, Source};
pub(crate) use walk::LocalFile;

/// Settings are a page, not a book.
const MAX_CONFIG: u64 = 1 << 20;
const YAML: &str = "cyxwiz.yml";
const JSON: &str = "config.json";

/// A job that is well formed, with its files as they lie there.
#[derive(Debug)]
pub(crate) struct JobFolder {
    pub(crate) spec: JobSpec,
    pub(crate) budget: Budget,
    pub(crate) files: Vec<LocalFile>,
}

/// Reads what `target` holds: a folder, a script or a Wasm program.
pub(crate) fn read(target: &Path, flags: &Flags) -> Result<JobFolder, JobError> {
    let about = fs::metadata(target).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => JobError::NoSuch(shown(target)),
        _ => JobError::Unreadable { path: shown(target), source },
    })?;
    if about.is_dir() { folder(target, flags) } else { single(target, about.len(), flags) }
}

fn folder(dir: &Path, flags: &Flags) -> Result<JobFolder, JobError> {
    let mut settings = match config(&dir.join(YAML))? {
        Some(text) => Settings::read(&Entries::yaml(&text, YAML)?, Source::Yaml)?,
        None => match config(&dir.join(JSON))? {
            // beside a cyxwiz.yml it is the script's own
            Some(text) => Settings::read(&Entries::json(&text, JSON)?, Source::Json)?,
            None => Settings::default(),
        },
    };
    settings.override_with(flags.settings()?);
    let files = walk::walk(dir)?;
    let name = dir.canonicalize().ok();
    let name = name.as_deref().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or("job");
    finish(settings, files, name, &shown(dir), true)
}

fn single(file: &Path, size: u64, flags: &Flags) -> Result<JobFolder, JobError> {
    let name =
        file.file_name().and_then(|name| name.to_str()).ok_or_else(|| JobError::NotUnicode(shown(file)))?;
    if !matches!(file.extension().and_then(|end| end.to_str()), Some("py" | "wasm")) {
        return Err(JobError::Kind(shown(file)));
    }
    let path: FilePath = name.parse()?;
    let mut settings = Settings { entry: Some(name.to_owned()), ..Settings::default() };
    settings.override_with(flags.settings()?);
    let files = vec![LocalFile { path, disk: file.to_owned(), size }];
    let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or(name);
    finish(settings, files, stem, &shown(file), false)
}

fn finish(
    settings: Settings,
    files: Vec<LocalFile>,
    name: &str,
    place: &str,
    wants_data: bool,
) -> Result<JobFolder, JobError> {
    let (spec, budget) = specify::spec(settings, &files, name, place, wants_data)?;
    if let cyxwiz_model::Workload::Wasm(wasm) = &spec.workload
        && let Some(file) = files.iter().find(|file| file.path == wasm.artifact)
        && !walk::begins_with(&file.disk, b"\0asm")?
    {
        return Err(JobError::NoWasm(file.path.to_string()));
    }
    Ok(JobFolder { spec, budget, files })
}

/// The text of a settings file, if there is one.
fn config(path: &PathBuf) -> Result<Option<String>, JobError> {
    let failed = |source| JobError::Unreadable { path: shown(path), source };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
        Ok(about) if about.len() > MAX_CONFIG => return Err(JobError::LargeConfig(shown(path))),
        Ok(about) if !about.is_file() => return Ok(None),
        Ok(_) => {}
    }
    fs::read_to_string(path).map(Some).map_err(failed)
}

/// A path as one line that does nothing to a terminal.
fn shown(path: &Path) -> String {
    path.display().to_string().escape_debug().to_string().replace("\\'", "'").replace("\\\"", "\"")
}

#[cfg(test)]
mod tests;

/// A job at this price, paid in this coin.
#[cfg(test)]
pub(crate) fn spec_for_tests(max_price: cyxwiz_model::HourlyPrice, coin: cyxwiz_model::Coin) -> JobSpec {
    let files = [LocalFile { path: "a.py".parse().unwrap(), disk: PathBuf::new(), size: 0 }];
    let said = Settings {
        entry: Some("a.py".to_owned()),
        max_price: Some(max_price),
        coin: Some(coin),
        ..Settings::default()
    };
    specify::spec(said, &files, "a", "a", false).unwrap().0
}
