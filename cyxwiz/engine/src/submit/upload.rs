//! The files go up by tus: in pieces, each with its checksum, and from where a broken connection left off.

mod piece;
mod tus;

use std::collections::BTreeMap;

use cyxwiz_proto::v1::FileInfo;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use indicatif::{ProgressBar, ProgressStyle};

use crate::error::CliError;
use crate::folder::Digested;
use crate::server::Buyer;

/// Files on their way at once: small ones wait for answers, not for bandwidth.
const AT_ONCE: usize = 8;

/// Sends the files that the server lacks.
pub(super) async fn missing(
    buyer: &Buyer,
    job: &str,
    files: &[Digested],
    missing: &[FileInfo],
) -> Result<u64, CliError> {
    let by_path: BTreeMap<&str, &Digested> =
        files.iter().map(|file| (file.file.path.as_str(), file)).collect();
    let wanted: Option<Vec<&Digested>> =
        missing.iter().map(|info| by_path.get(info.path.as_str()).copied()).collect();
    let wanted = wanted.ok_or(CliError::Broken("a file that was never named"))?;
    let bytes = wanted.iter().map(|file| file.file.size).sum();
    let bar = bar(bytes, "uploading");
    let ways = wanted.into_iter().map(|file| tus::Upload { buyer, job, file, bar: &bar }.run());
    stream::iter(ways).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    bar.finish_and_clear();
    Ok(bytes)
}

/// A bar of bytes; nothing where stderr is no terminal.
pub(crate) fn bar(bytes: u64, what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(bytes);
    let style = "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
    bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(what);
    bar
}
