//! A tus client that does as it is told.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::Method;
use sha2::{Digest as _, Sha256};

use super::World;

pub(crate) fn sha256(content: &[u8]) -> [u8; 32] {
    Sha256::digest(content).into()
}

/// What a request for files answered.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) status: u16,
    pub(crate) offset: Option<u64>,
    pub(crate) location: String,
    pub(crate) expires: Option<String>,
}

impl World {
    /// Begins an upload of `content` as `(job, kind, path)`, with a checkpoint's number or none.
    pub(crate) async fn begin(
        &self,
        token: &str,
        (job, kind, path): (impl ToString, &str, &str),
        content: &[u8],
        number: Option<u32>,
    ) -> Sent {
        let encoded = |text: &str| BASE64_STANDARD.encode(text);
        let mut metadata = format!(
            "job {},kind {},path {},sha256 {}",
            encoded(&job.to_string()),
            encoded(kind),
            encoded(path),
            encoded(&hex::encode(sha256(content)))
        );
        if let Some(number) = number {
            metadata.push_str(&format!(",number {}", encoded(&number.to_string())));
        }
        let url = format!("{}/files", self.url(0));
        let length = content.len().to_string();
        let headers = [("upload-length", length.as_str()), ("upload-metadata", &metadata)];
        self.tus(Method::POST, &url, token, &headers, Vec::new()).await
    }

    /// Sends bytes from `offset` on.
    pub(crate) async fn patch(&self, token: &str, url: &str, offset: u64, content: &[u8]) -> Sent {
        self.patch_with(token, url, offset, content, &[]).await
    }

    pub(crate) async fn patch_with(
        &self,
        token: &str,
        url: &str,
        offset: u64,
        content: &[u8],
        more: &[(&str, &str)],
    ) -> Sent {
        let offset = offset.to_string();
        let mut headers =
            vec![("upload-offset", offset.as_str()), ("content-type", "application/offset+octet-stream")];
        headers.extend(more);
        self.tus(Method::PATCH, url, token, &headers, content.to_vec()).await
    }

    pub(crate) async fn head(&self, token: &str, url: &str) -> Sent {
        self.tus(Method::HEAD, url, token, &[], Vec::new()).await
    }

    pub(crate) async fn tus(
        &self,
        method: Method,
        url: &str,
        token: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Sent {
        let mut request = self.http.request(method, url).header("tus-resumable", "1.0.0").body(body);
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let text = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        Sent {
            status: response.status().as_u16(),
            offset: text("upload-offset").and_then(|offset| offset.parse().ok()),
            location: text("location").unwrap_or_default(),
            expires: text("upload-expires"),
        }
    }

    /// The address of an upload at another server.
    pub(crate) fn at(&self, server: usize, url: &str) -> String {
        url.replace(&self.url(0), &self.url(server))
    }

    /// Objects that are stored.
    pub(crate) fn objects(&self) -> usize {
        fn count(folder: &std::path::Path) -> usize {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            entries.map(|entry| if entry.path().is_dir() { count(&entry.path()) } else { 1 }).sum()
        }
        count(&self.folder.path().join("objects"))
    }
}
