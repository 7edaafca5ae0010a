use std::time::{SystemTime, UNIX_EPOCH};

use buffa_types::google::protobuf::Timestamp;

/// Now, by this node's clock.
pub(crate) fn timestamp() -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp {
        seconds: i64::try_from(now.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(now.subsec_nanos()).unwrap_or(0),
        ..Default::default()
    }
}
