use wasmtime::component::Resource;

use super::{Answer, Bucket, View, answer, batch_wit::Host};

impl Host for View<'_> {
    fn get_many(
        &mut self,
        bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> Answer<Vec<Option<(String, Vec<u8>)>>> {
        let values = match self.binding(&bucket)?.get_many(&keys) {
            Ok(values) => values,
            Err(error) => return answer(Err(error)),
        };
        self.moves(values.iter().flatten().map(bytes::Bytes::len).sum())?;
        let pairs = keys.into_iter().zip(values);
        Ok(Ok(pairs.map(|(key, value)| value.map(|value| (key, value.into()))).collect()))
    }

    fn set_many(&mut self, bucket: Resource<Bucket>, pairs: Vec<(String, Vec<u8>)>) -> Answer<()> {
        answer(self.binding(&bucket)?.set_many(&pairs))
    }

    fn delete_many(&mut self, bucket: Resource<Bucket>, keys: Vec<String>) -> Answer<()> {
        answer(self.binding(&bucket)?.delete_many(&keys))
    }
}
