//! People: users, the roles they hold, their sessions, and one-time links.

use crate::db::{Row, Value, args};
use crate::error::StoreError;
use crate::keys::pattern;
use crate::{Store, Tx};
use arc_swap::Guard;
use sextant_core::access::{Binding, BindingScope, Housekeeping, OwnSession};
use sextant_core::id::{BindingId, Identifier, ProjectId, UserId};
use sextant_core::key::{Peppers, Token};
use sextant_core::permission::PersonRole;
use sextant_core::permission::action::UsersWrite;
use sextant_core::revocation::RevocationKind;
use sextant_core::text::fold;
use sextant_core::time::Time;
use std::sync::Arc;

/// A person.
#[derive(Clone, Debug)]
pub struct UserRecord {
    /// Their id.
    pub id: UserId,
    /// Their e-mail address as written.
    pub email: String,
    /// Their name.
    pub name: String,
    /// The Argon2id hash of their password, if they have set one.
    pub password_hash: Option<PasswordHash>,
    /// Whether they may sign in.
    pub active: bool,
    /// When they were added.
    pub created_at: Time,
    /// The roles they hold, oldest first.
    pub bindings: Vec<(BindingId, Binding)>,
}

/// Which people a list shows.
#[derive(Clone, Debug, Default)]
pub struct UserFilter {
    /// Part of the e-mail address or name, without regard to case.
    pub search: Option<String>,
    /// Only those who may sign in, or only those who may not.
    pub active: Option<bool>,
}

/// A password's Argon2id hash. It does not print.
#[derive(Clone)]
pub struct PasswordHash(pub String);

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// A session that has not run out, with the person it is of.
#[derive(Clone, Debug)]
pub struct SessionRecord {
    /// Names it in lists; opens nothing.
    pub id: String,
    /// The person.
    pub user: UserRecord,
    /// When it began.
    pub created_at: Time,
    /// When it was last used, to the minute.
    pub seen_at: Time,
    /// When it ends.
    pub expires_at: Time,
    /// Whether its verifier was made under a former pepper; its next touch makes a new one.
    pub former_pepper: bool,
}

fn verifiers(peppers: &Peppers, token: &Token) -> Vec<Value> {
    peppers.token_macs(token).into_iter().map(|mac| mac.to_hex().into()).collect()
}

type UserRow = (String, String, String, Option<String>, bool, i64);
type BindingRow = (String, String, String, Option<String>, Option<String>);

fn binding(row: &BindingRow) -> Result<(BindingId, Binding), StoreError> {
    let (id, _, role, organization, project) = row;
    let scope = match (organization, project) {
        (_, Some(project)) => BindingScope::Project(ProjectId::new(project.clone())),
        (Some(organization), None) => BindingScope::Organization(
            Identifier::parse(organization)
                .ok_or_else(|| StoreError::unreadable("identifier", organization))?,
        ),
        (None, None) => BindingScope::Account,
    };
    let role = PersonRole::parse(role).ok_or_else(|| StoreError::unreadable("role", role))?;
    Ok((BindingId::new(id.clone()), Binding { role, scope }))
}

fn join(users: Vec<UserRow>, bindings: &[BindingRow]) -> Result<Vec<UserRecord>, StoreError> {
    users
        .into_iter()
        .map(|(id, email, name, password_hash, active, created_at)| {
            let held = bindings.iter().filter(|row| row.1 == id).map(binding).collect::<Result<_, _>>()?;
            Ok(UserRecord {
                id: UserId::new(id),
                email,
                name,
                password_hash: password_hash.map(PasswordHash),
                active,
                created_at: Time::from_micros(created_at),
                bindings: held,
            })
        })
        .collect()
}

impl Store {
    /// How many people there are.
    pub async fn user_count(&self) -> Result<i64, StoreError> {
        let count: Option<(i64,)> = self.db.optional("select count(*) from users", Vec::new()).await?;
        Ok(count.map_or(0, |(count,)| count))
    }

    /// A page of the people who fit in order of e-mail address, and how many fit in all.
    pub async fn user_page(
        &self,
        filter: &UserFilter,
        (offset, limit): (i64, i64),
    ) -> Result<(Vec<UserRecord>, i64), StoreError> {
        let fits: Vec<Value> = args![filter.search.as_deref().map(pattern), filter.active.map(i64::from)];
        let users: Vec<UserRow> = self
            .db
            .all(
                "select id, email, name, password_hash, active, created_at from users
                 where ($1 is null or email_folded like $1 escape '!' or name_folded like $1 escape '!')
                     and ($2 is null or $2 = case when active then 1 else 0 end)
                 order by email_folded limit $3 offset $4",
                [fits.clone(), args![limit, offset]].concat(),
            )
            .await?;
        let count: Option<(i64,)> = self
            .db
            .optional(
                "select count(*) from users
                 where ($1 is null or email_folded like $1 escape '!' or name_folded like $1 escape '!')
                     and ($2 is null or $2 = case when active then 1 else 0 end)",
                fits,
            )
            .await?;
        let bindings: Vec<BindingRow> = self
            .db
            .all("select id, user_id, role, organization, project_id from role_bindings order by created_at, id", Vec::new())
            .await?;
        Ok((join(users, &bindings)?, count.map_or(0, |(count,)| count)))
    }

    /// One person by id.
    pub async fn user(&self, id: &UserId) -> Result<Option<UserRecord>, StoreError> {
        let users: Vec<UserRow> = self
            .db
            .all(
                "select id, email, name, password_hash, active, created_at from users where id = $1",
                args![id.as_str()],
            )
            .await?;
        self.with_bindings(users).await
    }

    /// One person by case-folded e-mail address.
    pub async fn user_by_email(&self, folded: &str) -> Result<Option<UserRecord>, StoreError> {
        let users: Vec<UserRow> = self
            .db
            .all(
                "select id, email, name, password_hash, active, created_at from users where email_folded = $1",
                args![folded],
            )
            .await?;
        self.with_bindings(users).await
    }

    async fn with_bindings(&self, users: Vec<UserRow>) -> Result<Option<UserRecord>, StoreError> {
        let Some(id) = users.first().map(|row| row.0.clone()) else { return Ok(None) };
        let bindings: Vec<BindingRow> = self
            .db
            .all(
                "select id, user_id, role, organization, project_id from role_bindings
                 where user_id = $1 order by created_at, id",
                args![id],
            )
            .await?;
        Ok(join(users, &bindings)?.into_iter().next())
    }

    /// The rows that a token stands behind, under whichever of the peppers. The condition on the token comes last in
    /// `sql`, up to and with `in`; `first` are the parameters before it.
    async fn of_token<T: Row>(
        &self,
        sql: &'static str,
        first: Vec<Value>,
        token: &Token,
    ) -> Result<Option<T>, StoreError> {
        let held = Guard::into_inner(self.secrets());
        let found = self.db.all_in(sql, first.clone(), verifiers(&held.peppers, token)).await?;
        if let Some(row) = found.into_iter().next() {
            return Ok(Some(row));
        }
        // Another server may have made it under a pepper of which this one has not heard yet.
        let secrets = self.secrets_in_force().await?;
        if Arc::ptr_eq(&held, &secrets) {
            return Ok(None);
        }
        Ok(self.db.all_in(sql, first, verifiers(&secrets.peppers, token)).await?.into_iter().next())
    }

    /// The live session of an active person.
    pub async fn session(&self, token: &Token, now: Time) -> Result<Option<SessionRecord>, StoreError> {
        let row: Option<(String, String, i64, i64, i64, i64)> = self
            .of_token(
                "select id, user_id, created_at, seen_at, expires_at, pepper from sessions
                 where expires_at > $1 and token_mac in",
                args![now.micros()],
                token,
            )
            .await?;
        let Some((id, user, created_at, seen_at, expires_at, pepper)) = row else { return Ok(None) };
        let Some(user) = self.user(&UserId::new(user)).await?.filter(|user| user.active) else {
            return Ok(None);
        };
        Ok(Some(SessionRecord {
            id,
            user,
            created_at: Time::from_micros(created_at),
            seen_at: Time::from_micros(seen_at),
            expires_at: Time::from_micros(expires_at),
            former_pepper: pepper < self.secrets().number(),
        }))
    }

    /// What a one-time link is for: a person's id, or `None` for the first administrator. `None` outside if there is
    /// no such link or it has run out.
    pub async fn setup_link(&self, token: &Token, now: Time) -> Result<Option<Option<UserId>>, StoreError> {
        let row: Option<(Option<String>,)> = self
            .of_token(
                "select user_id from setup_links where expires_at > $1 and token_mac in",
                args![now.micros()],
                token,
            )
            .await?;
        Ok(row.map(|(user,)| user.map(UserId::new)))
    }

    /// Whether a link for the first administrator waits.
    pub async fn has_first_link(&self, now: Time) -> Result<bool, StoreError> {
        let count: Option<(i64,)> = self
            .db
            .optional(
                "select count(*) from setup_links where user_id is null and expires_at > $1",
                args![now.micros()],
            )
            .await?;
        Ok(count.is_some_and(|(count,)| count > 0))
    }
}

/// Writing people needs `users:write`; the first set-up and one's own password come with their own permit.
pub trait ChangesPeople {}
impl ChangesPeople for UsersWrite {}
impl ChangesPeople for OwnSession {}

impl<A: ChangesPeople> Tx<A> {
    /// How many people there are, as this change sees it; others wait until it has ended.
    pub async fn user_count(&mut self) -> Result<i64, StoreError> {
        self.change_number().await?;
        let (count,): (i64,) = self.inner.one("select count(*) from users", Vec::new()).await?;
        Ok(count)
    }

    /// Adds a person without roles. [`StoreError::Taken`] if the e-mail address is in use.
    pub async fn insert_user(&mut self, user: &UserRecord, email_folded: &str) -> Result<(), StoreError> {
        let hash = user.password_hash.as_ref().map(|hash| hash.0.as_str());
        self.inner
            .execute(
                "insert into users (id, email, email_folded, name, name_folded, password_hash, active, created_at)
                 values ($1, $2, $3, $4, $5, $6, $7, $8)",
                args![
                    user.id.as_str(),
                    &user.email,
                    email_folded,
                    &user.name,
                    fold(&user.name),
                    hash,
                    user.active,
                    user.created_at.micros(),
                ],
            )
            .await?;
        Ok(())
    }

    /// Writes a person's name, state and password.
    pub async fn update_user(&mut self, user: &UserRecord) -> Result<(), StoreError> {
        let hash = user.password_hash.as_ref().map(|hash| hash.0.as_str());
        let (number, now) = (self.change_number().await?, self.now().micros());
        self.inner
            .execute(
                "insert into revocations (number, kind, subject_id, at)
                 select $1, 'user-reduced', id, $2 from users where id = $3 and ((active and not $4)
                     or (password_hash is not null and ($5 is null or password_hash <> $5)))
                 on conflict do nothing",
                args![number, now, user.id.as_str(), user.active, hash],
            )
            .await?;
        self.inner
            .execute(
                "update users set name = $2, active = $3, password_hash = $4, name_folded = $5 where id = $1",
                args![user.id.as_str(), &user.name, user.active, hash, fold(&user.name)],
            )
            .await?;
        Ok(())
    }

    /// Gives a person a role.
    pub async fn insert_binding(
        &mut self,
        id: &BindingId,
        user: &UserId,
        binding: &Binding,
    ) -> Result<(), StoreError> {
        let (organization, project) = match &binding.scope {
            BindingScope::Account => (None, None),
            BindingScope::Organization(organization) => (Some(organization.as_str()), None),
            BindingScope::Project(project) => (None, Some(project.as_str())),
        };
        let now = self.now().micros();
        self.inner
            .execute(
                "insert into role_bindings (id, user_id, role, organization, project_id, created_at)
                 values ($1, $2, $3, $4, $5, $6)",
                args![id.as_str(), user.as_str(), binding.role.name(), organization, project, now],
            )
            .await?;
        Ok(())
    }

    /// Gives a person these roles instead of those that they held.
    pub async fn replace_bindings(
        &mut self,
        user: &UserId,
        bindings: &[(BindingId, Binding)],
    ) -> Result<(), StoreError> {
        let held: Vec<BindingRow> = self
            .inner
            .all(
                "select id, user_id, role, organization, project_id from role_bindings where user_id = $1",
                args![user.as_str()],
            )
            .await?;
        let held = held.iter().map(binding).collect::<Result<Vec<_>, _>>()?;
        if held.iter().any(|(_, old)| bindings.iter().all(|(_, new)| new != old)) {
            self.revoke(RevocationKind::UserReduced, [user.as_str()]).await?;
        }
        self.inner.execute("delete from role_bindings where user_id = $1", args![user.as_str()]).await?;
        for (id, binding) in bindings {
            self.insert_binding(id, user, binding).await?;
        }
        Ok(())
    }

    /// Ends a person's sessions, all but the one with this id.
    pub async fn end_sessions(&mut self, user: &UserId, but: &str) -> Result<u64, StoreError> {
        self.inner
            .execute("delete from sessions where user_id = $1 and id <> $2", args![user.as_str(), but])
            .await
    }

    /// How many active people hold Account Admin at the account.
    pub async fn account_admins(&mut self) -> Result<i64, StoreError> {
        self.change_number().await?;
        let (count,): (i64,) = self
            .inner
            .one(
                "select count(distinct u.id) from users u join role_bindings b on b.user_id = u.id
                 where u.active and b.role = 'ACCOUNT_ADMIN' and b.organization is null and b.project_id is null",
                Vec::new(),
            )
            .await?;
        Ok(count)
    }

    /// Makes a one-time link for a person; an earlier one no longer counts.
    pub async fn insert_link(
        &mut self,
        token: &Token,
        user: &UserId,
        expires_at: Time,
    ) -> Result<(), StoreError> {
        let now = self.now().micros();
        self.inner.execute("delete from setup_links where user_id = $1", args![user.as_str()]).await?;
        let (mac, pepper) = self.token_verifier(token);
        self.inner
            .execute(
                "insert into setup_links (token_mac, pepper, user_id, created_at, expires_at)
                 values ($1, $2, $3, $4, $5)",
                args![mac, pepper, user.as_str(), now, expires_at.micros()],
            )
            .await?;
        Ok(())
    }

    /// Uses a one-time link up. `false` if someone else did.
    pub async fn use_link(&mut self, token: &Token) -> Result<bool, StoreError> {
        let macs = verifiers(&self.secrets.peppers, token);
        let used =
            self.inner.execute_in("delete from setup_links where token_mac in", Vec::new(), macs).await?;
        Ok(used > 0)
    }
}

impl Tx<UsersWrite> {
    /// Removes a person with their roles, sessions and links.
    pub async fn delete_user(&mut self, id: &UserId) -> Result<(), StoreError> {
        self.revoke(RevocationKind::UserReduced, [id.as_str()]).await?;
        self.inner.execute("delete from users where id = $1", args![id.as_str()]).await?;
        Ok(())
    }
}

impl Tx<OwnSession> {
    /// Begins a session.
    pub async fn insert_session(
        &mut self,
        token: &Token,
        (id, user): (&str, &UserId),
        expires_at: Time,
    ) -> Result<(), StoreError> {
        let now = self.now().micros();
        let origin = self.permit().origin().clone();
        let (mac, pepper) = self.token_verifier(token);
        self.inner
            .execute(
                "insert into sessions
                     (token_mac, pepper, id, user_id, created_at, seen_at, expires_at, address, user_agent)
                 values ($1, $2, $3, $4, $5, $5, $6, $7, $8)",
                args![
                    mac,
                    pepper,
                    id,
                    user.as_str(),
                    now,
                    expires_at.micros(),
                    origin.address.map_or_else(String::new, |address| address.to_string()),
                    origin.user_agent.unwrap_or_default(),
                ],
            )
            .await?;
        Ok(())
    }

    /// Ends one session.
    pub async fn end_session(&mut self, id: &str) -> Result<(), StoreError> {
        self.inner.execute("delete from sessions where id = $1", args![id]).await?;
        Ok(())
    }
}

impl Tx<Housekeeping> {
    /// Makes the link by which the first administrator sets up; an earlier one no longer counts.
    pub async fn replace_first_link(&mut self, token: &Token, expires_at: Time) -> Result<(), StoreError> {
        let now = self.now().micros();
        let (mac, pepper) = self.token_verifier(token);
        self.inner.execute("delete from setup_links where user_id is null", Vec::new()).await?;
        self.inner
            .execute(
                "insert into setup_links (token_mac, pepper, user_id, created_at, expires_at)
                 values ($1, $2, null, $3, $4)",
                args![mac, pepper, now, expires_at.micros()],
            )
            .await?;
        Ok(())
    }

    /// Notes that a session was used; its verifier is from then on one under the current pepper.
    pub async fn touch_session(&mut self, id: &str, token: &Token) -> Result<(), StoreError> {
        let now = self.now().micros();
        let (mac, pepper) = self.token_verifier(token);
        self.inner
            .execute(
                "update sessions set seen_at = $2, token_mac = $3, pepper = $4 where id = $1",
                args![id, now, mac, pepper],
            )
            .await?;
        Ok(())
    }
}
