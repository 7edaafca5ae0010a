//! How fast jobs are placed. Ignored where nobody asks: a figure of one machine is no test.

use std::time::Instant;

use cyxwiz_model::JobId;
use cyxwiz_server::db::DbId as _;

use super::bazaar::Bazaar;
use super::node::Node;

const NODES: i64 = 10_000;
const JOBS: i64 = 2_000;

#[tokio::test]
#[ignore = "a measurement"]
async fn placements_a_second() {
    let bazaar = Bazaar::open().await;
    let node = Node::enrolled(&bazaar, 21, 0).await;
    let (pool, now) = (bazaar.world.db().pool(), bazaar.world.clock.now().0);
    let template: uuid::Uuid = node.id.parse::<cyxwiz_model::NodeId>().unwrap().uuid();
    // ten thousand nodes like it, which beat now
    for statement in [
        "INSERT INTO nodes (id, identity_key, created_at) SELECT gen_random_uuid(), 'k' || n, 0 FROM generate_series(1, $2) n",
        "INSERT INTO node_offers SELECT n.id, o.enrolled, o.enrolled_at, o.payout_wallet, o.min_price, o.availability,
            o.confirmed, o.confirmed_at, o.hardware FROM nodes n, node_offers o WHERE o.node_id = $1 AND n.id <> $1 AND $2 > 0",
        "INSERT INTO places SELECT n.id, p.place, p.gpu_uuid, p.gpu_type, p.vram_mib, p.cpu_milli, p.memory_mib,
            p.disk_mib, p.containers FROM nodes n, places p WHERE p.node_id = $1 AND n.id <> $1 AND $2 > 0",
    ] {
        sqlx::query(statement).bind(template).bind(NODES).execute(pool).await.unwrap_or_else(|error| panic!("{error}"));
    }
    sqlx::query("INSERT INTO node_beats SELECT id, $1, gen_random_uuid() FROM nodes ON CONFLICT (node_id) DO UPDATE SET last_beat = $1, server_id = gen_random_uuid()")
        .bind(now).execute(pool).await.unwrap();
    sqlx::query("ANALYZE").execute(pool).await.unwrap();
    let job = bazaar.create(Bazaar::spec(cyxwiz_chain::Coin::Usdc, 600), 0, 0, "one").await;
    let job: JobId = job.id.parse().unwrap();
    let columns: String = sqlx::query_scalar(
        "SELECT string_agg(column_name, ', ' ORDER BY ordinal_position) FROM information_schema.columns
         WHERE table_name = 'jobs' AND column_name NOT IN ('id', 'idempotency_key', 'state', 'queued_at')",
    )
    .fetch_one(pool)
    .await
    .unwrap();
    let copy = format!(
        "INSERT INTO jobs (id, idempotency_key, state, queued_at, {columns})
         SELECT gen_random_uuid(), 'k' || n, 'draft', n, {columns} FROM jobs, generate_series(1, {JOBS}) n WHERE id = $1"
    );
    sqlx::query(sqlx::AssertSqlSafe(copy)).bind(job.uuid()).execute(pool).await.unwrap();
    sqlx::query("INSERT INTO job_seq (job_id) SELECT id FROM jobs ON CONFLICT DO NOTHING")
        .execute(pool)
        .await
        .unwrap();
    let start = Instant::now();
    sqlx::query("UPDATE jobs SET state = 'queued' WHERE id <> $1")
        .bind(job.uuid())
        .execute(pool)
        .await
        .unwrap();
    sqlx::query("SELECT pg_notify('cyx_queue', '')").execute(pool).await.unwrap();
    loop {
        let left: i64 = sqlx::query_scalar("SELECT count(*) FROM jobs WHERE state = 'queued'")
            .fetch_one(pool)
            .await
            .unwrap();
        if left == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let took = start.elapsed();
    println!(
        "{JOBS} jobs on {NODES} nodes placed in {took:?}: {:.0} a second",
        JOBS as f64 / took.as_secs_f64()
    );
}
