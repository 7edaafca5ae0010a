//! What is signed with the platform's key: links to read at, tokens to upload with.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use cyxwiz_model::{AttemptId, FileId, Moment, Span};
use cyxwiz_proto::v1::{FileInfo, FileLink};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use super::{Files, StoredFile};
use crate::wire::timestamp;

/// What an upload token begins with.
pub(crate) const UPLOAD_PREFIX: &str = "cyxu_";
/// How long a link is good, where nobody says.
const LINK_LIFETIME: Span = Span::seconds(3600);

/// The two uses of the key are apart.
#[derive(Clone, Copy)]
enum Use {
    Read,
    Upload,
}

fn mac(key: &[u8; 32], use_for: Use, id: &[u8; 16], expires: Moment) -> Hmac<Sha256> {
    // HMAC fills a short key up with zeros: so filled up it cannot be of a wrong length
    let mut block = [0; 64];
    block.iter_mut().zip(key).for_each(|(byte, of_key)| *byte = *of_key);
    let mut mac = <Hmac<Sha256> as hmac::digest::KeyInit>::new(&block.into());
    mac.update(match use_for {
        Use::Read => b"cyxwiz read 1\0",
        Use::Upload => b"cyxwiz send 1\0",
    });
    mac.update(id);
    mac.update(&expires.0.to_be_bytes());
    mac
}

impl Files {
    /// An address to read a file at, good for an hour.
    #[must_use]
    pub fn link(&self, file: &StoredFile) -> FileLink {
        self.link_for(file, LINK_LIFETIME)
    }

    /// An address to read a file at, good for so long.
    #[must_use]
    pub fn link_for(&self, file: &StoredFile, lifetime: Span) -> FileLink {
        let expires = self.now().plus(lifetime);
        let signature = mac(&self.0.key, Use::Read, file.id.as_bytes(), expires).finalize().into_bytes();
        let signature = BASE64_URL_SAFE_NO_PAD.encode(signature);
        let url =
            format!("{}/files/{}?expires={}&signature={signature}", self.0.public_url, file.id, expires.0);
        let info = FileInfo {
            path: file.path.to_string(),
            size: file.size,
            sha256: file.sha256.to_vec(),
            ..Default::default()
        };
        FileLink { file: info.into(), url, expires_at: timestamp(expires).into(), ..Default::default() }
    }

    /// Whether a link's signature holds and it is not too old.
    pub(super) fn link_holds(&self, id: FileId, expires: i64, signature: &str) -> bool {
        let Ok(signature) = BASE64_URL_SAFE_NO_PAD.decode(signature) else { return false };
        let mac = mac(&self.0.key, Use::Read, id.as_bytes(), Moment(expires));
        mac.verify_slice(&signature).is_ok() && self.now() < Moment(expires)
    }

    /// A token that lets its holder upload outputs and checkpoints of one attempt, while that is the job's own.
    #[must_use]
    pub fn upload_token(&self, attempt: AttemptId, lifetime: Span) -> String {
        let expires = self.now().plus(lifetime);
        let mac = mac(&self.0.key, Use::Upload, attempt.as_bytes(), expires).finalize().into_bytes();
        let token = [attempt.as_bytes().as_slice(), &expires.0.to_be_bytes(), &mac].concat();
        format!("{UPLOAD_PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(token))
    }

    /// The attempt of a token that was shown.
    pub(super) fn token_attempt(&self, shown: &str) -> Option<AttemptId> {
        let token = BASE64_URL_SAFE_NO_PAD.decode(shown.strip_prefix(UPLOAD_PREFIX)?).ok()?;
        let (attempt, rest) = token.split_first_chunk::<16>()?;
        let (expires, shown) = rest.split_first_chunk::<8>()?;
        let expires = Moment(i64::from_be_bytes(*expires));
        mac(&self.0.key, Use::Upload, attempt, expires).verify_slice(shown).ok()?;
        (self.now() < expires).then(|| AttemptId::from_bytes(*attempt))
    }
}
