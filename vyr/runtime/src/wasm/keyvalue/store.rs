use std::sync::Arc;

use wasmtime::component::Resource;

use super::{
    Answer, Bucket, View, answer,
    store_wit::{Error, Host, HostBucket, KeyResponse},
};

impl Host for View<'_> {
    fn open(&mut self, identifier: String) -> Answer<Resource<Bucket>> {
        match self.states.bound.iter().find(|(name, _)| *name == identifier) {
            Some((_, binding)) => Ok(Ok(self.table.push(Bucket(Arc::clone(binding)))?)),
            None => Ok(Err(Error::NoSuchStore)),
        }
    }
}

impl HostBucket for View<'_> {
    fn get(&mut self, bucket: Resource<Bucket>, key: String) -> Answer<Option<Vec<u8>>> {
        let value = self.binding(&bucket)?.get(&key);
        if let Ok(Some(value)) = &value {
            self.moves(value.len())?;
        }
        answer(value.map(|value| value.map(Vec::from)))
    }

    fn set(&mut self, bucket: Resource<Bucket>, key: String, value: Vec<u8>) -> Answer<()> {
        answer(self.binding(&bucket)?.set(&key, &value))
    }

    fn delete(&mut self, bucket: Resource<Bucket>, key: String) -> Answer<()> {
        answer(self.binding(&bucket)?.delete(&key))
    }

    fn exists(&mut self, bucket: Resource<Bucket>, key: String) -> Answer<bool> {
        answer(self.binding(&bucket)?.exists(&key))
    }

    fn list_keys(&mut self, bucket: Resource<Bucket>, cursor: Option<String>) -> Answer<KeyResponse> {
        let page = self.binding(&bucket)?.list_keys(cursor.as_deref());
        answer(page.map(|page| KeyResponse { keys: page.keys, cursor: page.cursor }))
    }

    fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}
