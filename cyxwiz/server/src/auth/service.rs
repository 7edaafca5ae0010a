use connectrpc::{ConnectError, RequestContext, Response, ServiceRequest, ServiceResult};
use cyxwiz_chain::escrow::Address;
use cyxwiz_model::{Moment, SessionId};
use cyxwiz_proto::v1::{
    AuthService, CreateChallengeRequest, CreateChallengeResponse, ListSessionsRequest, ListSessionsResponse,
    LogoutRequest, LogoutResponse, Reason, RefreshSessionRequest, RefreshSessionResponse, Role as WireRole,
    Session, SessionInfo, VerifyChallengeRequest, VerifyChallengeResponse,
};
use sqlx::Row as _;

use super::challenge::nonce_of;
use super::session::{self, Pair, Refreshed};
use super::token::random;
use super::{Challenge, Role, signature};
use crate::db::{DbId, address};
use crate::wire::timestamp;
use crate::{Caller, Ground, Refusal, ServerError};

/// A message is about 450 bytes; longer ones are not ours.
const MAX_MESSAGE: usize = 2048;

/// The sign-in service.
#[derive(Debug)]
pub struct Auth {
    ground: Ground,
}

impl Auth {
    /// A service on this ground.
    #[must_use]
    pub const fn new(ground: Ground) -> Self {
        Self { ground }
    }

    async fn challenge(&self, request: CreateChallengeRequest) -> Result<CreateChallengeResponse, Refusal> {
        let role = role(request.role.as_known())?;
        let address: Address = request
            .address
            .parse()
            .map_err(|_| Refusal::field("address", "no Solana address: 32 bytes in base58"))?;
        let Ground { config, db, clock, network, .. } = &self.ground;
        let nonce = hex::encode(random::<16>()?);
        let challenge = Challenge {
            domain: config.listen.domain.as_deref().unwrap_or_default(),
            uri: config.listen.public_url.as_deref().unwrap_or_default(),
            cluster: network.cluster,
            address,
            role,
            nonce: &nonce,
            issued_at: clock.now(),
        };
        let (message, expires_at) = (challenge.text(), challenge.expires_at());
        sqlx::query(
            "INSERT INTO challenges (nonce, address, role, message, expires_at) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(&nonce)
        .bind(address.to_string())
        .bind(role.to_string())
        .bind(&message)
        .bind(expires_at.0)
        .execute(db.pool())
        .await?;
        Ok(CreateChallengeResponse {
            message,
            expires_at: timestamp(expires_at).into(),
            ..Default::default()
        })
    }

    async fn verify(&self, request: VerifyChallengeRequest) -> Result<Session, Refusal> {
        let now = self.ground.clock.now();
        let (role, address) = self.claim(&request.message, now).await?;
        if !signature::holds(&address, request.message.as_bytes(), &request.signature) {
            let message = "the signature is not this address's over this message";
            return Err(Refusal::new(Reason::REASON_BAD_SIGNATURE, message)
                .mend("ask for a new message and sign its exact UTF-8 bytes with Ed25519"));
        }
        let mut db = self.ground.db.pool().begin().await?;
        if let Some(reason) = session::banned(&mut db, &address).await? {
            return Err(Refusal::new(Reason::REASON_BANNED, format!("this node was banned: {reason}")));
        }
        let pair = session::open(&mut db, role, &address, now).await?;
        db.commit().await?;
        tracing::info!(session.id = %pair.session, %role, %address, "signed in");
        Ok(wire(pair))
    }

    /// Takes the challenge that a message answers; from then on nobody can answer it again.
    async fn claim(&self, message: &str, now: Moment) -> Result<(Role, Address), Refusal> {
        let bad = |message: &str| {
            Refusal::new(Reason::REASON_BAD_CHALLENGE, message)
                .mend("ask for a new message, and send it unchanged")
        };
        if message.len() > MAX_MESSAGE {
            return Err(bad("the message is not one of this server"));
        }
        let nonce = nonce_of(message).ok_or_else(|| bad("the message is not one of this server"))?;
        let row = sqlx::query(
            "DELETE FROM challenges WHERE nonce = $1 RETURNING address, role, message, expires_at",
        )
        .bind(nonce)
        .fetch_optional(self.ground.db.pool())
        .await?;
        let row = row.ok_or_else(|| bad("the message is unknown or was used before"))?;
        if row.try_get::<&str, _>("message")? != message {
            return Err(bad("the message is not the one that was given out"));
        }
        // servers of one database may be known by different names: a message for one is none for the other
        let domain = self.ground.config.listen.domain.as_deref().unwrap_or_default();
        if !message.starts_with(&format!("{domain} wants you to sign in ")) {
            return Err(bad("the message is for another server"));
        }
        if row.try_get::<i64, _>("expires_at")? <= now.0 {
            return Err(bad("the message is too old"));
        }
        let role: Role = row.try_get::<&str, _>("role")?.parse()?;
        Ok((role, address(row.try_get("address")?)?))
    }

    async fn refresh(&self, request: RefreshSessionRequest) -> Result<Session, Refusal> {
        let mut db = self.ground.db.pool().begin().await?;
        let refreshed = session::refresh(&mut db, &request.refresh_token, self.ground.clock.now()).await?;
        db.commit().await?;
        match refreshed {
            Refreshed::Pair(pair) => Ok(wire(pair)),
            Refreshed::Unknown => {
                Err(Refusal::no_session("the refresh token is unknown, or its session has ended"))
            }
            Refreshed::Reused => {
                tracing::warn!("a refresh token was used twice; its session was ended");
                Err(Refusal::no_session("this refresh token was used before: its session was ended"))
            }
        }
    }

    async fn logout(&self, caller: Caller, request: LogoutRequest) -> Result<(), Refusal> {
        let current = caller.session()?;
        let session: SessionId = match request.session_id.as_str() {
            "" => current,
            id => id.parse().map_err(|error| Refusal::field("session_id", error))?,
        };
        let mut db = self.ground.db.pool().acquire().await.map_err(ServerError::from)?;
        let own = sqlx::query(
            "SELECT 1 FROM sessions s JOIN sessions c ON c.id = $2
             WHERE s.id = $1 AND s.ended_at IS NULL AND (s.account_id = c.account_id OR s.node_id = c.node_id)",
        )
        .bind(session.uuid())
        .bind(current.uuid())
        .fetch_optional(&mut *db)
        .await?;
        if own.is_none() {
            return Err(Refusal::not_found("session", session));
        }
        Ok(session::end(&mut db, session, "signed out", self.ground.clock.now()).await?)
    }

    async fn list(&self, caller: Caller) -> Result<Vec<SessionInfo>, Refusal> {
        let current = caller.session()?;
        let rows = sqlx::query(
            "SELECT s.id, s.created_at, s.last_used_at FROM sessions s JOIN sessions c ON c.id = $1
             WHERE s.ended_at IS NULL AND s.expires_at > $2
               AND (s.account_id = c.account_id OR s.node_id = c.node_id)
             ORDER BY s.created_at DESC, s.id DESC",
        )
        .bind(current.uuid())
        .bind(self.ground.clock.now().0)
        .fetch_all(self.ground.db.pool())
        .await?;
        let info = |row: sqlx::postgres::PgRow| -> Result<SessionInfo, sqlx::Error> {
            let id = SessionId::from_uuid(row.try_get(0)?);
            Ok(SessionInfo {
                id: id.to_string(),
                created_at: timestamp(Moment(row.try_get(1)?)).into(),
                last_used_at: timestamp(Moment(row.try_get(2)?)).into(),
                current: id == current,
                ..Default::default()
            })
        };
        Ok(rows.into_iter().map(info).collect::<Result<_, _>>()?)
    }
}

fn role(role: Option<WireRole>) -> Result<Role, Refusal> {
    match role {
        Some(WireRole::ROLE_BUYER) => Ok(Role::Buyer),
        Some(WireRole::ROLE_NODE) => Ok(Role::Node),
        Some(WireRole::ROLE_UNSPECIFIED) | None => Err(Refusal::field("role", "say ROLE_BUYER or ROLE_NODE")),
    }
}

fn wire(pair: Pair) -> Session {
    Session {
        id: pair.session.to_string(),
        access_token: pair.access.reveal(),
        access_expires_at: timestamp(pair.access_expires).into(),
        refresh_token: pair.refresh.reveal(),
        refresh_expires_at: timestamp(pair.refresh_expires).into(),
        ..Default::default()
    }
}

#[expect(refining_impl_trait, reason = "the service is internal: nobody implements or names these types")]
impl AuthService for Auth {
    async fn create_challenge(
        &self,
        _context: RequestContext,
        request: ServiceRequest<'_, CreateChallengeRequest>,
    ) -> ServiceResult<CreateChallengeResponse> {
        Response::ok(self.challenge(request.to_owned_message()).await?)
    }

    async fn verify_challenge(
        &self,
        _context: RequestContext,
        request: ServiceRequest<'_, VerifyChallengeRequest>,
    ) -> ServiceResult<VerifyChallengeResponse> {
        let session = self.verify(request.to_owned_message()).await?;
        Response::ok(VerifyChallengeResponse { session: session.into(), ..Default::default() })
    }

    async fn refresh_session(
        &self,
        _context: RequestContext,
        request: ServiceRequest<'_, RefreshSessionRequest>,
    ) -> ServiceResult<RefreshSessionResponse> {
        let session = self.refresh(request.to_owned_message()).await?;
        Response::ok(RefreshSessionResponse { session: session.into(), ..Default::default() })
    }

    async fn logout(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, LogoutRequest>,
    ) -> ServiceResult<LogoutResponse> {
        self.logout(Caller::of(&context), request.to_owned_message()).await.map_err(ConnectError::from)?;
        Response::ok(LogoutResponse::default())
    }

    async fn list_sessions(
        &self,
        context: RequestContext,
        _request: ServiceRequest<'_, ListSessionsRequest>,
    ) -> ServiceResult<ListSessionsResponse> {
        let sessions = self.list(Caller::of(&context)).await?;
        Response::ok(ListSessionsResponse { sessions, ..Default::default() })
    }
}
