//! Organisations and projects.

use crate::error::Failure;
use crate::{Publish, Sextant};
use serde_json::json;
use sextant_core::access::{Caller, Project, Scope};
use sextant_core::audit::{Event, Kind, Note};
use sextant_core::code::Code;
use sextant_core::id::{Identifier, ProjectId};
use sextant_core::permission::action::{UsersRead, UsersWrite};
use sextant_core::text::Name;
use sextant_store::{OrganizationRecord, ProjectRecord, StoreError};
use std::sync::Arc;

/// An organisation as it is shown.
pub type OrganizationView = OrganizationRecord;
/// A project as it is shown.
pub type ProjectView = ProjectRecord;

impl Sextant {
    /// All organisations.
    pub async fn list_organizations(&self, caller: &Caller) -> Result<Vec<OrganizationView>, Failure> {
        caller.permit::<UsersRead>(&Scope::Account)?;
        Ok(self.store.organizations().await?)
    }

    /// The projects of an organisation.
    pub async fn list_projects(
        &self,
        caller: &Caller,
        organization: &str,
    ) -> Result<Vec<ProjectView>, Failure> {
        caller.permit::<UsersRead>(&Scope::Account)?;
        let known = self.store.organizations().await?;
        if !known.iter().any(|known| known.identifier.as_str() == organization) {
            return Err(Failure::not_found("organisation"));
        }
        let mut projects = self.store.projects().await?;
        projects.retain(|project| project.project.organization.as_str() == organization);
        Ok(projects)
    }

    /// The projects in which a caller may do anything: what a switcher offers.
    pub async fn visible_projects(&self, caller: &Caller) -> Result<Vec<ProjectView>, Failure> {
        let mut projects = self.store.projects().await?;
        projects.retain(|project| {
            !caller.permissions_at(&Scope::Project(Arc::new(project.project.clone()))).is_empty()
        });
        Ok(projects)
    }

    /// Adds an organisation.
    pub async fn create_organization(
        &self,
        caller: &Caller,
        identifier: &str,
        name: Option<&str>,
    ) -> Result<OrganizationView, Failure> {
        let identifier = parse_identifier(identifier)?;
        let name = Name::parse(name.unwrap_or(identifier.as_str()))
            .map_err(|error| Failure::invalid("name", error))?;
        let permit = caller.permit::<UsersWrite>(&Scope::Account)?;
        let mut tx = self.store.begin(permit, self.clock.now()).await?;
        tx.insert_organization(&identifier, name.as_str())
            .await
            .map_err(|error| taken(error, &identifier))?;
        let created_at = tx.now();
        tx.commit(vec![note(Kind::Organization, identifier.as_str(), name.as_str())]).await?;
        Ok(OrganizationView { identifier, name: name.as_str().to_owned(), created_at })
    }

    /// Adds a project to an organisation.
    pub async fn create_project(
        &self,
        caller: &Caller,
        organization: &str,
        identifier: &str,
        name: Option<&str>,
    ) -> Result<ProjectView, Failure> {
        let identifier = parse_identifier(identifier)?;
        let name = Name::parse(name.unwrap_or(identifier.as_str()))
            .map_err(|error| Failure::invalid("name", error))?;
        let permit = caller.permit::<UsersWrite>(&Scope::Account)?;
        let known = self.store.organizations().await?;
        let organization = known
            .into_iter()
            .find(|known| known.identifier.as_str() == organization)
            .ok_or_else(|| Failure::not_found("organisation"))?
            .identifier;
        let project = Project { id: ProjectId::draw(&*self.entropy), organization, identifier };
        let mut tx = self.store.begin(permit, self.clock.now()).await?;
        tx.insert_project(&project, name.as_str())
            .await
            .map_err(|error| taken(error, &project.identifier))?;
        let created_at = tx.now();
        let path = format!("{}/{}", project.organization, project.identifier);
        let number = tx.commit(vec![note(Kind::Project, &path, name.as_str())]).await?;
        self.publish(number, Publish::Giving, &[]).await?;
        Ok(ProjectView { project, name: name.as_str().to_owned(), created_at })
    }
}

fn parse_identifier(text: &str) -> Result<Identifier, Failure> {
    Identifier::parse(text).ok_or_else(|| {
        Failure::invalid(
            "identifier",
            "must be 1 to 128 letters, digits, `_`, `-` or `$`, beginning with a letter, digit or `_`",
        )
    })
}

fn taken(error: StoreError, identifier: &Identifier) -> Failure {
    match error {
        StoreError::Taken(_) => {
            Failure::new(Code::NameTaken, format!("the identifier `{identifier}` is taken"))
        }
        other => other.into(),
    }
}

fn note(kind: Kind, id: &str, name: &str) -> Note {
    Note {
        kind,
        event: Event::Created,
        subject_id: id.to_owned(),
        subject_name: name.to_owned(),
        before: None,
        after: Some(json!({"identifier": id, "name": name})),
    }
}
