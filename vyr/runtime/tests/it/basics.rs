use crate::support::{Task, guest};

#[tokio::test]
async fn noop_of_both_kinds_succeeds() {
    for name in ["noop", "noop.p1"] {
        let ran = Task::new(&[]).run(&guest(name)).await.succeeded();
        assert!(ran.outcome.started.is_some());
        assert!(ran.stdout.bytes().is_empty());
    }
}

#[tokio::test]
async fn echo_returns_the_exact_bytes() {
    let bytes: Vec<u8> = (0..200_000_u32).map(|i| i.to_le_bytes()[0] ^ i.to_le_bytes()[1]).collect();
    for name in ["echo", "echo.p1"] {
        let ran = Task::new(&[]).stdin(bytes.clone()).run(&guest(name)).await.succeeded();
        assert!(ran.stdout.bytes() == bytes, "{name}");
    }
}
