use cyxwiz_chain::escrow::Address;
use cyxwiz_model::{AccountId, AttemptId, FileId, JobId, NodeId, SessionId, UploadId};
use uuid::Uuid;

use crate::ServerError;

/// An id as the `uuid` column that holds it.
pub trait DbId: Sized {
    /// For a query.
    fn uuid(&self) -> Uuid;
    /// From a row.
    fn from_uuid(uuid: Uuid) -> Self;
}

macro_rules! db_id {
    ($($name:ident),*) => {$(
        impl DbId for $name {
            fn uuid(&self) -> Uuid {
                Uuid::from_bytes(*self.as_bytes())
            }

            fn from_uuid(uuid: Uuid) -> Self {
                Self::from_bytes(*uuid.as_bytes())
            }
        }
    )*};
}

db_id!(AccountId, AttemptId, FileId, JobId, NodeId, SessionId, UploadId);

/// An address from its `text` column.
///
/// # Errors
/// No address.
pub fn address(text: &str) -> Result<Address, ServerError> {
    text.parse().map_err(|_| ServerError::stored("an address", text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_survive_the_database() {
        let id = JobId::generate();
        assert_eq!(JobId::from_uuid(id.uuid()), id);
    }
}
