use std::io::{Seek, Write};

use tokio::io::AsyncWriteExt;
use vyr_model::{Failure, Terminal};
use vyr_runtime::{OutputSink, SinkError, Stdin};

use crate::support::{Task, guest};

fn every_byte() -> Vec<u8> {
    (0..200_000_u32).map(|i| i.to_le_bytes()[0] ^ i.to_le_bytes()[1]).collect()
}

#[tokio::test]
async fn stdin_and_stdout_are_exact_from_every_source() {
    let bytes = every_byte();
    for name in ["echo", "echo.p1"] {
        let program = guest(name);

        let ran = Task::new(&[]).stdin(bytes.clone()).run(&program).await.succeeded();
        assert!(ran.stdout.bytes() == bytes, "{name} from a buffer");

        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        file.rewind().unwrap();
        let task = Task::new(&[]).with(|request| request.stdin = Stdin::File(file));
        let ran = task.run(&program).await.succeeded();
        assert!(ran.stdout.bytes() == bytes, "{name} from a file");

        let (stdin, mut feed) = tokio::io::duplex(1000);
        let task = Task::new(&[]).with(|request| request.stdin = Stdin::Stream(Box::new(stdin)));
        let fed = bytes.clone();
        let feeding = tokio::spawn(async move {
            feed.write_all(&fed).await.unwrap();
            feed.shutdown().await.unwrap();
        });
        let ran = task.run(&program).await.succeeded();
        feeding.await.unwrap();
        assert!(ran.stdout.bytes() == bytes, "{name} from a stream");
    }
}

#[tokio::test]
async fn empty_stdin_ends_at_once() {
    for name in ["echo", "echo.p1"] {
        let ran = Task::new(&[]).run(&guest(name)).await.succeeded();
        assert!(ran.stdout.bytes().is_empty());
    }
}

#[tokio::test]
async fn a_sink_that_fails_is_the_nodes_own_fault() {
    struct Full;
    impl OutputSink for Full {
        fn write(&mut self, _: &[u8]) -> Result<(), SinkError> {
            Err(std::io::Error::from(std::io::ErrorKind::StorageFull).into())
        }
    }
    for name in ["flood", "flood.p1"] {
        let ran = Task::new(&[]).with(|request| request.stdout = Box::new(Full)).run(&guest(name)).await;
        let text = "failed to store the guest's output: no storage space".to_owned();
        ran.ended(Terminal::Failed(Failure::Internal(text)));
    }
}
