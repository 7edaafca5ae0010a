//! Rows that the market's own services would write.

use cyxwiz_model::{AccountId, AttemptId, JobId, NodeId};
use cyxwiz_server::db::DbId as _;

use super::{Key, World, sha256};

impl World {
    pub(crate) async fn account(&self, seed: u8) -> AccountId {
        let id = sqlx::query_scalar("SELECT id FROM accounts WHERE wallet = $1")
            .bind(Key::of(seed).address())
            .fetch_one(self.db().pool())
            .await
            .unwrap();
        AccountId::from_uuid(id)
    }

    /// A draft job with these inputs.
    pub(crate) async fn job(&self, owner: AccountId, inputs: &[(&str, &[u8])]) -> JobId {
        let job = JobId::generate();
        let pool = self.db().pool();
        sqlx::query(
            "INSERT INTO jobs (id, account_id, buyer, idempotency_key, request_sha256, name, spec, state, state_at,
                 created_at, trace_id, coin, price, rate, quote_expires_at, deposit, limit_units, expire_at,
                 config_version, settle_key, treasury, fee_bps, timeout_ms, max_attempts)
             VALUES ($1, $2, $3, $1::text, '', 'a job', '', 'draft', 0, 0, '', 'USDC', 1, 1, 0, 1, 1, 4000000000, 1, $3, $3,
                 1000, 1000, 3)",
        )
        .bind(job.uuid())
        .bind(owner.uuid())
        .bind([7_u8; 32].as_slice())
        .execute(pool)
        .await
        .unwrap();
        for (path, content) in inputs {
            sqlx::query("INSERT INTO job_inputs (job_id, path, size, sha256) VALUES ($1, $2, $3, $4)")
                .bind(job.uuid())
                .bind(path)
                .bind(i64::try_from(content.len()).unwrap())
                .bind(sha256(content).as_slice())
                .execute(pool)
                .await
                .unwrap();
        }
        job
    }

    pub(crate) async fn set_state(&self, job: JobId, state: &str) {
        sqlx::query("UPDATE jobs SET state = $2 WHERE id = $1")
            .bind(job.uuid())
            .bind(state)
            .execute(self.db().pool())
            .await
            .unwrap();
    }

    /// The job's next attempt, which runs.
    pub(crate) async fn attempt(&self, job: JobId, node: NodeId, epoch: i32) -> AttemptId {
        let attempt = AttemptId::generate();
        let pool = self.db().pool();
        sqlx::query(
            "INSERT INTO attempts (id, job_id, epoch, node_id, place, gpu_uuid, payee, assigned_at)
             VALUES ($1, $2, $3, $4, $3::text, '', $5, 0)",
        )
        .bind(attempt.uuid())
        .bind(job.uuid())
        .bind(epoch)
        .bind(node.uuid())
        .bind([7_u8; 32].as_slice())
        .execute(pool)
        .await
        .unwrap();
        sqlx::query("UPDATE jobs SET attempt_id = $2, epoch = $3, state = 'running' WHERE id = $1")
            .bind(job.uuid())
            .bind(attempt.uuid())
            .bind(epoch)
            .execute(pool)
            .await
            .unwrap();
        attempt
    }

    pub(crate) async fn node(&self, seed: u8) -> NodeId {
        self.sign_in(&Key::of(seed), "ROLE_NODE").await;
        let id = sqlx::query_scalar("SELECT id FROM nodes WHERE identity_key = $1")
            .bind(Key::of(seed).address())
            .fetch_one(self.db().pool())
            .await
            .unwrap();
        NodeId::from_uuid(id)
    }
}
