use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use connectrpc::client::full_body;
use cyxwiz_model::FilePath;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use indicatif::ProgressBar;
use sha2::{Digest as _, Sha256};

use crate::error::CliError;
use crate::server::Buyer;
use crate::submit::bar;

/// Files on their way at once.
const AT_ONCE: usize = 8;
/// Failures in a row without one byte of progress.
const PATIENCE: u32 = 10;
/// Silence of a download that counts as its end.
const SILENCE: Duration = Duration::from_secs(60);

/// A file of a job's outputs.
#[derive(Clone, Debug)]
pub(super) struct Output {
    pub(super) path: FilePath,
    pub(super) size: u64,
    pub(super) sha256: [u8; 32],
    pub(super) url: String,
}

/// Fetches what is not there yet; says how many that were.
pub(super) async fn fetch(
    buyer: &Buyer,
    job: &str,
    outputs: &[Output],
    dir: &Path,
) -> Result<usize, CliError> {
    let bar = bar(outputs.iter().map(|file| file.size).sum(), "fetching");
    let ways = outputs.iter().map(|output| {
        let one = One {
            buyer,
            job,
            place: dir.join(output.path.as_str()),
            output: output.clone(),
            bar: bar.clone(),
        };
        one.run()
    });
    let fetched: Vec<bool> = stream::iter(ways).buffer_unordered(AT_ONCE).try_collect().await?;
    bar.finish_and_clear();
    Ok(fetched.into_iter().filter(|fetched| *fetched).count())
}

/// One file on its way.
struct One<'a> {
    buyer: &'a Buyer,
    job: &'a str,
    place: PathBuf,
    output: Output,
    bar: ProgressBar,
}

impl One<'_> {
    /// Whether it had to be fetched.
    async fn run(mut self) -> Result<bool, CliError> {
        if self.digest(&self.place)? == Some((self.output.size, self.output.sha256)) {
            self.bar.inc(self.output.size);
            return Ok(false);
        }
        let parent = self.place.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(parent).map_err(|source| failed(parent, source))?;
        let part = self.part();
        let (mut failures, mut wrong) = (0, 0);
        loop {
            let have = self.length(&part);
            if have > self.output.size {
                remove(&part)?;
                continue;
            }
            if have == self.output.size && have > 0 || self.output.size == 0 {
                if self.output.size == 0 {
                    File::create(&part).map_err(|source| failed(&part, source))?;
                }
                if self.digest(&part)? == Some((self.output.size, self.output.sha256)) {
                    return self.settle(&part).map(|()| true);
                }
                wrong += 1;
                remove(&part)?;
                if wrong > 1 || self.output.size == 0 {
                    return Err(CliError::Digest { path: self.output.path.to_string() });
                }
                continue;
            }
            let more = self.piece(&part, have).await?;
            failures = if more { 0 } else { failures + 1 };
            if failures > PATIENCE {
                return Err(CliError::Cut { path: self.output.path.to_string() });
            }
            if failures > 0 {
                tokio::time::sleep(Duration::from_millis(100).saturating_mul(1 << failures.min(6))).await;
            }
        }
    }

    /// One request from `have` on; whether it brought anything.
    async fn piece(&mut self, part: &Path, have: u64) -> Result<bool, CliError> {
        let uri =
            self.buyer.server.origin.resolve(&self.output.url).ok_or(CliError::Broken("a link elsewhere"))?;
        let request = Request::get(uri)
            .header(header::RANGE, format!("bytes={have}-"))
            .body(full_body(Bytes::new()))
            .map_err(|_| CliError::Broken("a link that is none"))?;
        let answer = match tokio::time::timeout(SILENCE, self.buyer.server.wire.request(request)).await {
            Ok(Ok(answer)) => answer,
            _ => return Ok(false),
        };
        let from = match answer.status() {
            StatusCode::PARTIAL_CONTENT => have,
            StatusCode::OK => 0,
            StatusCode::RANGE_NOT_SATISFIABLE => {
                remove(part)?;
                return Ok(false);
            }
            // its time is over: ask for another
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::GONE => {
                let fresh = super::list(self.buyer, self.job).await?;
                let fresh = fresh.into_iter().find(|file| file.path == self.output.path);
                self.output.url = fresh.ok_or(CliError::Broken("an output that is gone"))?.url;
                return Ok(false);
            }
            _ => return Ok(false),
        };
        let write = |source| failed(part, source);
        let mut file = File::options().create(true).truncate(false).write(true).open(part).map_err(write)?;
        file.set_len(from).map_err(write)?;
        file.seek(SeekFrom::Start(from)).map_err(write)?;
        let (mut body, mut got) = (answer.into_body(), 0_u64);
        while let Ok(Some(Ok(frame))) = tokio::time::timeout(SILENCE, body.frame()).await {
            let Ok(data) = frame.into_data() else { continue };
            file.write_all(&data).map_err(write)?;
            got = got.saturating_add(data.len() as u64);
            self.bar.inc(data.len() as u64);
            // more than was announced is not what was announced
            if from.saturating_add(got) > self.output.size {
                break;
            }
        }
        Ok(got > 0)
    }

    /// Into its place, whole, on the disk before it is there.
    fn settle(&self, part: &Path) -> Result<(), CliError> {
        let settle = || {
            File::open(part)?.sync_all()?;
            fs::rename(part, &self.place)
        };
        settle().map_err(|source| failed(&self.place, source))
    }

    /// Beside its place, named by what it is to become, so that no other file's beginning is taken for its own.
    fn part(&self) -> PathBuf {
        let digest = hex::encode(self.output.sha256);
        let name = format!(".cyxwiz-{}.part", digest.get(..16).unwrap_or(&digest));
        self.place.with_file_name(name)
    }

    fn length(&self, path: &Path) -> u64 {
        fs::metadata(path).map_or(0, |about| about.len())
    }

    /// What lies there; nothing where there is no such file.
    fn digest(&self, path: &Path) -> Result<Option<(u64, [u8; 32])>, CliError> {
        let read = || -> std::io::Result<(u64, [u8; 32])> {
            let (mut file, mut hasher, mut size) = (File::open(path)?, Sha256::new(), 0_u64);
            let mut buffer = vec![0; 256 << 10];
            loop {
                let count = file.read(&mut buffer)?;
                let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
                hasher.update(bytes);
                size = size.saturating_add(count as u64);
            }
            Ok((size, hasher.finalize().into()))
        };
        match read() {
            Ok(found) => Ok(Some(found)),
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
                ) =>
            {
                Ok(None)
            }
            Err(source) => Err(failed(path, source)),
        }
    }
}

fn remove(path: &Path) -> Result<(), CliError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(failed(path, source)),
        _ => Ok(()),
    }
}

pub(super) fn failed(path: &Path, source: std::io::Error) -> CliError {
    CliError::Write { path: path.display().to_string(), source }
}
