//! Tables of every earlier version, with rows in them, become today's by the verb `migrate`.

use std::collections::BTreeMap;

use cyxwiz_server::db::MIGRATIONS;
use sqlx::migrate::Migrator;
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, PgPool};

use crate::support::World;

/// A row in every table of the first version.
const GROUND: &str = "
    INSERT INTO accounts VALUES ('00000000-0000-0000-0000-000000000001', 'wallet', 1, 5);
    INSERT INTO nodes VALUES ('00000000-0000-0000-0000-000000000002', 'key', 2, 3, 'it lied');
    INSERT INTO challenges VALUES ('nonce', 'wallet', 'buyer', 'sign this', 9);
    INSERT INTO sessions VALUES
        ('00000000-0000-0000-0000-000000000003', '00000000-0000-0000-0000-000000000001', NULL, 1, 2, 3, NULL, NULL);
    INSERT INTO tokens VALUES ('\\x01', '00000000-0000-0000-0000-000000000003', 'access', 4, NULL);
    INSERT INTO list_prices VALUES ('cpu', 50000, 1);
    INSERT INTO sol_rates VALUES (1, 160000000);
    INSERT INTO platform (paused_at, link_key) VALUES (7, decode(repeat('ab', 32), 'hex'));
    INSERT INTO backups VALUES ('2026-01-01', 1, 2, 'a backup');
    INSERT INTO admin_log (at, verb, detail) VALUES (1, 'pause', '{}');
    INSERT INTO files (id, job_id, kind, path, size, sha256, state, created_at, touched_at) VALUES
        ('00000000-0000-0000-0000-000000000004', '00000000-0000-0000-0000-000000000005', 'input', 'train.py', 1,
         decode(repeat('cd', 32), 'hex'), 'open', 1, 1);
    INSERT INTO file_parts VALUES ('00000000-0000-0000-0000-000000000004', 0, 1, 'an object');
    INSERT INTO orphans VALUES ('another object', 1);";

/// A job that runs, with what hangs on it.
const MARKET: &str = "
    INSERT INTO jobs (id, account_id, buyer, idempotency_key, request_sha256, name, spec, state, state_at, created_at,
        trace_id, coin, price, rate, quote_expires_at, deposit, limit_units, expire_at, config_version, settle_key,
        treasury, fee_bps, timeout_ms, max_attempts) SELECT '00000000-0000-0000-0000-000000000005',
        '00000000-0000-0000-0000-000000000001', k, 'one', '', 'a job', '', 'running', 0, 0, '', 'USDC', 1, 1, 0, 1, 1,
        4000000000, 1, k, k, 1000, 1000, 3 FROM (SELECT decode(repeat('07', 32), 'hex') AS k) AS keys;
    INSERT INTO attempts (id, job_id, epoch, node_id, place, gpu_uuid, payee, assigned_at) SELECT
        '00000000-0000-0000-0000-000000000006', '00000000-0000-0000-0000-000000000005', 1,
        '00000000-0000-0000-0000-000000000002', 'cpu0', '', decode(repeat('07', 32), 'hex'), 1;
    INSERT INTO meters VALUES
        ('00000000-0000-0000-0000-000000000006', '00000000-0000-0000-0000-000000000005', 1, 2, 3, NULL, NULL);
    INSERT INTO job_events VALUES ('00000000-0000-0000-0000-000000000005', 1, '\\x02');
    INSERT INTO outbox (job_id, kind, epoch, created_at) VALUES ('00000000-0000-0000-0000-000000000005', 'assign', 1, 1);
    INSERT INTO benchmarks VALUES ('00000000-0000-0000-0000-000000000007', '00000000-0000-0000-0000-000000000002',
        '\\x01', 1, 1, 'a processor', '\\x02', 1, 2, NULL, NULL, NULL);
    INSERT INTO uptime (up_since, seen_at) VALUES (1, 2);";

/// Every row of every table, as far as these columns go.
async fn rows(pool: &PgPool, columns: &BTreeMap<String, String>) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    for (table, columns) in columns {
        let query = format!("SELECT t::text FROM (SELECT {columns} FROM {table}) AS t ORDER BY 1");
        found.insert(table.clone(), sqlx::query_scalar(AssertSqlSafe(query)).fetch_all(pool).await.unwrap());
    }
    found
}

/// Each table's columns.
async fn columns(pool: &PgPool) -> BTreeMap<String, String> {
    let found: Vec<(String, String)> = sqlx::query_as(
        "SELECT table_name::text, string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position)
         FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations' GROUP BY 1",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    found.into_iter().collect()
}

async fn versions(pool: &PgPool) -> Vec<i64> {
    sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE success ORDER BY 1")
        .fetch_all(pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn every_earlier_version_becomes_todays_with_its_rows() {
    let world = World::new().await;
    let newest: Vec<i64> = MIGRATIONS.iter().map(|migration| migration.version).collect();
    let today = columns(world.db().pool()).await;
    for count in 1..newest.len() {
        let name = format!("of_{count}");
        sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .execute(world.db().pool())
            .await
            .unwrap();
        let database = world.database(&name);
        let pool = PgPoolOptions::new().max_connections(1).connect(&database).await.unwrap();
        let old = Migrator::with_migrations(MIGRATIONS.iter().take(count).cloned().collect());
        old.run(&pool).await.unwrap();
        sqlx::raw_sql(GROUND).execute(&pool).await.unwrap();
        if count > 1 {
            sqlx::raw_sql(MARKET).execute(&pool).await.unwrap();
        }
        let had = columns(&pool).await;
        let before = rows(&pool, &had).await;
        assert!(count > 1 || before.values().all(|rows| rows.len() == 1), "{before:?}");

        world.verb_at(&database, &["migrate"]).unwrap();
        assert_eq!(versions(&pool).await, newest);
        assert_eq!(columns(&pool).await, today, "as if it had been made today");
        assert_eq!(rows(&pool, &had).await, before);
        // once is enough
        world.verb_at(&database, &["migrate"]).unwrap();
        assert_eq!(rows(&pool, &had).await, before);
        pool.close().await;
    }
    world.close().await;
}

#[tokio::test]
async fn a_database_of_a_later_version_is_left_alone() {
    let world = World::new().await;
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'of tomorrow', true, '', 0)",
    )
    .execute(world.db().pool())
    .await
    .unwrap();
    let refused = world.verb(&["migrate"]).unwrap_err();
    assert_eq!(refused.trim().lines().count(), 1, "{refused}");
    assert!(refused.contains("9999"), "{refused}");
    world.close().await;
}
