//! The permission table of the contract: who may do what, as data.

use std::fmt;

macro_rules! permissions {
    ($($variant:ident $marker_doc:literal $name:literal $account:literal;)*) => {
        /// One permission, `resource:action` on the wire.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Permission {
            $(#[doc = $marker_doc] $variant,)*
        }

        impl Permission {
            /// All of them, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name on the wire.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Whether it changes what belongs to the account, so that a person needs a role at the account for it.
            /// What belongs to the account can be *read* from every project below it.
            pub const fn needs_account(self) -> bool {
                match self { $(Self::$variant => $account,)* }
            }
        }

        /// One type for each permission, so that a permit for one action does not open another.
        pub mod action {
            use super::{Action, Permission};
            $(
                #[doc = $marker_doc]
                #[derive(Clone, Copy, Debug)]
                pub struct $variant;
                impl Action for $variant {
                    const PERMISSION: Permission = Permission::$variant;
                }
            )*
        }
    };
}

/// A type that stands for one permission.
pub trait Action: Send + Sync + 'static {
    /// The permission.
    const PERMISSION: Permission;
}

permissions! {
    DeveloperRecordsRead "Schema, list, download and versions of developer records." "developer_records:read" false;
    DeveloperRecordsWrite "Upsert, re-upload, approve." "developer_records:write" true;
    IdentitiesWrite "Tie accounts in tools to developers." "identities:write" false;
    DeveloperRecordsDelete "Delete developers; approve a version that removes some." "developer_records:delete" true;
    DataSettingsRead "Integrations, schemas, CI instances." "data_settings:read" false;
    DataSettingsWrite "First upload, field mappings, integrations, custom schemas." "data_settings:write" true;
    IngestionWrite "Send engineering data." "ingestion:write" false;
    IngestionRead "Jobs, monitoring, events." "ingestion:read" false;
    TeamsRead "Org trees, teams and their settings." "teams:read" false;
    TeamsWrite "Change org trees, teams and their settings." "teams:write" false;
    ProfilesRead "Efficiency, productivity and business alignment profiles." "profiles:read" false;
    ProfilesWrite "Change profiles." "profiles:write" true;
    KpisRead "Goals." "kpis:read" false;
    KpisWrite "Change goals." "kpis:write" false;
    InsightsRead "Dashboards, drilldown, exports." "insights:read" false;
    ApiKeysRead "List keys." "api_keys:read" false;
    ApiKeysWrite "Make, change, rotate and delete keys." "api_keys:write" false;
    AuditRead "The audit log." "audit:read" false;
    UsersRead "People, roles, organisations and projects." "users:read" true;
    UsersWrite "Change people, roles, organisations and projects." "users:write" true;
}

impl Permission {
    /// Reads a name as it stands on the wire.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|permission| permission.name() == name)
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of permissions in one word.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct PermissionSet(u32);

impl PermissionSet {
    /// No permission.
    pub const EMPTY: Self = Self(0);
    /// Every permission.
    pub const FULL: Self = Self((1 << Permission::ALL.len()) - 1);

    /// The set of these.
    pub const fn of(permissions: &[Permission]) -> Self {
        let mut bits = 0;
        let mut at = 0;
        while at < permissions.len() {
            bits |= 1 << permissions[at] as u8;
            at += 1;
        }
        Self(bits)
    }

    /// Whether it holds this one.
    pub const fn has(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u8) != 0
    }

    /// Whether it holds all of `other`.
    pub const fn covers(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// What is in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is here and not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether it holds nothing.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The permissions in the order of the table.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |permission| self.has(*permission))
    }
}

impl fmt::Debug for PermissionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Permission::name)).finish()
    }
}

impl FromIterator<Permission> for PermissionSet {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        permissions.into_iter().fold(Self::EMPTY, |set, one| set.or(Self::of(&[one])))
    }
}

macro_rules! roles {
    ($(#[$doc:meta])* $type:ident { $($(#[$variant_doc:meta])* $variant:ident $name:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $type { $($(#[$variant_doc])* $variant,)* }

        impl $type {
            /// All of them, strongest first.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name on the wire.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Reads a name in any case.
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|role| role.name().eq_ignore_ascii_case(name.trim()))
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

roles!(
    /// What a key may do when nothing narrower was asked for.
    KeyRole {
        /// Configuration and data of the account and its own project.
        Admin "ADMIN";
        /// Sending engineering data, and nothing that changes configuration.
        Ingestion "INGESTION";
    }
);

roles!(
    /// What a person may do, at the account, an organisation or a project.
    PersonRole {
        /// Everything, people and projects included.
        AccountAdmin "ACCOUNT_ADMIN";
        /// Everything but people and projects.
        SeiAdmin "SEI_ADMIN";
        /// Teams and identities.
        TeamManager "TEAM_MANAGER";
        /// Looking.
        Viewer "VIEWER";
    }
);

use Permission as P;

const TEAM_READER: PermissionSet = PermissionSet::of(&[
    P::DeveloperRecordsRead,
    P::DataSettingsRead,
    P::IngestionRead,
    P::TeamsRead,
    P::ProfilesRead,
    P::KpisRead,
    P::InsightsRead,
]);

impl KeyRole {
    /// The role's whole set.
    pub const fn permissions(self) -> PermissionSet {
        match self {
            Self::Admin => PermissionSet::FULL.without(PermissionSet::of(&[P::UsersRead, P::UsersWrite])),
            Self::Ingestion => PermissionSet::of(&[
                P::DeveloperRecordsRead,
                P::DeveloperRecordsWrite,
                P::IdentitiesWrite,
                P::IngestionWrite,
                P::IngestionRead,
            ]),
        }
    }
}

impl PersonRole {
    /// The role's whole set, given at the account.
    pub const fn permissions(self) -> PermissionSet {
        match self {
            Self::AccountAdmin => PermissionSet::FULL,
            Self::SeiAdmin => PermissionSet::FULL.without(PermissionSet::of(&[P::UsersRead, P::UsersWrite])),
            Self::TeamManager => TEAM_READER.or(PermissionSet::of(&[P::IdentitiesWrite, P::TeamsWrite])),
            Self::Viewer => TEAM_READER,
        }
    }
}

/// The whole table as text, committed beside the code and compared by a test.
pub fn table() -> String {
    let mut text = format!("{:<26}", "permission");
    for role in KeyRole::ALL {
        text.push_str(&format!("{:<15}", format!("key {}", role.name())));
    }
    for role in PersonRole::ALL {
        text.push_str(&format!("{:<15}", role.name()));
    }
    text.push_str("needs account role\n");
    for permission in Permission::ALL {
        text.push_str(&format!("{:<26}", permission.name()));
        let keys = KeyRole::ALL.iter().map(|role| role.permissions());
        for set in keys.chain(PersonRole::ALL.iter().map(|role| role.permissions())) {
            text.push_str(&format!("{:<15}", if set.has(*permission) { "yes" } else { "-" }));
        }
        text.push_str(if permission.needs_account() { "yes\n" } else { "-\n" });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_table_is_the_table_in_code() {
        insta::assert_snapshot!("permission_table", table());
    }

    #[test]
    fn ingestion_lies_within_admin() {
        assert!(KeyRole::Admin.permissions().covers(KeyRole::Ingestion.permissions()));
        assert!(!KeyRole::Ingestion.permissions().has(Permission::DataSettingsWrite));
    }

    #[test]
    fn names_read_back() {
        for permission in Permission::ALL {
            assert_eq!(Permission::parse(permission.name()), Some(*permission));
        }
        assert_eq!(KeyRole::parse("admin"), Some(KeyRole::Admin));
        assert_eq!(PersonRole::parse("root"), None);
    }
}
