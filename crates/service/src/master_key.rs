//! Another master key in the place of the one in force, while servers go on; and the end of what hangs on those before it.

use crate::error::Failure;
use crate::{Publish, Sextant};
use serde_json::json;
use sextant_core::access::{MasterKeyChange, Permit, Project, Scope};
use sextant_core::audit::{Event, Kind, Note};
use sextant_core::code::Code;
use sextant_core::id::KeyId;
use sextant_core::key::{MasterKey, PepperId};
use sextant_core::permission::action::ApiKeysWrite;
use sextant_store::{Doomed, DoomedKey, Ended, PepperUse, StoreError};
use std::sync::Arc;

/// How the permits of these changes are called in the audit log.
const SHELL: &str = "command line";

/// The master key in force and what hangs on its peppers.
#[derive(Debug)]
pub struct MasterKeyState {
    /// The fingerprint of the one in force.
    pub fingerprint: String,
    /// The peppers that count, the newest first.
    pub peppers: Vec<PepperUse>,
}

impl MasterKeyState {
    /// Keys that still hang on a former pepper.
    pub fn waiting_keys(&self) -> i64 {
        self.peppers.iter().filter(|pepper| !pepper.current).map(|pepper| pepper.keys).sum()
    }

    /// The former peppers' numbers.
    pub fn former(&self) -> Vec<PepperId> {
        self.peppers.iter().filter(|pepper| !pepper.current).map(|pepper| pepper.id).collect()
    }
}

/// A rotation that is in force, and of which other servers may not know yet.
#[derive(Debug)]
pub struct Rotated {
    change: i64,
    /// The number of the pepper that was current before.
    pub former: PepperId,
    servers: usize,
}

/// What ends with the former peppers.
#[derive(Debug)]
pub struct Retirement {
    /// Keys, with their projects.
    pub keys: Vec<(DoomedKey, Arc<Project>)>,
    /// The peppers and what hangs on them.
    pub peppers: Vec<PepperUse>,
}

/// What ended.
#[derive(Debug)]
pub struct Retired {
    /// Keys, with their projects.
    pub keys: Vec<(Doomed, Arc<Project>)>,
    /// What else.
    pub ended: Ended,
}

impl Sextant {
    /// The master key in force and what hangs on its peppers.
    pub async fn master_key_state(&self) -> Result<MasterKeyState, Failure> {
        let peppers = self.store.pepper_use().await?;
        let current = peppers.iter().find(|pepper| pepper.current);
        let fingerprint = current.map(|pepper| pepper.fingerprint.clone());
        let fingerprint = fingerprint.ok_or_else(|| Failure::unavailable("no pepper is current"))?;
        Ok(MasterKeyState { fingerprint, peppers })
    }

    /// Puts `new` in force. What was sealed and stored under the one before counts on; servers take it over.
    pub async fn rotate_master_key(&self, new: &MasterKey) -> Result<Rotated, Failure> {
        let before = self.store.secrets().fingerprint().to_owned();
        if new.fingerprint() == before {
            return Err(Failure::new(
                Code::InvalidRequest,
                "this is the master key that is in force already",
            ));
        }
        let servers = self.store.leases().await?.len();
        let permit: Permit<MasterKeyChange> = Permit::system(SHELL, Scope::Account);
        let mut tx = self.store.begin_alone(permit, self.clock.now()).await?;
        let (former, change) =
            tx.rotate_master_key(new, &*self.entropy).await.map_err(|error| match error {
                StoreError::Unsealed(_) => Failure::new(
                    Code::Conflict,
                    "the audit log was changed behind Sextant's back, and another seal would hide that; `sextant audit \
                     verify` says where",
                ),
                other => other.into(),
            })?;
        tx.commit(vec![Note {
            kind: Kind::Installation,
            event: Event::Rotated,
            subject_id: "master-key".to_owned(),
            subject_name: "the master key".to_owned(),
            before: Some(json!({"fingerprint": before, "pepper": former.0})),
            after: Some(json!({"fingerprint": new.fingerprint(), "pepper": former.0 + 1})),
        }])
        .await?;
        Ok(Rotated { change, former, servers })
    }

    /// Waits until every server has taken the new master key over or can no longer be believed. Answers how many did,
    /// and how many did not.
    pub async fn await_rotation(&self, rotated: &Rotated) -> Result<(usize, usize), Failure> {
        self.publish(Some(rotated.change), Publish::Taking, &[]).await?;
        let permit: Permit<MasterKeyChange> = Permit::system(SHELL, Scope::Account);
        let mut tx = self.store.begin(permit, self.clock.now()).await?;
        tx.end_handover().await?;
        tx.commit(Vec::new()).await?;
        let followed =
            self.store.leases().await?.iter().filter(|lease| lease.applied >= rotated.change).count();
        Ok((followed, rotated.servers.saturating_sub(followed)))
    }

    /// What would end with the former peppers at this moment.
    pub async fn retirement(&self) -> Result<Retirement, Failure> {
        let projects = self.all_projects().await?;
        let of =
            |key: &DoomedKey| projects.iter().find(|project| project.id == key.record.project_id).cloned();
        let keys = self.store.doomed_keys().await?;
        Ok(Retirement {
            keys: keys.into_iter().filter_map(|key| of(&key).map(|project| (key, project))).collect(),
            peppers: self.store.pepper_use().await?.into_iter().filter(|pepper| !pepper.current).collect(),
        })
    }

    /// Has every server write down which keys were used up to now, so that none of them ends as unused.
    pub async fn call_in_uses(&self) -> Result<(), Failure> {
        let permit: Permit<MasterKeyChange> = Permit::system(SHELL, Scope::Account);
        let mut tx = self.store.begin(permit, self.clock.now()).await?;
        tx.call_in_uses().await?;
        let number = tx.commit(Vec::new()).await?;
        self.publish(number, Publish::Taking, &[]).await?;
        Ok(())
    }

    /// Ends the former peppers: the keys whose secret hangs on one are deleted, project by project, as any deletion does
    /// it, and then all else. Whatever interrupts it, it can be done again.
    pub async fn retire_peppers(&self) -> Result<Retired, Failure> {
        let mut keys = Vec::new();
        for project in self.all_projects().await? {
            while let Some(mut gone) = self.delete_doomed(&project).await? {
                keys.extend(gone.drain(..).map(|key| (key, project.clone())));
            }
        }
        let permit: Permit<MasterKeyChange> = Permit::system(SHELL, Scope::Account);
        let mut tx = self.store.begin(permit, self.clock.now()).await?;
        let Some(ended) = tx.end_former_peppers().await? else {
            return Err(Failure::new(
                Code::Conflict,
                "the master key was rotated again in this moment; see `sextant master-key status`",
            ));
        };
        let number = tx
            .commit(vec![Note {
                kind: Kind::Installation,
                event: Event::Deleted,
                subject_id: "peppers".to_owned(),
                subject_name: "the peppers of former master keys".to_owned(),
                before: Some(json!({
                    "peppers": ended.peppers,
                    "keys": keys.len(),
                    "formerSecrets": ended.former_secrets,
                    "sessions": ended.sessions,
                    "links": ended.links,
                })),
                after: None,
            }])
            .await?;
        self.publish(number, Publish::Taking, &[]).await?;
        Ok(Retired { keys, ended })
    }

    async fn delete_doomed(&self, project: &Arc<Project>) -> Result<Option<Vec<Doomed>>, Failure> {
        let permit: Permit<ApiKeysWrite> = Permit::system(SHELL, Scope::Project(project.clone()));
        let mut tx = self.store.begin(permit, self.clock.now()).await?;
        let doomed = tx.doomed_keys_of(&project.id).await?;
        if doomed.is_empty() {
            return Ok(None);
        }
        let gone: Vec<KeyId> = doomed.iter().map(|(id, ..)| *id).collect();
        tx.delete_keys(&gone).await?;
        let number = tx.commit(doomed.iter().map(ending).collect()).await?;
        self.publish(number, Publish::Taking, &gone).await?;
        Ok(Some(doomed))
    }

    async fn all_projects(&self) -> Result<Vec<Arc<Project>>, Failure> {
        let projects = self.store.projects().await?;
        Ok(projects.into_iter().map(|found| Arc::new(found.project)).collect())
    }
}

fn ending((id, name, itself): &Doomed) -> Note {
    let reason =
        if *itself { "not used since the master key was rotated" } else { "the key that made it ended" };
    Note {
        kind: Kind::ApiAccessKey,
        event: Event::Deleted,
        subject_id: id.to_string(),
        subject_name: name.clone(),
        before: Some(json!({"reason": reason})),
        after: None,
    }
}
