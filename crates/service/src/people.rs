//! People and the roles they hold.

use crate::Sextant;
use crate::error::Failure;
use crate::install::LINK;
use crate::passwords::Password;
use serde_json::{Value, json};
use sextant_core::access::{Binding, BindingScope, Caller, Scope};
use sextant_core::audit::{Event, Kind, Note};
use sextant_core::code::Code;
use sextant_core::email::Email;
use sextant_core::id::{BindingId, UserId};
use sextant_core::key::Token;
use sextant_core::permission::PersonRole;
use sextant_core::permission::action::{UsersRead, UsersWrite};
use sextant_core::text::Name;
use sextant_store::{PasswordHash, ProjectRecord, StoreError, UserFilter, UserRecord};

/// A role and where it is to hold: without identifiers at the account.
#[derive(Clone, Debug)]
pub struct BindingInput {
    /// `ACCOUNT_ADMIN`, `SEI_ADMIN`, `TEAM_MANAGER` or `VIEWER`.
    pub role: String,
    /// At this organisation.
    pub org_identifier: Option<String>,
    /// At this project of the organisation.
    pub project_identifier: Option<String>,
}

/// A person to be added. Without a password they get a one-time link.
#[derive(Clone)]
pub struct CreateUser {
    /// By which they sign in.
    pub email: String,
    /// Shown to others.
    pub name: Option<String>,
    /// A first password.
    pub password: Option<String>,
    /// What they may do.
    pub roles: Vec<BindingInput>,
}

/// What is to change about a person.
#[derive(Clone, Debug, Default)]
pub struct PatchUser {
    /// A new name.
    pub name: Option<String>,
    /// Whether they may sign in; `false` ends their sessions.
    pub active: Option<bool>,
    /// The roles they hold from now on.
    pub roles: Option<Vec<BindingInput>>,
    /// Make a one-time link for a new password.
    pub reset_password: bool,
}

/// A person with the identifiers of the places where they hold roles.
#[derive(Clone, Debug)]
pub struct UserView {
    /// The person.
    pub record: UserRecord,
    /// Role, organisation, project.
    pub roles: Vec<(PersonRole, Option<String>, Option<String>)>,
}

impl Sextant {
    /// A page of the people who fit.
    pub async fn list_users(
        &self,
        caller: &Caller,
        filter: &UserFilter,
        page: (i64, i64),
    ) -> Result<(Vec<UserView>, i64), Failure> {
        caller.permit::<UsersRead>(&Scope::Account)?;
        let (users, total) = self.store.user_page(filter, page).await?;
        let projects = self.store.projects().await?;
        Ok((users.into_iter().map(|user| view(user, &projects)).collect(), total))
    }

    /// One person.
    pub async fn read_user(&self, caller: &Caller, id: &str) -> Result<UserView, Failure> {
        caller.permit::<UsersRead>(&Scope::Account)?;
        let user = self.store.user(&UserId::new(id)).await?.ok_or_else(|| Failure::not_found("person"))?;
        Ok(view(user, &self.store.projects().await?))
    }

    /// Adds a person. The token is for a one-time link, where no password was given.
    pub async fn create_user(
        &self,
        caller: &Caller,
        input: CreateUser,
    ) -> Result<(UserView, Option<Token>), Failure> {
        let email = Email::parse(&input.email).map_err(|error| Failure::invalid("email", error))?;
        let name = Name::parse(input.name.as_deref().unwrap_or_else(|| email.local_part()))
            .map_err(|error| Failure::invalid("name", error))?;
        let permit = caller.permit::<UsersWrite>(&Scope::Account)?;
        let projects = self.store.projects().await?;
        let bindings = self.bindings(&input.roles, &projects).await?;
        let password_hash = match &input.password {
            Some(password) => {
                Some(PasswordHash(self.passwords.hash(Password::parse(password)?, &*self.entropy).await?))
            }
            None => None,
        };
        let now = self.clock.now();
        let mut user = UserRecord {
            id: UserId::draw(&*self.entropy),
            email: email.written().to_owned(),
            name: name.as_str().to_owned(),
            password_hash,
            active: true,
            created_at: now,
            bindings: Vec::new(),
        };
        let token = input.password.is_none().then(|| Token::draw(&*self.entropy));

        let mut tx = self.store.begin(permit, now).await?;
        tx.insert_user(&user, email.folded()).await.map_err(|error| match error {
            StoreError::Taken(_) => Failure::new(
                Code::NameTaken,
                format!("someone with the e-mail address {} is there", email.written()),
            ),
            other => other.into(),
        })?;
        for binding in &bindings {
            let id = BindingId::draw(&*self.entropy);
            tx.insert_binding(&id, &user.id, binding).await?;
            user.bindings.push((id, binding.clone()));
        }
        if let Some(token) = &token {
            tx.insert_link(token, &user.id, now.plus(LINK)).await?;
        }
        tx.commit(vec![user_note(Event::Created, &user, None, Some(&bindings))]).await?;
        Ok((view(user, &projects), token))
    }

    /// Changes a person; at least one active Account Admin must remain.
    pub async fn patch_user(
        &self,
        caller: &Caller,
        id: &str,
        input: PatchUser,
    ) -> Result<(UserView, Option<Token>), Failure> {
        let permit = caller.permit::<UsersWrite>(&Scope::Account)?;
        let projects = self.store.projects().await?;
        let before = self.store.user(&UserId::new(id)).await?.ok_or_else(|| Failure::not_found("person"))?;
        let mut after = before.clone();
        if let Some(name) = &input.name {
            let name = Name::parse(name).map_err(|error| Failure::invalid("name", error))?;
            name.as_str().clone_into(&mut after.name);
        }
        after.active = input.active.unwrap_or(before.active);
        let bindings = match &input.roles {
            Some(roles) => Some(self.bindings(roles, &projects).await?),
            None => None,
        };
        let now = self.clock.now();
        let mut tx = self.store.begin(permit, now).await?;
        tx.update_user(&after).await?;
        if let Some(bindings) = &bindings {
            let new = bindings.iter().map(|binding| (BindingId::draw(&*self.entropy), binding.clone()));
            after.bindings = new.collect();
            tx.replace_bindings(&after.id, &after.bindings).await?;
        }
        if tx.account_admins().await? == 0 {
            return Err(Failure::new(
                Code::Conflict,
                "this would leave nobody who may manage people; make another Account Admin first",
            ));
        }
        if !after.active {
            tx.end_sessions(&after.id, "").await?;
        }
        let token = input.reset_password.then(|| Token::draw(&*self.entropy));
        if let Some(token) = &token {
            tx.insert_link(token, &after.id, now.plus(LINK)).await?;
        }
        let held =
            |user: &UserRecord| user.bindings.iter().map(|(_, binding)| binding.clone()).collect::<Vec<_>>();
        let (old, new) = (held(&before), held(&after));
        let mut notes = Vec::new();
        if user_fields(&before, &old) != user_fields(&after, &new) {
            notes.push(user_note(Event::Edited, &after, Some((&before, &old)), Some(&new)));
        }
        if token.is_some() {
            notes.push(user_note(Event::PasswordResetStarted, &after, None, None));
        }
        if notes.is_empty() {
            return Ok((view(before, &projects), None));
        }
        let number = tx.commit(notes).await?;
        self.record_taken(number).await;
        Ok((view(after, &projects), token))
    }

    /// Removes a person.
    pub async fn delete_user(&self, caller: &Caller, id: &str) -> Result<(), Failure> {
        let permit = caller.permit::<UsersWrite>(&Scope::Account)?;
        let user = self.store.user(&UserId::new(id)).await?.ok_or_else(|| Failure::not_found("person"))?;
        let mut tx = self.store.begin(permit, self.clock.now()).await?;
        tx.delete_user(&user.id).await?;
        if tx.account_admins().await? == 0 {
            return Err(Failure::new(
                Code::Conflict,
                "this would leave nobody who may manage people; make another Account Admin first",
            ));
        }
        let held: Vec<Binding> = user.bindings.iter().map(|(_, binding)| binding.clone()).collect();
        let number = tx.commit(vec![user_note(Event::Deleted, &user, Some((&user, &held)), None)]).await?;
        self.record_taken(number).await;
        Ok(())
    }

    async fn bindings(
        &self,
        roles: &[BindingInput],
        projects: &[ProjectRecord],
    ) -> Result<Vec<Binding>, Failure> {
        let organizations = self.store.organizations().await?;
        let mut bindings: Vec<Binding> = Vec::new();
        for input in roles {
            let role = PersonRole::parse(&input.role).ok_or_else(|| {
                Failure::invalid("roles.role", "must be ACCOUNT_ADMIN, SEI_ADMIN, TEAM_MANAGER or VIEWER")
            })?;
            let scope = match (&input.org_identifier, &input.project_identifier) {
                (None, None) => BindingScope::Account,
                (organization, Some(project)) => {
                    let organization = organization.as_deref().unwrap_or("default");
                    let found = projects.iter().find(|known| {
                        known.project.organization.as_str() == organization
                            && known.project.identifier.as_str() == project
                    });
                    let found = found.ok_or_else(|| {
                        Failure::invalid(
                            "roles.projectIdentifier",
                            format!("`{project}` is no project of `{organization}`"),
                        )
                    })?;
                    BindingScope::Project(found.project.id.clone())
                }
                (Some(organization), None) => {
                    let found = organizations.iter().find(|known| known.identifier.as_str() == organization);
                    let found = found.ok_or_else(|| {
                        Failure::invalid(
                            "roles.orgIdentifier",
                            format!("`{organization}` is no organisation"),
                        )
                    })?;
                    BindingScope::Organization(found.identifier.clone())
                }
            };
            let binding = Binding { role, scope };
            if !bindings.contains(&binding) {
                bindings.push(binding);
            }
        }
        Ok(bindings)
    }
}

fn view(record: UserRecord, projects: &[ProjectRecord]) -> UserView {
    let roles = record
        .bindings
        .iter()
        .map(|(_, binding)| match &binding.scope {
            BindingScope::Account => (binding.role, None, None),
            BindingScope::Organization(organization) => (binding.role, Some(organization.to_string()), None),
            BindingScope::Project(id) => {
                let found = projects.iter().find(|known| known.project.id == *id).map(|known| &known.project);
                (
                    binding.role,
                    found.map(|project| project.organization.to_string()),
                    Some(found.map_or_else(|| id.to_string(), |project| project.identifier.to_string())),
                )
            }
        })
        .collect();
    UserView { record, roles }
}

pub(crate) fn account_admin() -> Binding {
    Binding { role: PersonRole::AccountAdmin, scope: BindingScope::Account }
}

fn user_fields(user: &UserRecord, bindings: &[Binding]) -> Value {
    let roles: Vec<String> = bindings
        .iter()
        .map(|binding| match &binding.scope {
            BindingScope::Account => format!("{} at the account", binding.role),
            BindingScope::Organization(organization) => {
                format!("{} at organisation {organization}", binding.role)
            }
            BindingScope::Project(project) => format!("{} at project {project}", binding.role),
        })
        .collect();
    json!({"email": user.email, "name": user.name, "active": user.active, "roles": roles})
}

/// What the audit log says of a change to a person.
pub(crate) fn user_note(
    event: Event,
    user: &UserRecord,
    before: Option<(&UserRecord, &[Binding])>,
    after: Option<&[Binding]>,
) -> Note {
    Note {
        kind: Kind::User,
        event,
        subject_id: user.id.to_string(),
        subject_name: user.email.clone(),
        before: before.map(|(user, bindings)| user_fields(user, bindings)),
        after: after.map(|bindings| user_fields(user, bindings)),
    }
}
