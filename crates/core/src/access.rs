//! Who is calling, what they may do, and the proof of it that every change demands.

use crate::id::{Identifier, KeyId, ProjectId, UserId};
use crate::permission::{Action, Permission, PermissionSet, PersonRole};
use crate::power::Power;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::sync::Arc;

/// Who does something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A person, with the e-mail address they sign in with.
    User {
        /// Their id.
        id: UserId,
        /// Their e-mail address.
        email: String,
    },
    /// A key. Its name is looked up where it is needed, so that the key ring need not hold it.
    ApiKey(KeyId),
    /// Sextant itself or someone with a shell on its machine; the text says which.
    System(&'static str),
}

/// Where a call came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The client's address, as far as trusted proxies tell it.
    pub address: Option<IpAddr>,
    /// Its `User-Agent`.
    pub user_agent: Option<String>,
    /// The request's id.
    pub request_id: String,
}

/// A project with the names by which the outside addresses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Unique over all organisations.
    pub id: ProjectId,
    /// Its organisation.
    pub organization: Identifier,
    /// Its identifier within the organisation.
    pub identifier: Identifier,
}

/// What an object belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The whole installation.
    Account,
    /// One project.
    Project(Arc<Project>),
}

/// Where a role was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BindingScope {
    /// At the account: holds everywhere.
    Account,
    /// At an organisation: holds in its projects.
    Organization(Identifier),
    /// At a project.
    Project(ProjectId),
}

/// A role given to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The role.
    pub role: PersonRole,
    /// Where it holds.
    pub scope: BindingScope,
}

impl Binding {
    fn permissions_at(&self, scope: &Scope) -> PermissionSet {
        let permissions = self.role.permissions();
        match (&self.scope, scope) {
            (BindingScope::Account, _) => permissions,
            (_, Scope::Account) => permissions.and(SHARED_BY_ACCOUNT),
            (BindingScope::Organization(mine), Scope::Project(project)) if *mine == project.organization => {
                permissions.without(ACCOUNT_ONLY)
            }
            (BindingScope::Project(mine), Scope::Project(project)) if *mine == project.id => {
                permissions.without(ACCOUNT_ONLY)
            }
            _ => PermissionSet::EMPTY,
        }
    }
}

const ACCOUNT_ONLY: PermissionSet = {
    let mut set = PermissionSet::EMPTY;
    let mut at = 0;
    while at < Permission::ALL.len() {
        if Permission::ALL[at].needs_account() {
            set = set.or(PermissionSet::of(&[Permission::ALL[at]]));
        }
        at += 1;
    }
    set
};

/// What a role at a project opens of the account's own resources: looking, and tying identities.
const SHARED_BY_ACCOUNT: PermissionSet = PermissionSet::of(&[
    Permission::DeveloperRecordsRead,
    Permission::IdentitiesWrite,
    Permission::DataSettingsRead,
    Permission::ProfilesRead,
]);

/// What stands behind a caller.
#[derive(Clone, Debug)]
pub enum Authority {
    /// A key: its power, in one project.
    Key {
        /// Its power at this moment.
        power: Power,
        /// The key's project.
        project: Arc<Project>,
    },
    /// A person: the roles they hold.
    Person(Arc<[Binding]>),
    /// A shell on this machine, or a job.
    System,
}

/// Someone who asks for something.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who.
    pub actor: Actor,
    /// With what behind them.
    pub authority: Authority,
    /// From where.
    pub origin: Origin,
}

/// Why a caller may not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    /// They lack this permission.
    Permission(Permission),
    /// They named a project that is not their key's.
    WrongProject,
}

impl Caller {
    /// The permissions in force at a scope.
    pub fn permissions_at(&self, scope: &Scope) -> PermissionSet {
        match &self.authority {
            Authority::Key { power, project } => match scope {
                Scope::Project(wanted) if wanted.id != project.id => PermissionSet::EMPTY,
                _ => power.permissions,
            },
            Authority::Person(bindings) => bindings
                .iter()
                .fold(PermissionSet::EMPTY, |set, binding| set.or(binding.permissions_at(scope))),
            Authority::System => PermissionSet::FULL,
        }
    }

    /// The power that this caller may hand on at a scope.
    pub fn power_at(&self, scope: &Scope) -> Power {
        match &self.authority {
            Authority::Key { power, .. } => {
                Power { permissions: self.permissions_at(scope), ..power.clone() }
            }
            _ => Power::of_person(self.permissions_at(scope)),
        }
    }

    /// The one decision: may this caller do `A` at `scope`? The answer binds actor, action and object.
    pub fn permit<A: Action>(&self, scope: &Scope) -> Result<Permit<A>, Denied> {
        if let (Authority::Key { project, .. }, Scope::Project(wanted)) = (&self.authority, scope)
            && wanted.id != project.id
        {
            return Err(Denied::WrongProject);
        }
        if !self.permissions_at(scope).has(A::PERMISSION) {
            return Err(Denied::Permission(A::PERMISSION));
        }
        Ok(self.permit_own(scope))
    }

    /// A permit for what everyone may do to themselves: sign out, end one's own key, change one's own password.
    /// The use case makes sure that the object is the caller's own.
    pub fn permit_own<A>(&self, scope: &Scope) -> Permit<A> {
        Permit {
            actor: self.actor.clone(),
            origin: self.origin.clone(),
            scope: scope.clone(),
            action: PhantomData,
        }
    }

    /// Whether this caller holds a permission at any scope: what is decided before a body is read. The use case then
    /// asks for the object at hand.
    pub fn holds_somewhere(&self, permission: Permission) -> bool {
        match &self.authority {
            Authority::Key { power, .. } => power.permissions.has(permission),
            Authority::Person(bindings) => bindings.iter().any(|binding| {
                let held = binding.role.permissions();
                let held =
                    if binding.scope == BindingScope::Account { held } else { held.without(ACCOUNT_ONLY) };
                held.has(permission)
            }),
            Authority::System => true,
        }
    }

    /// Whether a role at the account itself gives this permission: what the account's own log and people need.
    pub fn holds_at_account(&self, permission: Permission) -> bool {
        match &self.authority {
            Authority::Person(bindings) => bindings.iter().any(|binding| {
                binding.scope == BindingScope::Account && binding.role.permissions().has(permission)
            }),
            _ => self.permissions_at(&Scope::Account).has(permission),
        }
    }
}

/// Proof that `A` was decided for an actor at a scope. A change of stored state cannot begin without one, and it
/// is used up by it.
#[derive(Debug)]
pub struct Permit<A> {
    actor: Actor,
    origin: Origin,
    scope: Scope,
    action: PhantomData<A>,
}

impl<A> Permit<A> {
    /// For jobs, rebuilds and the first start; the reason is what the audit log shows.
    pub fn system(reason: &'static str, scope: Scope) -> Self {
        Self { actor: Actor::System(reason), origin: Origin::default(), scope, action: PhantomData }
    }

    /// Who.
    pub const fn actor(&self) -> &Actor {
        &self.actor
    }

    /// From where.
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// On what.
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }
}

/// Writing that changes nothing anyone decided: usage counts, leases, clearing what has run out.
#[derive(Debug)]
pub struct Housekeeping;

impl Permit<Housekeeping> {
    /// For writing down what a caller was refused: it is theirs, though they were permitted nothing.
    pub fn noting(actor: Actor, origin: Origin, scope: Scope) -> Self {
        Self { actor, origin, scope, action: PhantomData }
    }
}

/// Putting another master key in the place of the one in force, and ending what still hangs on those before it: for
/// someone with a shell.
#[derive(Debug)]
pub struct MasterKeyChange;

/// What a person does to their own session or password, and the very first set-up.
#[derive(Debug)]
pub struct OwnSession;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permission::action;

    fn project(id: &str, organization: &str) -> Arc<Project> {
        Arc::new(Project {
            id: ProjectId::new(id),
            organization: Identifier::parse(organization).unwrap(),
            identifier: Identifier::parse(id).unwrap(),
        })
    }

    fn person(role: PersonRole, scope: BindingScope) -> Caller {
        Caller {
            actor: Actor::User { id: UserId::new("u"), email: "u@example.com".into() },
            authority: Authority::Person([Binding { role, scope }].into()),
            origin: Origin::default(),
        }
    }

    #[test]
    fn a_role_holds_below_its_scope_and_nowhere_else() {
        let (here, there) = (project("here", "one"), project("there", "two"));
        let at_org =
            person(PersonRole::SeiAdmin, BindingScope::Organization(Identifier::parse("one").unwrap()));
        assert!(at_org.permit::<action::ApiKeysWrite>(&Scope::Project(here.clone())).is_ok());
        assert_eq!(
            at_org.permit::<action::ApiKeysWrite>(&Scope::Project(there)).unwrap_err(),
            Denied::Permission(Permission::ApiKeysWrite)
        );
        assert!(
            at_org.permit::<action::DataSettingsWrite>(&Scope::Project(here)).is_err(),
            "needs the account"
        );
        assert!(at_org.permit::<action::DeveloperRecordsRead>(&Scope::Account).is_ok(), "seen from below");
        assert!(at_org.permit::<action::AuditRead>(&Scope::Account).is_err(), "the account's own log is not");
    }

    #[test]
    fn a_key_reaches_its_project_and_the_account() {
        let (here, there) = (project("here", "one"), project("there", "one"));
        let key = Caller {
            actor: Actor::ApiKey(KeyId::parse("abcdefghijkl").unwrap()),
            authority: Authority::Key {
                power: Power::of_person(crate::permission::KeyRole::Admin.permissions()),
                project: here.clone(),
            },
            origin: Origin::default(),
        };
        assert!(key.permit::<action::TeamsWrite>(&Scope::Project(here)).is_ok());
        assert!(key.permit::<action::ProfilesWrite>(&Scope::Account).is_ok());
        assert_eq!(
            key.permit::<action::TeamsWrite>(&Scope::Project(there)).unwrap_err(),
            Denied::WrongProject
        );
        assert!(key.permit::<action::UsersRead>(&Scope::Account).is_err());
    }
}
