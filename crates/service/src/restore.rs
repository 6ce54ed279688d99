//! Making a backup fit to be put in force: what was taken away after it stays taken away. All of this happens to a draft
//! that nobody uses yet.

use crate::error::Failure;
use crate::rollback::{bury, note_of_key};
use serde_json::json;
use sextant_core::access::{Housekeeping, Permit, Scope};
use sextant_core::audit::{Event, Kind, Note};
use sextant_core::id::{KeyId, UserId};
use sextant_core::permission::action::{ApiKeysWrite, UsersWrite};
use sextant_core::revocation::Revocation;
use sextant_core::time::Time;
use sextant_store::{Backup, Store};

/// What is known beside the backup.
#[derive(Clone, Debug)]
pub struct Since {
    /// The highest change number that was ever seen.
    pub seen: i64,
    /// Every revocation that is remembered elsewhere.
    pub revocations: Vec<Revocation>,
}

/// What was done to a backup before it was put in force.
#[derive(Debug)]
pub struct Restored {
    /// The number of its last change now.
    pub number: i64,
    /// How many keys it has.
    pub keys: i64,
    /// Keys that had been deleted since, and those that they had made.
    pub deleted: Vec<(KeyId, String)>,
    /// Keys that had been disabled, narrowed or rotated since: they are switched off.
    pub disabled: Vec<(KeyId, String)>,
    /// E-mail addresses of people who had lost something since: they may not sign in.
    pub deactivated: Vec<String>,
    /// The same of those who may all the same, since nobody else could manage people.
    pub left_active: Vec<String>,
    /// Every revocation that is remembered now.
    pub revocations: Vec<Revocation>,
}

/// Holds a draft of a backup against what is known since, and writes down in its audit log what that changed.
pub async fn hold_against(
    draft: &Store,
    backup: &Backup,
    since: &Since,
    now: Time,
) -> Result<Restored, Failure> {
    let (deleted, disabled) = hold_keys(draft, backup, since, now).await?;
    let (deactivated, left_active) = hold_people(draft, backup, now).await?;
    let permit: Permit<Housekeeping> = Permit::system(REASON, Scope::Account);
    let mut tx = draft.begin(permit, now).await?;
    tx.unmark_backup().await?;
    let note = Note {
        kind: Kind::Installation,
        event: Event::Edited,
        subject_id: "database".to_owned(),
        subject_name: "a backup was restored".to_owned(),
        before: Some(json!({"changeNumberSeen": since.seen})),
        after: Some(json!({
            "backupTakenAt": backup.taken_at.to_string(),
            "backupChangeNumber": backup.number,
            "keysDeleted": deleted.len(),
            "keysDisabled": disabled.len(),
            "usersDeactivated": deactivated.len(),
        })),
    };
    tx.commit(vec![note]).await?;
    let standing = draft.standing().await?;
    Ok(Restored {
        number: standing.number,
        keys: standing.keys,
        deleted,
        disabled,
        deactivated,
        left_active,
        revocations: standing.revocations,
    })
}

const REASON: &str = "a restored backup";

type Keys = Vec<(KeyId, String)>;

async fn hold_keys(
    draft: &Store,
    backup: &Backup,
    since: &Since,
    now: Time,
) -> Result<(Keys, Keys), Failure> {
    let permit: Permit<ApiKeysWrite> = Permit::system(REASON, Scope::Account);
    let mut tx = draft.begin(permit, now).await?;
    tx.number_beyond(since.seen).await?;
    let deleted = bury(&mut tx, &since.revocations).await?;
    let disabled = tx.disable_reduced_keys(backup.number).await?;
    let mut notes: Vec<Note> = deleted
        .iter()
        .map(|(id, name)| note_of_key(*id, name, Event::Deleted, "it was deleted after the backup"))
        .collect();
    notes.extend(disabled.iter().map(|(id, name)| {
        let reason = "it was disabled, narrowed or rotated after the backup";
        let after = Some(json!({"enabled": false}));
        Note { after, ..note_of_key(*id, name, Event::Edited, reason) }
    }));
    tx.commit(notes).await?;
    Ok((deleted, disabled))
}

async fn hold_people(
    draft: &Store,
    backup: &Backup,
    now: Time,
) -> Result<(Vec<String>, Vec<String>), Failure> {
    let permit: Permit<UsersWrite> = Permit::system(REASON, Scope::Account);
    let mut tx = draft.begin(permit, now).await?;
    let reduced = tx.reduced_users(backup.number).await?;
    let admins = tx.account_admins().await?;
    let reduced_admins = reduced.iter().filter(|(_, _, is_admin)| *is_admin).count();
    // Without an Account Admin nobody could put anything right.
    let spares_admins = i64::try_from(reduced_admins).is_ok_and(|reduced| reduced == admins);
    let (left, taken): (Vec<_>, Vec<_>) =
        reduced.into_iter().partition(|(_, _, is_admin)| *is_admin && spares_admins);
    let ids: Vec<UserId> = taken.iter().map(|(id, _, _)| id.clone()).collect();
    tx.deactivate_users(&ids).await?;
    let notes = taken
        .iter()
        .map(|(id, email, _)| Note {
            kind: Kind::User,
            event: Event::Edited,
            subject_id: id.to_string(),
            subject_name: email.clone(),
            before: Some(json!({"active": true})),
            after: Some(json!({
                "active": false,
                "reason": "they lost a role, their password or their access after the backup",
            })),
        })
        .collect();
    tx.commit(notes).await?;
    let emails =
        |people: Vec<(UserId, String, bool)>| people.into_iter().map(|(_, email, _)| email).collect();
    Ok((emails(taken), emails(left)))
}
