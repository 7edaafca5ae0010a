//! Uploads: cut, resumed, wrong, hostile, foreign, by turns.

use cyxwiz_model::Span;
use cyxwiz_server::files::FileKind;
use reqwest::Method;
use tokio::io::AsyncWriteExt as _;

use crate::support::{World, sha256};

/// Bytes that are not all the same.
fn content(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at * 31 % 251) as u8).collect()
}

#[tokio::test]
async fn an_upload_goes_on_where_it_was_cut_by_turns_at_two_servers() {
    let world = World::with(2, |_| {}).await;
    let buyer = world.buyer(1).await;
    let bytes = content(300_000);
    let job = world.job(world.account(1).await, &[("data/ü 🚀.bin", &bytes)]).await;
    let begun = world.begin(&buyer.access, (job, "input", "data/ü 🚀.bin"), &bytes, None).await;
    assert_eq!((begun.status, begun.offset), (201, Some(0)), "{begun:?}");
    assert_eq!(begun.expires.as_deref(), Some("Tue, 22 Sep 2026 14:13:20 GMT"));
    let url = begun.location;
    for turn in 0..2_u64 {
        let at = turn * 100_000;
        let sent = world
            .patch(&buyer.access, &world.at(turn as usize, &url), at, &bytes[at as usize..][..100_000])
            .await;
        assert_eq!((sent.status, sent.offset), (204, Some(at + 100_000)), "{sent:?}");
    }
    cut(&world, &buyer.access, &url, 200_000, &bytes[200_000..250_000]).await;
    let at = until(async || world.head(&buyer.access, &world.at(1, &url)).await.offset, 250_000).await;
    let sent = world.patch(&buyer.access, &world.at(1, &url), at, &bytes[at as usize..]).await;
    assert_eq!((sent.status, sent.offset), (204, Some(300_000)), "{sent:?}");

    let files = world.ground().files.of_job(job, FileKind::Input).await.unwrap();
    assert_eq!(files.len(), 1);
    assert_eq!(world.ground().files.content(&files[0], 1 << 20).await.unwrap(), bytes);
    let again = world.begin(&buyer.access, (job, "input", "data/ü 🚀.bin"), &bytes, None).await;
    assert_eq!((again.status, again.offset, again.location), (201, Some(300_000), url));
    world.close().await;
}

/// Promises more than it sends, and goes away.
async fn cut(world: &World, token: &str, url: &str, offset: u64, part: &[u8]) {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
    let head = format!(
        "PATCH /{path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nTus-Resumable: 1.0.0\r\n\
         Content-Type: application/offset+octet-stream\r\nUpload-Offset: {offset}\r\nContent-Length: 100000\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(part).await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(world.http.get(world.admin().to_owned() + "/healthz").send().await.unwrap().status(), 200);
}

/// Asks again until the answer is there.
async fn until<T: PartialEq + Copy>(mut ask: impl AsyncFnMut() -> Option<T>, expected: T) -> T {
    for _ in 0..500 {
        if ask().await == Some(expected) {
            return expected;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("it never came to that");
}

#[tokio::test]
async fn a_wrong_digest_starts_again_and_a_wrong_chunk_changes_nothing() {
    let world = World::new().await;
    let buyer = world.buyer(1).await;
    let bytes = content(5000);
    let job = world.job(world.account(1).await, &[("a", &bytes), ("empty", b"")]).await;
    let url = world.begin(&buyer.access, (job, "input", "a"), &bytes, None).await.location;
    let mut wrong = bytes.clone();
    wrong[77] ^= 1;
    for split in [5000, 2000] {
        world.patch(&buyer.access, &url, 0, &wrong[..split]).await;
        let sent = match split {
            5000 => world.patch(&buyer.access, &url, 0, &wrong).await,
            _ => world.patch(&buyer.access, &url, 2000, &wrong[2000..]).await,
        };
        assert_eq!(sent.status, 460, "{sent:?}");
        assert_eq!(world.head(&buyer.access, &url).await.offset, Some(0));
    }
    assert!(world.ground().files.of_job(job, FileKind::Input).await.unwrap().is_empty());

    let checksum = |bytes: &[u8]| {
        use base64::Engine as _;
        format!("sha256 {}", base64::prelude::BASE64_STANDARD.encode(sha256(bytes)))
    };
    let sum = checksum(&bytes[..3000]);
    let sent = world.patch_with(&buyer.access, &url, 0, &wrong[..3000], &[("upload-checksum", &sum)]).await;
    assert_eq!(sent.status, 460);
    assert_eq!(world.head(&buyer.access, &url).await.offset, Some(0));
    let sent = world.patch_with(&buyer.access, &url, 0, &bytes[..3000], &[("upload-checksum", &sum)]).await;
    assert_eq!((sent.status, sent.offset), (204, Some(3000)), "{sent:?}");
    let md5 = world.patch_with(&buyer.access, &url, 3000, b"x", &[("upload-checksum", "md5 abc")]).await;
    assert_eq!(md5.status, 400);
    let sent = world.patch(&buyer.access, &url, 3000, &bytes[3000..]).await;
    assert_eq!((sent.status, sent.offset), (204, Some(5000)));
    let empty = world.begin(&buyer.access, (job, "input", "empty"), b"", None).await;
    assert_eq!((empty.status, empty.offset), (201, Some(0)));
    assert_eq!(world.ground().files.of_job(job, FileKind::Input).await.unwrap().len(), 2);

    // what was thrown away is gone from the store as well
    world.clock.advance(Span::seconds(3601));
    world.ground().files.sweep().await.unwrap();
    assert_eq!(world.objects(), 2);
    world.close().await;
}

#[tokio::test]
async fn offsets_sizes_paths_and_headers_are_checked() {
    let world = World::new().await;
    let buyer = world.buyer(1).await;
    let bytes = content(1000);
    let job = world.job(world.account(1).await, &[("a", &bytes)]).await;
    let url = world.begin(&buyer.access, (job, "input", "a"), &bytes, None).await.location;
    for (offset, part, status) in
        [(1, &bytes[..10], 409), (5000, &bytes[..10], 409), (0, &content(1001)[..], 413)]
    {
        let sent = world.patch(&buyer.access, &url, offset, part).await;
        assert_eq!(sent.status, status, "{sent:?}");
    }
    assert_eq!(world.head(&buyer.access, &url).await.offset, Some(0));
    for path in ["../a", "/etc/passwd", "a/../../b", "C:\\x", "a\u{202e}b", "", &"x/".repeat(2000), "b"] {
        let sent = world.begin(&buyer.access, (job, "input", path), &bytes, None).await;
        assert_eq!(sent.status, 400, "{path:?} {sent:?}");
    }
    let other = world.begin(&buyer.access, (job, "input", "a"), &content(999), None).await;
    assert_eq!(other.status, 400, "declared with another size");
    let huge = [("upload-length", "99999999999999999999"), ("upload-metadata", "x")];
    let files = format!("{}/files", world.url(0));
    assert_eq!(world.tus(Method::POST, &files, &buyer.access, &huge, Vec::new()).await.status, 400);
    let huge = [("upload-length", "1099511627777"), ("upload-metadata", "x")];
    assert_eq!(world.tus(Method::POST, &files, &buyer.access, &huge, Vec::new()).await.status, 413);
    let untyped = world.tus(Method::PATCH, &url, &buyer.access, &[("upload-offset", "0")], vec![1]).await;
    assert_eq!(untyped.status, 415);
    let old = world.http.head(&url).bearer_auth(&buyer.access).send().await.unwrap();
    assert_eq!(old.status(), 412);
    assert_eq!(world.tus(Method::PUT, &url, &buyer.access, &[], Vec::new()).await.status, 405);
    world.close().await;
}

#[tokio::test]
async fn of_two_senders_at_once_one_wins() {
    let world = World::with(2, |_| {}).await;
    let buyer = world.buyer(1).await;
    let bytes = content(200_000);
    let job = world.job(world.account(1).await, &[("a", &bytes)]).await;
    let url = world.begin(&buyer.access, (job, "input", "a"), &bytes, None).await.location;
    let elsewhere = world.at(1, &url);
    let (one, two) = tokio::join!(
        world.patch(&buyer.access, &url, 0, &bytes),
        world.patch(&buyer.access, &elsewhere, 0, &bytes)
    );
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert!(statuses == [204, 409] || statuses == [204, 204], "{one:?} {two:?}");
    let files = world.ground().files.of_job(job, FileKind::Input).await.unwrap();
    assert_eq!(world.ground().files.content(&files[0], 1 << 20).await.unwrap(), bytes);
    world.close().await;
}

#[tokio::test]
async fn foreign_jobs_files_and_states_are_closed() {
    let world = World::new().await;
    let (owner, thief) = (world.buyer(1).await, world.buyer(2).await);
    let bytes = content(100);
    let job = world.job(world.account(1).await, &[("a", &bytes)]).await;
    let url = world.begin(&owner.access, (job, "input", "a"), &bytes, None).await.location;

    let status = async |token: &str| world.begin(token, (job, "input", "a"), &bytes, None).await.status;
    assert_eq!(status(&thief.access).await, 404);
    assert_eq!(status("").await, 401);
    assert_eq!(status("cyxu_AAAA").await, 401);
    let node = world.sign_in(&crate::support::Key::of(3), "ROLE_NODE").await;
    assert_eq!(status(&node.access).await, 403);
    for method in [Method::HEAD, Method::DELETE] {
        assert_eq!(world.tus(method, &url, &thief.access, &[], Vec::new()).await.status, 404);
    }
    assert_eq!(world.patch(&thief.access, &url, 0, &bytes).await.status, 404);
    assert_eq!(world.begin(&owner.access, (job, "output", "a"), &bytes, None).await.status, 403);
    assert_eq!(world.begin(&owner.access, ("job_nonsense", "input", "a"), &bytes, None).await.status, 400);

    world.set_state(job, "queued").await;
    assert_eq!(world.patch(&owner.access, &url, 0, &bytes).await.status, 400, "too late");
    assert_eq!(status(&owner.access).await, 400);
    world.set_state(job, "funded").await;
    assert_eq!(world.patch(&owner.access, &url, 0, &bytes).await.status, 204);
    assert_eq!(world.tus(Method::DELETE, &url, &owner.access, &[], Vec::new()).await.status, 204);
    assert_eq!(world.head(&owner.access, &url).await.status, 404);
    world.close().await;
}

#[tokio::test]
async fn an_attempt_sends_its_own_results_while_it_is_the_jobs() {
    let world = World::with(1, |settings| settings.max_output_bytes = Some(1000)).await;
    world.buyer(1).await;
    let (node, job) = (world.node(3).await, world.job(world.account(1).await, &[]).await);
    let first = world.attempt(job, node, 1).await;
    let token = world.ground().files.upload_token(first, Span::seconds(600));
    let send = async |token: &str, kind: &str, path: &str, bytes: &[u8], number: Option<u32>| {
        let begun = world.begin(token, (job, kind, path), bytes, number).await;
        match begun.status {
            201 => world.patch(token, &begun.location, 0, bytes).await.status,
            status => status,
        }
    };
    assert_eq!(send(&token, "output", "model.bin", &content(600), None).await, 204);
    assert_eq!(send(&token, "output", "more.bin", &content(500), None).await, 413, "over the bound");
    assert_eq!(send(&token, "output", "model.bin", &content(700), None).await, 204, "replaced");
    assert_eq!(
        send(&token, "checkpoint", "a", &content(900), Some(1)).await,
        204,
        "each checkpoint by itself"
    );
    assert_eq!(send(&token, "checkpoint", "a", &content(901), Some(2)).await, 204);
    assert_eq!(send(&token, "checkpoint", "a", &content(9), None).await, 400);
    assert_eq!(send(&token, "input", "a", &content(9), None).await, 403);
    let files = &world.ground().files;
    assert_eq!(files.of_attempt(first, FileKind::Checkpoint, 2).await.unwrap()[0].size, 901);
    files.delete_checkpoints_before(first, 2).await.unwrap();
    assert!(files.of_attempt(first, FileKind::Checkpoint, 1).await.unwrap().is_empty());

    let second = world.attempt(job, node, 2).await;
    assert_eq!(send(&token, "output", "late.bin", &content(10), None).await, 404, "fenced");
    let token = files.upload_token(second, Span::seconds(600));
    assert_eq!(send(&token, "output", "model.bin", &content(10), None).await, 204);
    world.clock.advance(Span::seconds(600));
    assert_eq!(send(&token, "output", "b", &content(10), None).await, 401, "the token ran out");
    let mut forged = files.upload_token(second, Span::seconds(600));
    forged.replace_range(30..31, if &forged[30..31] == "A" { "B" } else { "A" });
    assert_eq!(send(&forged, "output", "b", &content(10), None).await, 401);

    files.delete_job(job).await.unwrap();
    files.sweep().await.unwrap();
    assert_eq!(world.objects(), 0);
    world.close().await;
}

#[tokio::test]
async fn abandoned_uploads_are_given_up() {
    let world = World::new().await;
    let buyer = world.buyer(1).await;
    let bytes = content(1000);
    let job = world.job(world.account(1).await, &[("a", &bytes)]).await;
    let url = world.begin(&buyer.access, (job, "input", "a"), &bytes, None).await.location;
    world.patch(&buyer.access, &url, 0, &bytes[..500]).await;
    assert_eq!(world.objects(), 1);
    world.clock.advance(Span::seconds(24 * 3600));
    assert_eq!(world.ground().files.sweep().await.unwrap(), 1);
    assert_eq!(world.objects(), 0);
    let buyer = world.buyer(1).await;
    assert_eq!(world.head(&buyer.access, &url).await.status, 404);
    world.close().await;
}
