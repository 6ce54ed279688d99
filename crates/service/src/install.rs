//! The first start: the master key's fingerprint, the first organisation and project, the first administrator.

use crate::Sextant;
use crate::error::Failure;
use crate::passwords::Password;
use crate::people::{account_admin, user_note};
use sextant_core::access::{Housekeeping, OwnSession, Permit, Scope};
use sextant_core::audit::{Event, Kind, Note};
use sextant_core::code::Code;
use sextant_core::email::Email;
use sextant_core::id::{BindingId, UserId};
use sextant_core::key::{MasterKey, Token};
use sextant_store::{Store, UserRecord};
use std::time::Duration;

const FINGERPRINT: &str = "master-key-fingerprint";
/// How long a set-up link can be used.
pub(crate) const LINK: Duration = Duration::from_hours(24);

/// What a database says of its master key.
#[derive(Debug)]
pub struct Installation {
    /// The fingerprint of the key it was made with, if it was ever used.
    pub fingerprint: Option<String>,
}

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

impl Installation {
    /// Reads it.
    pub async fn read(store: &Store) -> Result<Self, Failure> {
        Ok(Self { fingerprint: store.fact(FINGERPRINT).await? })
    }

    /// Whether this master key is the one.
    pub fn accepts(&self, master: &MasterKey) -> bool {
        self.fingerprint.as_deref().is_none_or(|known| known == master.fingerprint())
    }
}

impl Sextant {
    /// Lays what every installation has; changes nothing that is there.
    pub async fn prepare(&self, master: &MasterKey) -> Result<(), Failure> {
        if self.store.fact(FINGERPRINT).await?.is_some() {
            return Ok(());
        }
        let permit: Permit<Housekeeping> = Permit::system("first start", Scope::Account);
        let mut tx = self.store.begin(permit, self.clock.now()).await?;
        tx.set_fact(FINGERPRINT, &master.fingerprint()).await?;
        tx.lay_tenancy().await?;
        tx.commit(Vec::new()).await?;
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
            && !tx.use_link(self.peppers.current().token_mac(link)).await?
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
        tx.replace_first_link(self.peppers.current().token_mac(&token), now.plus(LINK)).await?;
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
