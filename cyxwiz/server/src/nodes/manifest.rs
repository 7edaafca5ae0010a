use std::collections::HashMap;

use buffa::Message as _;
use cyxwiz_model::{AttemptId, FilePath, JobSpec};
use cyxwiz_proto::v1;
use sqlx::PgConnection;

use super::attempt::Attempt;
use crate::ServerError;
use crate::db::DbId as _;

/// A result manifest beside what is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// Outputs that are stored with the digest that the node named.
    pub stored: usize,
    /// Expected outputs that are not among them.
    pub missing: Vec<String>,
    /// In what the manifest is not true.
    pub lie: Option<String>,
}

/// What is stored: size and digest by path.
pub(super) type Stored = HashMap<String, (i64, Vec<u8>)>;

impl Manifest {
    /// Compares.
    pub(super) fn of(said: &[v1::FileInfo], stored: &Stored, expected: &[FilePath]) -> Self {
        let mut manifest = Self::default();
        for file in said {
            match stored.get(&file.path) {
                None => manifest.lie = Some(format!("`{}` was never uploaded", file.path)),
                Some((size, sha256)) if u64::try_from(*size) != Ok(file.size) || *sha256 != file.sha256 => {
                    manifest.lie = Some(format!("`{}` was uploaded with another content", file.path));
                }
                Some(_) => manifest.stored += 1,
            }
        }
        let named = |path: &&FilePath| !said.iter().any(|file| file.path == path.as_str());
        manifest.missing = expected.iter().filter(named).map(ToString::to_string).collect();
        manifest
    }
}

/// Reads an attempt's manifest as it was reported, and compares it with what is stored.
///
/// # Errors
/// The database failed.
pub async fn check_manifest(
    conn: &mut PgConnection,
    attempt: &Attempt,
    spec: &JobSpec,
) -> Result<Manifest, ServerError> {
    let finished = match &attempt.finished {
        None => v1::Finished::default(),
        Some(bytes) => v1::Finished::decode_from_slice(bytes)
            .map_err(|error| ServerError::stored("a manifest", error))?,
    };
    let stored = stored(conn, attempt.id, "output", 0).await?;
    Ok(Manifest::of(&finished.outputs, &stored, &spec.expected_outputs))
}

/// The files of an attempt that arrived whole.
pub(super) async fn stored(
    conn: &mut PgConnection,
    attempt: AttemptId,
    kind: &str,
    number: i32,
) -> Result<Stored, ServerError> {
    let rows: Vec<(String, i64, Vec<u8>)> = sqlx::query_as(
        "SELECT path, size, sha256 FROM files
         WHERE attempt_id = $1 AND kind = $2 AND number = $3 AND state = 'whole'",
    )
    .bind(attempt.uuid())
    .bind(kind)
    .bind(number)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|(path, size, sha256)| (path, (size, sha256))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::file_info;

    fn stored() -> Stored {
        Stored::from([("model.pt".to_owned(), (3, vec![1; 32]))])
    }

    #[test]
    fn a_true_manifest_is_whole() {
        let said = [file_info("model.pt".to_owned(), 3, vec![1; 32])];
        let manifest = Manifest::of(&said, &stored(), &["model.pt".parse().unwrap()]);
        assert_eq!(manifest, Manifest { stored: 1, missing: vec![], lie: None });
    }

    #[test]
    fn lies_and_gaps_show() {
        let other = [file_info("model.pt".to_owned(), 3, vec![2; 32])];
        assert!(Manifest::of(&other, &stored(), &[]).lie.is_some());
        let never = [file_info("log.txt".to_owned(), 3, vec![1; 32])];
        assert!(Manifest::of(&never, &stored(), &[]).lie.is_some());
        let nothing = Manifest::of(&[], &stored(), &["model.pt".parse().unwrap()]);
        assert_eq!((nothing.missing, nothing.lie), (vec!["model.pt".to_owned()], None));
    }
}
