use bollard::query_parameters::CreateImageOptionsBuilder;
use futures::TryStreamExt as _;

use super::Engine;
use crate::{ImageRef, SandboxError};

impl Engine {
    /// Fetches an image of a registry, by its digest, and returns it by its content. One that is named by an engine's
    /// own id alone cannot be fetched: `None`.
    ///
    /// # Errors
    /// The registry does not answer, or has no such image.
    pub async fn pull(&self, image: &ImageRef) -> Result<Option<ImageRef>, SandboxError> {
        if !image.as_str().contains('@') {
            return Ok(None);
        }
        let options = CreateImageOptionsBuilder::new().from_image(image.as_str()).build();
        let mut told = self.waits().create_image(Some(options), None, None);
        while told.try_next().await.map_err(SandboxError::call("fetch the image"))?.is_some() {}
        self.image(image.as_str()).await
    }
}
