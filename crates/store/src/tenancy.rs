//! Organisations and projects.

use crate::db::args;
use crate::error::StoreError;
use crate::{Store, Tx};
use sextant_core::access::{Housekeeping, Project};
use sextant_core::id::{Identifier, ProjectId};
use sextant_core::permission::action::UsersWrite;
use sextant_core::time::Time;

/// An organisation.
#[derive(Clone, Debug)]
pub struct OrganizationRecord {
    /// Its identifier.
    pub identifier: Identifier,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created_at: Time,
}

/// A project.
#[derive(Clone, Debug)]
pub struct ProjectRecord {
    /// Which one.
    pub project: Project,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created_at: Time,
}

type ProjectRow = (String, String, String, String, i64);

fn project(row: ProjectRow) -> Result<ProjectRecord, StoreError> {
    let (id, organization, identifier, name, created_at) = row;
    Ok(ProjectRecord {
        project: Project {
            id: ProjectId::new(id),
            organization: identifier_of(&organization)?,
            identifier: identifier_of(&identifier)?,
        },
        name,
        created_at: Time::from_micros(created_at),
    })
}

fn identifier_of(text: &str) -> Result<Identifier, StoreError> {
    Identifier::parse(text).ok_or_else(|| StoreError::unreadable("identifier", text))
}

impl Store {
    /// All organisations in order of identifier.
    pub async fn organizations(&self) -> Result<Vec<OrganizationRecord>, StoreError> {
        let rows: Vec<(String, String, i64)> = self
            .db
            .all("select identifier, name, created_at from organizations order by identifier", Vec::new())
            .await?;
        rows.into_iter()
            .map(|(identifier, name, created_at)| {
                Ok(OrganizationRecord {
                    identifier: identifier_of(&identifier)?,
                    name,
                    created_at: Time::from_micros(created_at),
                })
            })
            .collect()
    }

    /// All projects in order of organisation and identifier.
    pub async fn projects(&self) -> Result<Vec<ProjectRecord>, StoreError> {
        let rows: Vec<ProjectRow> = self
            .db
            .all(
                "select id, organization, identifier, name, created_at from projects order by organization, identifier",
                Vec::new(),
            )
            .await?;
        rows.into_iter().map(project).collect()
    }
}

impl Tx<UsersWrite> {
    /// Adds an organisation.
    pub async fn insert_organization(
        &mut self,
        identifier: &Identifier,
        name: &str,
    ) -> Result<(), StoreError> {
        let now = self.now().micros();
        self.inner
            .execute(
                "insert into organizations (identifier, name, created_at) values ($1, $2, $3)",
                args![identifier.as_str(), name, now],
            )
            .await?;
        Ok(())
    }

    /// Adds a project and announces it.
    pub async fn insert_project(&mut self, project: &Project, name: &str) -> Result<(), StoreError> {
        let now = self.now().micros();
        self.inner
            .execute(
                "insert into projects (id, organization, identifier, name, created_at) values ($1, $2, $3, $4, $5)",
                args![project.id.as_str(), project.organization.as_str(), project.identifier.as_str(), name, now],
            )
            .await?;
        self.announce("project", project.id.as_str()).await?;
        Ok(())
    }
}

impl Tx<Housekeeping> {
    /// Makes the first organisation and project where there are none yet.
    pub async fn lay_tenancy(&mut self) -> Result<(), StoreError> {
        let now = self.now().micros();
        self.inner
            .execute(
                "insert into organizations (identifier, name, created_at) values ('default', 'Default', $1)
                 on conflict do nothing",
                args![now],
            )
            .await?;
        self.inner
            .execute(
                "insert into projects (id, organization, identifier, name, created_at)
                 values ('default', 'default', 'default', 'Default', $1) on conflict do nothing",
                args![now],
            )
            .await?;
        Ok(())
    }
}
