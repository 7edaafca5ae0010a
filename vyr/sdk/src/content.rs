use bytes::Bytes;
use connectrpc::client::ClientBody;
use futures::TryStreamExt as _;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio_util::io::{ReaderStream, StreamReader};
use vyr_model::Digest;

use crate::{Client, ErrorKind, SdkError};

/// A blob on its way from the node.
pub type BlobReader = Box<dyn AsyncRead + Send + Unpin>;

/// The largest refusal text that is read.
const MAX_REFUSAL: usize = 64 * 1024;

impl Client {
    /// Puts a blob of `size` bytes; the node checks that it has this digest.
    ///
    /// # Errors
    /// The node's refusal, a failing reader, or no answer.
    pub async fn put_blob(
        &self,
        digest: Digest,
        size: u64,
        content: impl AsyncRead + Send + Sync + 'static,
    ) -> Result<(), SdkError> {
        let frames = ReaderStream::with_capacity(content, 256 * 1024).map_ok(Frame::data);
        let body = http_body_util::BodyExt::map_err(StreamBody::new(frames), |error| {
            connectrpc::ConnectError::aborted(format!("failed to read the content: {error}"))
        });
        let request = Request::builder()
            .method(Method::PUT)
            .uri(self.content_uri(&format!("/blobs/{digest}")))
            .header(header::CONTENT_LENGTH, size)
            .body(ClientBody::new(body))
            .map_err(|error| SdkError::Broken(error.to_string()))?;
        self.expect_success(request).await.map(drop)
    }

    /// Tells whether the node has a blob.
    ///
    /// # Errors
    /// The node's refusal, or no answer.
    pub async fn has_blob(&self, digest: Digest) -> Result<bool, SdkError> {
        let request = self.empty(Method::HEAD, &format!("/blobs/{digest}"))?;
        let response = self.send(request).await?;
        match response.status() {
            StatusCode::OK => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            // an answer to HEAD has no body that says more
            StatusCode::UNAUTHORIZED => Err(SdkError::Refused {
                kind: ErrorKind::Unauthenticated,
                reason: "TOKEN_WRONG".to_owned(),
                message: "the token is wrong".to_owned(),
                mend: "name the file of the node's own with --token-file or VYR_TOKEN_FILE".to_owned(),
                subject: "authorization".to_owned(),
                retry_after: None,
            }),
            status => Err(SdkError::Broken(format!("the node answered {status}"))),
        }
    }

    /// Opens a blob for reading.
    ///
    /// # Errors
    /// The node's refusal, or no answer.
    pub async fn get_blob(&self, digest: Digest) -> Result<BlobReader, SdkError> {
        let request = self.empty(Method::GET, &format!("/blobs/{digest}"))?;
        Ok(reader(self.expect_success(request).await?))
    }

    /// Follows what a task writes to `stdout` or `stderr`, from its first byte to its end.
    ///
    /// # Errors
    /// The node's refusal, or no answer.
    pub async fn follow_output(&self, task_id: &str, stream: &str) -> Result<BlobReader, SdkError> {
        let request = self.empty(Method::GET, &format!("/tasks/{task_id}/{stream}"))?;
        Ok(reader(self.expect_success(request).await?))
    }

    /// Fetches a small blob whole.
    ///
    /// # Errors
    /// The node's refusal, no answer, or a blob over `limit` bytes.
    pub async fn get_small_blob(&self, digest: Digest, limit: u64) -> Result<Vec<u8>, SdkError> {
        let mut bytes = Vec::new();
        self.get_blob(digest).await?.take(limit + 1).read_to_end(&mut bytes).await?;
        if bytes.len() as u64 > limit {
            return Err(SdkError::Broken(format!("{digest} is larger than {limit} bytes")));
        }
        Ok(bytes)
    }

    fn content_uri(&self, path: &str) -> String {
        match &self.endpoint {
            crate::Endpoint::Unix(_) => format!("http://localhost{path}"),
            crate::Endpoint::Http { authority, .. } => format!("http://{authority}{path}"),
        }
    }

    fn empty(&self, method: Method, path: &str) -> Result<Request<ClientBody>, SdkError> {
        Request::builder()
            .method(method)
            .uri(self.content_uri(path))
            .body(connectrpc::client::full_body(Bytes::new()))
            .map_err(|error| SdkError::Broken(error.to_string()))
    }

    async fn send(&self, request: Request<ClientBody>) -> Result<http::Response<Incoming>, SdkError> {
        self.wire.request(request).await.map_err(|error| SdkError::of_request(error, &self.endpoint))
    }

    async fn expect_success(&self, request: Request<ClientBody>) -> Result<Incoming, SdkError> {
        let response = self.send(request).await?;
        if response.status().is_success() {
            return Ok(response.into_body());
        }
        let status = response.status();
        let body = http_body_util::Limited::new(response.into_body(), MAX_REFUSAL).collect().await;
        let text = body.map(|body| body.to_bytes()).unwrap_or_default();
        let refusal = serde_json::from_slice::<connectrpc::ConnectError>(&text);
        Err(refusal.map_or_else(|_| SdkError::Broken(format!("the node answered {status}")), Into::into))
    }
}

fn reader(body: Incoming) -> BlobReader {
    let bytes = body.into_data_stream().map_err(std::io::Error::other);
    Box::new(StreamReader::new(Box::pin(bytes)))
}
