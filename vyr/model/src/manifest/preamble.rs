use super::{ArtifactKind, Manifest, ManifestError};

const MAGIC: [u8; 4] = *b"\0asm";
const MODULE: [u8; 4] = [1, 0, 0, 0];
// the component layer (1) at the encoding version (13) that WASI 0.2 tools write
const COMPONENT: [u8; 4] = [13, 0, 1, 0];

impl ArtifactKind {
    /// The number of bytes that tell a component from a core module.
    pub const PREAMBLE_LEN: usize = 8;

    /// Tells a component from a core module by the first eight bytes.
    ///
    /// # Errors
    /// [`ManifestError::NotWasm`] when the bytes begin neither.
    pub fn detect(content: &[u8]) -> Result<Self, ManifestError> {
        if content.is_empty() {
            return Err(ManifestError::NotWasm("it is empty"));
        }
        let Some((preamble, _)) = content.split_first_chunk::<{ Self::PREAMBLE_LEN }>() else {
            return Err(ManifestError::NotWasm("it is shorter than the 8 bytes that begin every Wasm file"));
        };
        let [m0, m1, m2, m3, v0, v1, v2, v3] = *preamble;
        if [m0, m1, m2, m3] != MAGIC {
            return Err(ManifestError::NotWasm("it does not begin with `\\0asm`"));
        }
        match [v0, v1, v2, v3] {
            MODULE => Ok(Self::Module),
            COMPONENT => Ok(Self::Component),
            _ => Err(ManifestError::NotWasm("its binary version is neither a module's nor a component's")),
        }
    }
}

impl Manifest {
    /// Checks that content beginning with `start` is what the manifest says. Container images pass; a container
    /// job's document is read by what runs it.
    ///
    /// # Errors
    /// When it is no Wasm, or the other form of it, or no JSON object.
    pub fn check_content(&self, start: &[u8]) -> Result<(), ManifestError> {
        match self.kind {
            ArtifactKind::Oci => return Ok(()),
            ArtifactKind::Container if start.starts_with(b"{") => return Ok(()),
            ArtifactKind::Container => return Err(ManifestError::NotContainerJob),
            ArtifactKind::Component | ArtifactKind::Module => {}
        }
        let found = ArtifactKind::detect(start)?;
        if found == self.kind {
            Ok(())
        } else {
            Err(ManifestError::KindContent { declared: self.kind, found })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_forms_apart() {
        assert_eq!(ArtifactKind::detect(b"\0asm\x01\0\0\0rest").unwrap(), ArtifactKind::Module);
        assert_eq!(ArtifactKind::detect(b"\0asm\x0d\0\x01\0").unwrap(), ArtifactKind::Component);
        for text in [&b""[..], b"\0asm", b"\x7fELF\x01\0\0\0", b"\0asm\x02\0\0\0", b"\0asm\x0c\0\x01\0"] {
            assert!(ArtifactKind::detect(text).is_err(), "{text:?}");
        }
    }
}
