use connectrpc::{ErrorCode, RequestContext, Response, ServiceRequest, ServiceResult};
use cyxwiz_chain::escrow::Address;
use cyxwiz_proto::v1::{
    AuthService, CreateChallengeRequest, CreateChallengeResponse, ListSessionsRequest, ListSessionsResponse,
    LogoutRequest, LogoutResponse, Reason, RefreshSessionRequest, RefreshSessionResponse, Session,
    SessionInfo, VerifyChallengeRequest, VerifyChallengeResponse,
};
use solana_signature::Signature;

use super::{Shared, State, at, millis, now, refuse};

impl State {
    fn open(&mut self, owner: &str) -> Session {
        self.opened += 1;
        let number = self.opened;
        let (access, refresh) = (format!("access-{number}"), format!("refresh-{number}"));
        let until = millis() + self.access_ms;
        self.access.insert(access.clone(), (owner.to_owned(), until));
        self.refresh.insert(refresh.clone(), owner.to_owned());
        Session {
            id: "ses_1".to_owned(),
            access_token: access,
            access_expires_at: at(until).into(),
            refresh_token: refresh,
            refresh_expires_at: at(until + 2_592_000_000).into(),
            ..Default::default()
        }
    }
}

#[expect(refining_impl_trait, reason = "nobody names these types")]
impl AuthService for Shared {
    async fn create_challenge(
        &self,
        _: RequestContext,
        request: ServiceRequest<'_, CreateChallengeRequest>,
    ) -> ServiceResult<CreateChallengeResponse> {
        let mut state = self.state();
        let time = |ms| jiff::Timestamp::from_millisecond(ms).unwrap();
        let (issued, expires) = (time(millis()), time(millis() + 300_000));
        let message = format!(
            "{domain} wants you to sign in with your Solana account:\n{address}\n\nSign in to buy compute.\n\n\
             URI: http://{domain}\nVersion: 1\nChain ID: localnet\nNonce: nonce{count:08}\nIssued At: {issued}\n\
             Expiration Time: {expires}\nResources:\n- urn:cyxwiz:role:buyer",
            domain = state.domain,
            address = request.address,
            count = state.challenges.len(),
        );
        let message = (state.message)(message);
        state.challenges.insert(message.clone(), request.address.to_owned());
        Response::ok(CreateChallengeResponse {
            message,
            expires_at: at(millis() + 300_000).into(),
            ..Default::default()
        })
    }

    async fn verify_challenge(
        &self,
        _: RequestContext,
        request: ServiceRequest<'_, VerifyChallengeRequest>,
    ) -> ServiceResult<VerifyChallengeResponse> {
        let mut state = self.state();
        let Some(address) = state.challenges.remove(request.message) else {
            return Err(refuse(
                ErrorCode::Unauthenticated,
                Reason::REASON_BAD_CHALLENGE,
                "no such challenge",
            ));
        };
        let key: Address = address.parse().unwrap();
        let signature = Signature::try_from(request.signature).unwrap();
        if !signature.verify(key.as_ref(), request.message.as_bytes()) {
            return Err(refuse(ErrorCode::Unauthenticated, Reason::REASON_BAD_SIGNATURE, "bad signature"));
        }
        let session = state.open(&address);
        Response::ok(VerifyChallengeResponse { session: session.into(), ..Default::default() })
    }

    async fn refresh_session(
        &self,
        _: RequestContext,
        request: ServiceRequest<'_, RefreshSessionRequest>,
    ) -> ServiceResult<RefreshSessionResponse> {
        let mut state = self.state();
        let Some(owner) = state.refresh.remove(request.refresh_token) else {
            // used twice: somebody else has it
            state.access.clear();
            state.refresh.clear();
            return Err(refuse(
                ErrorCode::Unauthenticated,
                Reason::REASON_NO_SESSION,
                "the session has ended",
            ));
        };
        state.refreshes += 1;
        state.access.retain(|_, (of, _)| *of != owner);
        let session = state.open(&owner);
        Response::ok(RefreshSessionResponse { session: session.into(), ..Default::default() })
    }

    async fn logout(
        &self,
        context: RequestContext,
        _: ServiceRequest<'_, LogoutRequest>,
    ) -> ServiceResult<LogoutResponse> {
        let owner = self.caller(&context)?;
        let mut state = self.state();
        state.access.retain(|_, (of, _)| *of != owner);
        state.refresh.retain(|_, of| *of != owner);
        Response::ok(LogoutResponse::default())
    }

    async fn list_sessions(
        &self,
        context: RequestContext,
        _: ServiceRequest<'_, ListSessionsRequest>,
    ) -> ServiceResult<ListSessionsResponse> {
        self.caller(&context)?;
        let info = SessionInfo {
            id: "ses_1".to_owned(),
            created_at: now().into(),
            last_used_at: now().into(),
            current: true,
            ..Default::default()
        };
        Response::ok(ListSessionsResponse { sessions: vec![info], ..Default::default() })
    }
}
