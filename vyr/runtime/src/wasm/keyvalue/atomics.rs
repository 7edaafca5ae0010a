use std::sync::Arc;

use vyr_state::CasOutcome;
use wasmtime::component::Resource;

use super::{
    Answer, Bucket, Cas, View, answer,
    atomics_wit::{CasError, Host, HostCas},
    refusal,
};

impl Host for View<'_> {
    fn increment(&mut self, bucket: Resource<Bucket>, key: String, delta: i64) -> Answer<i64> {
        answer(self.binding(&bucket)?.increment(&key, delta))
    }

    fn swap(&mut self, cas: Resource<Cas>, value: Vec<u8>) -> wasmtime::Result<Result<(), CasError>> {
        let mut begun = self.table.delete(cas)?;
        match begun.binding.compare_and_swap(&begun.key, begun.seen.as_deref(), &value) {
            Ok(CasOutcome::Swapped) => Ok(Ok(())),
            Ok(CasOutcome::Changed(now)) => {
                begun.seen = now;
                Ok(Err(CasError::CasFailed(self.table.push(begun)?)))
            }
            Err(error) => Ok(Err(CasError::StoreError(refusal(&error)))),
        }
    }
}

impl HostCas for View<'_> {
    fn new(&mut self, bucket: Resource<Bucket>, key: String) -> Answer<Resource<Cas>> {
        let binding = Arc::clone(&self.table.get(&bucket)?.0);
        match binding.get(&key) {
            Ok(seen) => Ok(Ok(self.table.push(Cas { binding, key, seen })?)),
            Err(error) => answer(Err(error)),
        }
    }

    fn current(&mut self, cas: Resource<Cas>) -> Answer<Option<Vec<u8>>> {
        let seen = self.table.get(&cas)?.seen.clone();
        self.moves(seen.as_ref().map_or(0, bytes::Bytes::len))?;
        Ok(Ok(seen.map(Vec::from)))
    }

    fn drop(&mut self, cas: Resource<Cas>) -> wasmtime::Result<()> {
        self.table.delete(cas)?;
        Ok(())
    }
}
