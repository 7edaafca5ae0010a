//! Backups, and that they can be restored.

use cyxwiz_model::Span;
use cyxwiz_server::backup;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgPoolOptions;

use crate::support::World;

/// Every table with its rows' digest.
async fn contents(database: &str) -> Vec<(String, i64, Option<String>)> {
    let pool = PgPoolOptions::new().max_connections(1).connect(database).await.unwrap();
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
            .fetch_all(&pool)
            .await
            .unwrap();
    let mut found = Vec::new();
    for table in tables {
        let query = format!("SELECT count(*), md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {table} t");
        let (rows, digest) = sqlx::query_as(AssertSqlSafe(query)).fetch_one(&pool).await.unwrap();
        found.push((table, rows, digest));
    }
    pool.close().await;
    found
}

#[tokio::test]
async fn a_backup_restores_into_an_empty_database_to_the_last_row() {
    let world = World::new().await;
    let buyer = world.buyer(1).await;
    let job = world.job(world.account(1).await, &[("a", b"hello"), ("b", b"world")]).await;
    for (path, content) in [("a", b"hello"), ("b", b"world")] {
        let url = world.begin(&buyer.access, (job, "input", path), content, None).await.location;
        assert_eq!(world.patch(&buyer.access, &url, 0, content).await.status, 204);
    }
    world.verb(&["admin", "price", "set", "cpu", "0.05"]).unwrap();
    let made = world.verb(&["backup", "now"]).unwrap();
    let name = made["name"].as_str().unwrap();
    assert_eq!(world.verb(&["backup", "list"]).unwrap()[0]["objects"], 2);

    let full = world.verb(&["backup", "restore", name]).unwrap_err();
    assert!(full.contains("the database is not empty"), "{full}");
    sqlx::query("CREATE DATABASE again").execute(world.db().pool()).await.unwrap();
    let unknown = world.verb_at(&world.database("again"), &["backup", "restore", "2020"]).unwrap_err();
    assert!(unknown.contains("there is no backup `2020`"), "{unknown}");
    let restored = world.verb_at(&world.database("again"), &["backup", "restore", "latest"]).unwrap();
    assert_eq!((restored["restored"].as_str(), &restored["objects_missing"]), (Some(name), &0.into()));
    let (before, after) =
        (contents(&world.database("cyxwiz")).await, contents(&world.database("again")).await);
    assert!(before.iter().any(|(table, rows, _)| table == "file_parts" && *rows == 2));
    assert_eq!(before, after);

    // bytes that are gone are told
    std::fs::remove_dir_all(world.folder.path().join("objects/jobs")).unwrap();
    sqlx::query("CREATE DATABASE third").execute(world.db().pool()).await.unwrap();
    let restored = world.verb_at(&world.database("third"), &["backup", "restore", name]).unwrap();
    assert_eq!(restored["objects_missing"], 2);
    world.close().await;
}

#[tokio::test]
async fn one_a_day_is_made_by_one_server_and_old_ones_go() {
    let world = World::with(2, |settings| {
        settings.backup_hour = Some("0".into());
        settings.backups_kept = Some(2);
    })
    .await;
    let folder = &world.ground().config.storage.backup.folder;
    for day in 1..=3 {
        for _ in 0..2_000 {
            let done: i64 = sqlx::query_scalar("SELECT count(*) FROM backups WHERE done_at IS NOT NULL")
                .fetch_one(world.db().pool())
                .await
                .unwrap();
            if done == day {
                break;
            }
            world.backup_turn().await;
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        world.backup_turn().await;
        let expected = usize::try_from(day).unwrap().min(2);
        assert_eq!(backup::list(folder).unwrap().len(), expected, "day {day}");
        world.clock.advance(Span::seconds(24 * 3600));
    }
    world.close().await;
}
