use std::time::{Duration, SystemTime};

use cyxwiz_proto::v1;

use super::{Fault, client::Server, siws};

/// A token is renewed so long before its end.
const EARLY: Duration = Duration::from_secs(120);
/// What a token lasts where the server's clock and ours disagree.
const SHORTEST: Duration = Duration::from_secs(30);

/// The tokens, as long as they last. Never shown.
pub(super) struct Session {
    pub(super) access: String,
    pub(super) refresh: String,
    pub(super) renew_at: SystemTime,
}

impl Session {
    fn of(answer: v1::Session, now: SystemTime) -> Self {
        let ends = answer.access_expires_at.as_option().and_then(|at| {
            let seconds = u64::try_from(at.seconds).ok()?;
            Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
        });
        let renew_at = ends.and_then(|ends| ends.checked_sub(EARLY)).unwrap_or(now).max(now + SHORTEST);
        Self { access: answer.access_token, refresh: answer.refresh_token, renew_at }
    }
}

impl Server {
    /// Returns an access token, renewing the session or signing in where that is due.
    pub(super) async fn token(&self) -> Result<String, Fault> {
        let mut held = self.0.session.lock().await;
        let now = SystemTime::now();
        if let Some(session) = held.as_ref().filter(|session| now < session.renew_at) {
            return Ok(session.access.clone());
        }
        let kept = self.0.kept.as_ref().and_then(|kept| kept.lock().ok());
        let old = held.take().or_else(|| kept.as_ref()?.read());
        let session = match old {
            Some(session) if now < session.renew_at => session,
            Some(old) => match self.renew(old.refresh).await {
                Ok(session) => Session::of(session, now),
                Err(fault @ Fault::Unreachable(_)) => return Err(fault),
                // a session that was ended: the key opens another
                Err(_) => Session::of(self.sign_in().await?, now),
            },
            None => Session::of(self.sign_in().await?, now),
        };
        if let Some(kept) = kept
            && let Err(error) = kept.write(&session)
        {
            tracing::debug!(%error, "the session was not kept: the next command opens another");
        }
        let token = session.access.clone();
        *held = Some(session);
        Ok(token)
    }

    /// Forgets a session that the server no longer takes, unless another call has renewed it already.
    pub(super) async fn forget(&self, token: &str) {
        let mut held = self.0.session.lock().await;
        if held.as_ref().is_some_and(|session| session.access == token) {
            *held = None;
        }
        if let Some(kept) = self.0.kept.as_ref().and_then(|kept| kept.lock().ok()) {
            kept.forget(token);
        }
    }

    /// Ends the session, if there is one.
    pub(crate) async fn sign_out(&self) {
        if self.0.session.lock().await.is_none() {
            return;
        }
        if let Ok(token) = self.token().await {
            let ended =
                self.0.auth.logout_with_options(v1::LogoutRequest::default(), self.options(&token)).await;
            if let Err(error) = ended {
                tracing::debug!(%error, "the session was not ended; it ends by itself");
            }
            self.forget(&token).await;
        }
    }

    async fn sign_in(&self) -> Result<v1::Session, Fault> {
        let address = self.0.identity.address();
        let request = v1::CreateChallengeRequest {
            address: address.clone(),
            role: v1::Role::Node.into(),
            ..Default::default()
        };
        let challenge = self.0.auth.create_challenge_with_options(request, self.plain()).await?.into_owned();
        siws::check(&challenge.message, &self.0.host, &address)
            .map_err(|error| Fault::Wrong(error.to_string()))?;
        let signature = self.0.identity.sign(challenge.message.as_bytes()).to_vec();
        let request =
            v1::VerifyChallengeRequest { message: challenge.message, signature, ..Default::default() };
        let answer = self.0.auth.verify_challenge_with_options(request, self.plain()).await?.into_owned();
        answer.session.into_option().ok_or_else(|| Fault::Wrong("a sign-in without a session".to_owned()))
    }

    async fn renew(&self, refresh_token: String) -> Result<v1::Session, Fault> {
        let request = v1::RefreshSessionRequest { refresh_token, ..Default::default() };
        let answer = self.0.auth.refresh_session_with_options(request, self.plain()).await?.into_owned();
        answer.session.into_option().ok_or_else(|| Fault::Wrong("a renewal without a session".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A session of a quarter of an hour, by a server whose clock is so many seconds ahead of ours.
    fn renewed_in(ahead: i64) -> Duration {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let ends = buffa_types::google::protobuf::Timestamp {
            seconds: 1_000_000 + 15 * 60 + ahead,
            ..Default::default()
        };
        let answer = v1::Session { access_expires_at: ends.into(), ..Default::default() };
        Session::of(answer, now).renew_at.duration_since(now).unwrap()
    }

    #[test]
    fn a_token_is_renewed_before_its_end() {
        assert_eq!(renewed_in(0), Duration::from_secs(13 * 60));
    }

    /// Where the clocks differ a token is renewed too often or too late, and never in a loop: a token that ended
    /// unnoticed is refused, forgotten, and the key signs in anew.
    #[test]
    fn clocks_that_differ_by_hours_make_no_loop() {
        assert_eq!(renewed_in(-2 * 3600), SHORTEST);
        assert_eq!(renewed_in(2 * 3600), Duration::from_secs(2 * 3600 + 13 * 60));
    }
}
