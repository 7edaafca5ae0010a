use vyr_model::prefixed_id;

prefixed_id!(
    /// Names one job: `job_` and 32 hex digits. Its 16 bytes stand in the seeds of its escrow.
    JobId, "job", "job_"
);
prefixed_id!(
    /// Names one assignment of a job to a node: `att_` and 32 hex digits.
    AttemptId, "attempt", "att_"
);
prefixed_id!(
    /// Names one node: `nod_` and 32 hex digits.
    NodeId, "node", "nod_"
);
prefixed_id!(
    /// Names one buyer's account: `acc_` and 32 hex digits.
    AccountId, "account", "acc_"
);
prefixed_id!(
    /// Names one session: `ses_` and 32 hex digits.
    SessionId, "session", "ses_"
);
prefixed_id!(
    /// Names one upload that goes on: `upl_` and 32 hex digits.
    UploadId, "upload", "upl_"
);
prefixed_id!(
    /// Names one stored file of a job: `fil_` and 32 hex digits.
    FileId, "file", "fil_"
);
