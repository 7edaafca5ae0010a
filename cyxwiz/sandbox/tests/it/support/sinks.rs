use std::sync::{Arc, Mutex};

use vyr_runtime::{OutputSink, SinkError};

/// Keeps what a job writes.
#[derive(Clone, Default)]
pub(crate) struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl OutputSink for Captured {
    fn write(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(())
    }
}

/// Keeps what a job writes, and acts at the first byte: it runs then for sure.
pub(crate) struct AtFirstByte<F> {
    pub(crate) act: Option<F>,
    pub(crate) captured: Captured,
}

impl<F: FnOnce() + Send> OutputSink for AtFirstByte<F> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        if let Some(act) = self.act.take() {
            act();
        }
        self.captured.write(bytes)
    }
}
