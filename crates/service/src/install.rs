//! The first start: whose database it is, the first organisation and project, the first administrator.

use crate::Sextant;
use crate::error::Failure;
use crate::passwords::Password;
use crate::people::{account_admin, user_note};
use sextant_core::access::{Housekeeping, OwnSession, Permit, Scope};
use sextant_core::audit::{Event, Kind, Note};
use sextant_core::code::Code;
use sextant_core::email::Email;
use sextant_core::id::{BindingId, UserId};
use sextant_core::key::Token;
use sextant_store::{StoreError, UserRecord};
use std::time::Duration;

/// How long a set-up link can be used.
pub(crate) const LINK: Duration = Duration::from_hours(24);

/// Who the first administrator is to be.
#[derive(Clone)]
pub struct FirstAdmin {
    /// Their e-mail address.
    pub email: String,
    /// Their password.
    pub password: String,
}

impl std::fmt::Debug for FirstAdmin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FirstAdmin").field("email", &self.email).finish_non_exhaustive()
    }
}

impl Sextant {
    /// Lays what every installation has; changes nothing that is there. Two first starts at once come one after another,
    /// and the second is refused unless it has the same master key.
    pub async fn prepare(&self) -> Result<(), Failure> {
        let other = || {
            Failure::new(
                Code::Conflict,
                "another process gave this database another master key in this moment; use that key",
            )
        };
        if let Some(fingerprint) = self.store.fingerprint().await? {
            let is_ours = fingerprint == self.store.secrets().fingerprint();
            return if is_ours { Ok(()) } else { Err(other()) };
        }
        let permit: Permit<Housekeeping> = Permit::system("first start", Scope::Account);
        let begun = self.store.begin_alone(permit, self.clock.now()).await;
        let mut tx = begun.map_err(|error| match error {
            StoreError::OtherKey(_) => other(),
            error => error.into(),
        })?;
        if tx.claim().await? {
            tx.lay_tenancy().await?;
            tx.commit(Vec::new()).await?;
        }
        Ok(())
    }

    /// Whether there is no person yet.
    pub async fn needs_admin(&self) -> Result<bool, Failure> {
        Ok(self.store.user_count().await? == 0)
    }

    /// Adds the first administrator, while there is no person.
    pub async fn install_admin(&self, admin: &FirstAdmin) -> Result<(), Failure> {
        if !self.needs_admin().await? {
            return Ok(());
        }
        let permit = Permit::system("first start", Scope::Account);
        self.first_admin(permit, &admin.email, None, &admin.password, None).await
    }

    pub(crate) async fn first_admin(
        &self,
        permit: Permit<OwnSession>,
        email: &str,
        name: Option<&str>,
        password: &str,
        link: Option<&Token>,
    ) -> Result<(), Failure> {
        let email = Email::parse(email).map_err(|error| Failure::invalid("email", error))?;
        let password = Password::parse(password)?;
        let hash = self.passwords.hash(password, &*self.entropy).await?;
        let user = UserRecord {
            id: UserId::draw(&*self.entropy),
            email: email.written().to_owned(),
            name: name.unwrap_or_else(|| email.local_part()).to_owned(),
            password_hash: Some(sextant_store::PasswordHash(hash)),
            active: true,
            created_at: self.clock.now(),
            bindings: Vec::new(),
        };
        let mut tx = self.store.begin(permit, self.clock.now()).await?;
        if tx.user_count().await? > 0 {
            return Err(Failure::new(Code::Conflict, "the first administrator is already there; sign in"));
        }
        if let Some(link) = link
            && !tx.use_link(link).await?
        {
            return Err(Failure::not_found("set-up link"));
        }
        tx.insert_user(&user, email.folded()).await?;
        tx.insert_binding(&BindingId::draw(&*self.entropy), &user.id, &account_admin()).await?;
        tx.commit(vec![user_note(Event::Created, &user, None, Some(&[account_admin()]))]).await?;
        Ok(())
    }

    /// Makes a one-time link by which the first administrator sets up. `None` if there is a person already, or a link
    /// waits and `replace` was not asked for.
    pub async fn first_link(&self, replace: bool) -> Result<Option<Token>, Failure> {
        if !self.needs_admin().await? || (!replace && self.store.has_first_link(self.clock.now()).await?) {
            return Ok(None);
        }
        let token = Token::draw(&*self.entropy);
        let permit: Permit<Housekeeping> = Permit::system("first start", Scope::Account);
        let now = self.clock.now();
        let mut tx = self.store.begin(permit, now).await?;
        tx.replace_first_link(&token, now.plus(LINK)).await?;
        let note = Note {
            kind: Kind::Installation,
            event: Event::Created,
            subject_id: "setup-link".to_owned(),
            subject_name: "set-up link for the first administrator".to_owned(),
            before: None,
            after: None,
        };
        tx.commit(vec![note]).await?;
        Ok(Some(token))
    }
}
