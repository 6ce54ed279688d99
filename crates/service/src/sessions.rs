//! Signing in, being signed in, signing out.

use crate::Sextant;
use crate::error::Failure;
use crate::passwords::Password;
use crate::people::user_note;
use serde_json::json;
use sextant_core::access::{Actor, Authority, Caller, Housekeeping, Origin, OwnSession, Permit, Scope};
use sextant_core::audit::{Event, Kind, Note};
use sextant_core::code::Code;
use sextant_core::email::Email;
use sextant_core::id::UserId;
use sextant_core::key::Token;
use sextant_core::permission::action::{UsersRead, UsersWrite};
use sextant_core::time::Time;
use sextant_store::{PasswordHash, SessionEntry, SessionRecord, UserRecord};
use std::time::Duration;

/// A session ends after this in any case, and after this without use.
const LONGEST: Duration = Duration::from_hours(7 * 24);
const IDLE: Duration = Duration::from_hours(12);
/// How exactly the last use is written down.
const TOUCH: Duration = Duration::from_mins(1);

/// A session that has begun.
#[derive(Debug)]
pub struct SignedIn {
    /// For the cookie.
    pub token: Token,
    /// When it ends at the latest.
    pub expires_at: Time,
    /// The person.
    pub user: UserRecord,
}

/// The person behind a request with a session.
#[derive(Clone, Debug)]
pub struct Who {
    /// As a caller.
    pub caller: Caller,
    /// The session and its person.
    pub session: SessionRecord,
}

fn refused() -> Failure {
    Failure::new(Code::MissingCredentials, "the e-mail address or password is wrong")
}

impl Sextant {
    /// Begins a session. Takes the same time whether or not there is such a person.
    pub async fn sign_in(&self, email: &str, password: &str, origin: Origin) -> Result<SignedIn, Failure> {
        let address = origin.address.map_or_else(String::new, |address| address.to_string());
        let email = Email::parse(email).map_err(|_| refused())?;
        self.throttle.attempt(email.folded(), &address, self.clock.monotonic())?;

        let user = self.store.user_by_email(email.folded()).await?.filter(|user| user.active);
        let hash = user.as_ref().and_then(|user| user.password_hash.as_ref()).map(|hash| hash.0.clone());
        let fits = self.passwords.fits(Password::typed(password), hash).await?;
        let Some(user) = user.filter(|_| fits) else { return Err(refused()) };

        self.throttle.give_back(email.folded(), &address);
        self.begin_session(user, origin).await
    }

    async fn begin_session(&self, user: UserRecord, origin: Origin) -> Result<SignedIn, Failure> {
        let now = self.clock.now();
        let token = Token::draw(&*self.entropy);
        let expires_at = now.plus(LONGEST);
        let caller = person(&user, origin);
        let mut tx = self.store.begin(caller.permit_own::<OwnSession>(&Scope::Account), now).await?;
        let id = sextant_core::id::BindingId::draw(&*self.entropy).to_string();
        tx.insert_session(&token, (&id, &user.id), expires_at).await?;
        tx.commit(vec![Note {
            kind: Kind::UserLogin,
            event: Event::Success,
            subject_id: user.id.to_string(),
            subject_name: user.email.clone(),
            before: None,
            after: None,
        }])
        .await?;
        Ok(SignedIn { token, expires_at, user })
    }

    /// The person behind a session's token; `None` if it has ended.
    pub async fn who(&self, token: &Token, origin: Origin) -> Result<Option<Who>, Failure> {
        let now = self.clock.now();
        let Some(session) = self.store.session(token, now).await? else { return Ok(None) };
        let unused = now.since(session.seen_at);
        if unused > IDLE {
            return Ok(None);
        }
        if unused > TOUCH || session.former_pepper {
            let permit: Permit<Housekeeping> = Permit::system("session in use", Scope::Account);
            let mut tx = self.store.begin(permit, now).await?;
            tx.touch_session(&session.id, token).await?;
            tx.commit(Vec::new()).await?;
        }
        Ok(Some(Who { caller: person(&session.user, origin), session }))
    }

    /// Ends a session.
    pub async fn sign_out(&self, who: &Who) -> Result<(), Failure> {
        let permit = who.caller.permit_own::<OwnSession>(&Scope::Account);
        let mut tx = self.store.begin(permit, self.clock.now()).await?;
        tx.end_session(&who.session.id).await?;
        tx.commit(vec![Note {
            kind: Kind::UserLogin,
            event: Event::Deleted,
            subject_id: who.session.user.id.to_string(),
            subject_name: who.session.user.email.clone(),
            before: None,
            after: None,
        }])
        .await?;
        Ok(())
    }

    /// A page of one's own sessions, the one used last first.
    pub async fn own_sessions(
        &self,
        who: &Who,
        page: (i64, i64),
    ) -> Result<(Vec<SessionEntry>, i64), Failure> {
        let now = self.clock.now();
        Ok(self.store.sessions_of(&who.session.user.id, (now, now.minus(IDLE)), page).await?)
    }

    /// A page of a person's sessions, the one used last first.
    pub async fn user_sessions(
        &self,
        caller: &Caller,
        user: &str,
        page: (i64, i64),
    ) -> Result<(Vec<SessionEntry>, i64), Failure> {
        caller.permit::<UsersRead>(&Scope::Account)?;
        let now = self.clock.now();
        let user = self.person_named(user).await?;
        Ok(self.store.sessions_of(&user.id, (now, now.minus(IDLE)), page).await?)
    }

    /// Ends one of one's own sessions. Sessions are looked up at each request, so that it is dead everywhere.
    pub async fn end_own_session(&self, who: &Who, id: &str) -> Result<(), Failure> {
        let now = self.clock.now();
        let user = &who.session.user;
        let permit = who.caller.permit_own::<OwnSession>(&Scope::Account);
        let mut tx = self.store.begin(permit, now).await?;
        let ended = tx.end_live_sessions(&user.id, Some(id), now.minus(IDLE)).await?;
        if ended.is_empty() {
            return Err(Failure::not_found("session"));
        }
        tx.commit(ended.iter().map(|session| end_note(user, session)).collect()).await?;
        Ok(())
    }

    /// Ends one session of a person.
    pub async fn end_user_session(&self, caller: &Caller, user: &str, id: &str) -> Result<(), Failure> {
        if self.end_sessions_of(caller, user, Some(id)).await? == 0 {
            return Err(Failure::not_found("session"));
        }
        Ok(())
    }

    /// Ends all sessions of a person.
    pub async fn end_user_sessions(&self, caller: &Caller, user: &str) -> Result<(), Failure> {
        self.end_sessions_of(caller, user, None).await.map(drop)
    }

    async fn end_sessions_of(
        &self,
        caller: &Caller,
        user: &str,
        only: Option<&str>,
    ) -> Result<usize, Failure> {
        let permit = caller.permit::<UsersWrite>(&Scope::Account)?;
        let user = self.person_named(user).await?;
        let now = self.clock.now();
        let mut tx = self.store.begin(permit, now).await?;
        let ended = tx.end_live_sessions(&user.id, only, now.minus(IDLE)).await?;
        tx.commit(ended.iter().map(|session| end_note(&user, session)).collect()).await?;
        Ok(ended.len())
    }

    async fn person_named(&self, id: &str) -> Result<UserRecord, Failure> {
        self.store.user(&UserId::new(id)).await?.ok_or_else(|| Failure::not_found("person"))
    }

    /// Uses a one-time link: makes the first administrator, or sets a person's password; and signs them in.
    pub async fn set_up(
        &self,
        token: &str,
        email: Option<&str>,
        name: Option<&str>,
        password: &str,
        origin: Origin,
    ) -> Result<SignedIn, Failure> {
        let address = origin.address.map_or_else(String::new, |address| address.to_string());
        self.throttle.attempt("set-up link", &address, self.clock.monotonic())?;
        let gone =
            || Failure::new(Code::NotFound, "this set-up link was used or has run out; ask for a new one");
        let token = Token::parse(token).ok_or_else(gone)?;
        let owner = self.store.setup_link(&token, self.clock.now()).await?.ok_or_else(gone)?;
        let user = match owner {
            None => {
                let email = email.ok_or_else(|| Failure::invalid("email", "is needed"))?;
                let parsed = Email::parse(email).map_err(|error| Failure::invalid("email", error))?;
                let permit = Permit::system("set-up link", Scope::Account);
                self.first_admin(permit, email, name, password, Some(&token)).await?;
                self.store.user_by_email(parsed.folded()).await?.ok_or_else(gone)?
            }
            Some(id) => {
                let mut user = self.store.user(&id).await?.filter(|user| user.active).ok_or_else(gone)?;
                let hash = self.passwords.hash(Password::parse(password)?, &*self.entropy).await?;
                user.password_hash = Some(PasswordHash(hash));
                let caller = person(&user, origin.clone());
                let mut tx = self
                    .store
                    .begin(caller.permit_own::<OwnSession>(&Scope::Account), self.clock.now())
                    .await?;
                if !tx.use_link(&token).await? {
                    return Err(gone());
                }
                tx.update_user(&user).await?;
                tx.end_sessions(&user.id, "").await?;
                let number = tx.commit(vec![user_note(Event::PasswordReset, &user, None, None)]).await?;
                self.record_taken(number).await;
                user
            }
        };
        self.throttle.give_back("set-up link", &address);
        self.begin_session(user, origin).await
    }

    /// Changes one's own password; other sessions end.
    pub async fn change_password(&self, who: &Who, current: &str, new: &str) -> Result<(), Failure> {
        let mut user = who.session.user.clone();
        let address = who.caller.origin.address.map_or_else(String::new, |address| address.to_string());
        self.throttle.attempt(&user.email.to_lowercase(), &address, self.clock.monotonic())?;
        let hash = user.password_hash.as_ref().map(|hash| hash.0.clone());
        if !self.passwords.fits(Password::typed(current), hash).await? {
            return Err(Failure::invalid("currentPassword", "is wrong"));
        }
        self.throttle.give_back(&user.email.to_lowercase(), &address);
        let hash = self.passwords.hash(Password::parse(new)?, &*self.entropy).await?;
        user.password_hash = Some(PasswordHash(hash));
        let permit = who.caller.permit_own::<OwnSession>(&Scope::Account);
        let mut tx = self.store.begin(permit, self.clock.now()).await?;
        tx.update_user(&user).await?;
        tx.end_sessions(&user.id, &who.session.id).await?;
        let number = tx.commit(vec![user_note(Event::PasswordReset, &user, None, None)]).await?;
        self.record_taken(number).await;
        Ok(())
    }
}

/// What the audit log says of a session that someone ended.
fn end_note(user: &UserRecord, session: &SessionEntry) -> Note {
    Note {
        kind: Kind::UserLogin,
        event: Event::Deleted,
        subject_id: user.id.to_string(),
        subject_name: user.email.clone(),
        before: Some(json!({
            "session": session.id,
            "createdAt": session.created_at.to_string(),
            "address": session.address,
            "userAgent": session.user_agent,
        })),
        after: None,
    }
}

pub(crate) fn person(user: &UserRecord, origin: Origin) -> Caller {
    Caller {
        actor: Actor::User { id: user.id.clone(), email: user.email.clone() },
        authority: Authority::Person(user.bindings.iter().map(|(_, binding)| binding.clone()).collect()),
        origin,
    }
}

/// A person as a caller, for saying what they may do.
pub fn person_caller(user: &UserRecord) -> Caller {
    person(user, Origin::default())
}
