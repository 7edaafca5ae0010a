//! Reading by links.

use cyxwiz_model::Span;
use cyxwiz_server::files::FileKind;

use crate::support::World;

#[tokio::test]
async fn a_link_reads_its_file_and_no_other_for_its_time() {
    let world = World::with(2, |_| {}).await;
    let buyer = world.buyer(1).await;
    let bytes: Vec<u8> = (0..20_000_u32).map(|at| (at % 253) as u8).collect();
    let job = world.job(world.account(1).await, &[("a", &bytes), ("b", b"secret"), ("empty", b"")]).await;
    for (path, content) in [("a", bytes.as_slice()), ("b", b"secret"), ("empty", b"")] {
        let url = world.begin(&buyer.access, (job, "input", path), content, None).await.location;
        if path == "a" {
            world.patch(&buyer.access, &url, 0, &content[..7000]).await;
            world.patch(&buyer.access, &url, 7000, &content[7000..]).await;
        } else if !content.is_empty() {
            world.patch(&buyer.access, &url, 0, content).await;
        }
    }
    let files = world.ground().files.of_job(job, FileKind::Input).await.unwrap();
    let [a, b, empty] = files.as_slice() else { panic!("{files:?}") };
    let link = world.ground().files.link_for(a, Span::seconds(60)).url;
    let get = async |url: &str, range: Option<&str>| {
        let mut request = world.http.get(url);
        if let Some(range) = range {
            request = request.header("range", range);
        }
        let response = request.send().await.unwrap();
        let range = response.headers().get("content-range").map(|range| range.to_str().unwrap().to_owned());
        (response.status().as_u16(), range, response.bytes().await.unwrap())
    };
    // any server of the database answers
    for server in [0, 1] {
        let (status, _, body) = get(&world.at(server, &link), None).await;
        assert_eq!((status, body.as_ref()), (200, bytes.as_slice()));
    }
    let (status, range, body) = get(&link, Some("bytes=6990-7009")).await;
    assert_eq!((status, range.as_deref()), (206, Some("bytes 6990-7009/20000")));
    assert_eq!(body, bytes[6990..7010]);
    assert_eq!(get(&link, Some("bytes=-5")).await.2, bytes[19_995..]);
    let (status, range, _) = get(&link, Some("bytes=20000-")).await;
    assert_eq!((status, range.as_deref()), (416, Some("bytes */20000")));
    assert_eq!(get(&world.ground().files.link(empty).url, None).await.0, 200);
    let head = world.http.head(&link).send().await.unwrap();
    assert_eq!(head.headers()["content-length"], "20000");

    let foreign = link.replace(&a.id.to_string(), &b.id.to_string());
    assert_eq!(get(&foreign, None).await.0, 401);
    let longer = link.replace("expires=1", "expires=2");
    assert_ne!(longer, link);
    assert_eq!(get(&longer, None).await.0, 401);
    assert_eq!(get(&link[..link.find('?').unwrap()], None).await.0, 401);
    world.clock.advance(Span::seconds(60));
    assert_eq!(get(&link, None).await.0, 401);
    world.close().await;
}
