//! Reading the audit log, and proving that nobody edited it.

use crate::Sextant;
use crate::error::Failure;
use sextant_core::access::{Caller, Scope};
use sextant_core::audit::{ACCOUNT_CHAIN, Entry, Event, Kind, Verifier};
use sextant_core::code::Code;
use sextant_core::permission::Permission;
use sextant_core::time::Time;
use sextant_store::{AuditFilter, AuditPage, AuditPlace, AuditSelection, Store};
use std::sync::Arc;

/// Which entries are wanted; empty lists mean any.
#[derive(Clone, Debug, Default)]
pub struct AuditQuery {
    /// Of this project only, and the account's where `None`.
    pub project: Option<Arc<sextant_core::access::Project>>,
    /// E-mail addresses of people (or names of keys).
    pub emails: Vec<String>,
    /// Words of the published Type list.
    pub types: Vec<String>,
    /// Words of the published Action list.
    pub actions: Vec<String>,
    /// The id of one thing.
    pub subject: Option<String>,
    /// RFC 3339, not before.
    pub from: Option<String>,
    /// RFC 3339, before.
    pub to: Option<String>,
}

/// All entries that fit, newest first, read part by part.
#[derive(Debug)]
pub struct AuditExport {
    store: Store,
    selection: Option<AuditSelection>,
    after: Option<AuditPlace>,
}

impl AuditExport {
    /// The next entries; none at the end.
    pub async fn next(&mut self) -> Result<Vec<Entry>, Failure> {
        const AT_ONCE: i64 = 1_000;
        let Some(selection) = &self.selection else { return Ok(Vec::new()) };
        let entries = self.store.audit_after(selection, self.after.as_ref(), AT_ONCE).await?;
        self.after = entries.last().map(AuditPlace::of);
        if self.after.is_none() {
            self.selection = None;
        }
        Ok(entries)
    }
}

/// What a check of one chain found.
#[derive(Clone, Debug)]
pub struct ChainReport {
    /// `account` or a project's id.
    pub chain: String,
    /// How many entries it has.
    pub entries: i64,
    /// The link of the last one, to be kept elsewhere.
    pub head: String,
    /// What is wrong; empty if nothing is.
    pub problems: Vec<String>,
}

impl Sextant {
    /// A page of entries, newest first, of every chain that the caller may see.
    pub async fn audit(
        &self,
        caller: &Caller,
        query: &AuditQuery,
        page: (i64, i64),
    ) -> Result<AuditPage, Failure> {
        let filter = self.audit_filter(caller, query).await?;
        Ok(self.store.audit_page(&filter, page.0, page.1).await?)
    }

    /// Every entry that fits, of every chain that the caller may see.
    pub async fn audit_export(&self, caller: &Caller, query: &AuditQuery) -> Result<AuditExport, Failure> {
        let filter = self.audit_filter(caller, query).await?;
        let selection = self.store.audit_select(&filter).await?;
        Ok(AuditExport { store: self.store.clone(), selection, after: None })
    }

    async fn audit_filter(&self, caller: &Caller, query: &AuditQuery) -> Result<AuditFilter, Failure> {
        let mut chains = Vec::new();
        if let Some(project) = &query.project {
            caller.permit::<sextant_core::permission::action::AuditRead>(&Scope::Project(project.clone()))?;
            chains.push(project.id.to_string());
        } else {
            if caller.holds_at_account(Permission::AuditRead) {
                chains.push(ACCOUNT_CHAIN.to_owned());
            }
            for project in self.store.projects().await? {
                let scope = Scope::Project(Arc::new(project.project.clone()));
                if caller.permissions_at(&scope).has(Permission::AuditRead) {
                    chains.push(project.project.id.to_string());
                }
            }
            if chains.is_empty() {
                return Err(sextant_core::access::Denied::Permission(Permission::AuditRead).into());
            }
        }
        Ok(AuditFilter {
            chains,
            actors: query.emails.clone(),
            kinds: words("type", &query.types, |word| Kind::parse(word).map(Kind::name))?,
            events: words("action", &query.actions, |word| Event::parse(word).map(Event::name))?,
            subject: query.subject.clone(),
            from: moment("from", query.from.as_deref())?,
            to: moment("to", query.to.as_deref())?,
        })
    }

    /// Follows every chain from its first entry to its sealed head.
    pub async fn verify_audit(&self, mut progress: impl FnMut(i64)) -> Result<Vec<ChainReport>, Failure> {
        const AT_ONCE: i64 = 2_000;
        let end = self.store.audit_end().await?;
        let mut chains: Vec<String> = end.heads.iter().map(|head| head.chain.clone()).collect();
        chains.extend(end.with_entries);
        chains.sort_unstable();
        chains.dedup();
        let mut reports = Vec::new();
        if !end.chains_are_sealed {
            reports.push(ChainReport {
                chain: "all".to_owned(),
                entries: 0,
                head: String::new(),
                problems: vec![
                    "a whole chain was taken out or put in: the log was sealed with others".to_owned(),
                ],
            });
        }
        let mut seen = 0;
        for chain in chains {
            let head = end.heads.iter().find(|head| head.chain == chain);
            let mut verifier = Verifier::new(chain.clone());
            let mut after = 0;
            loop {
                let entries = self.store.audit_chain(&chain, after, AT_ONCE).await?;
                let Some(last) = entries.last() else { break };
                after = last.sequence;
                // What was written since the heads were read belongs to the next check.
                let until = head.map_or(i64::MAX, |head| head.sequence);
                entries.iter().filter(|entry| entry.sequence <= until).for_each(|entry| verifier.take(entry));
                seen += i64::try_from(entries.len()).unwrap_or(0);
                progress(seen);
            }
            let entries = verifier.entries();
            let mut problems = verifier.finish(head, &end.seal);
            let misfiled = self.store.audit_misfiled(&chain).await?;
            problems.extend(misfiled.into_iter().map(|problem| format!("chain {chain}: {problem}")));
            let head = head.map_or_else(String::new, |head| head.hash.clone());
            reports.push(ChainReport { chain, entries, head, problems });
        }
        Ok(reports)
    }
}

/// The published words that are no kind or event here are known and match nothing.
const PUBLISHED: &[&str] = &[
    "DASHBOARD",
    "PRODUCT",
    "INTEGRATION",
    "CONFIG_TABLE",
    "BA_PROFILE",
    "STATE",
    "KB",
    "TICKET_TEMPLATE",
    "PLAYBOOK",
    "SECTION",
    "TICKET",
    "ASSESSMENT_TEMPLATE",
    "TAG",
    "WORKFLOW",
    "WORK_ITEM",
    "SSO_CONFIG",
    "ASSESSMENT",
    "ANSWERED",
    "SENT",
];

fn words(
    field: &str,
    words: &[String],
    read: impl Fn(&str) -> Option<&'static str>,
) -> Result<Vec<&'static str>, Failure> {
    words
        .iter()
        .map(|word| {
            let published = PUBLISHED.iter().copied().find(|known| known.eq_ignore_ascii_case(word));
            read(word).or(published).ok_or_else(|| {
                let shown: String = word.chars().take(60).collect();
                Failure::new(Code::InvalidRequest, format!("{field} `{shown}` is not one that entries have"))
            })
        })
        .collect()
}

fn moment(field: &str, text: Option<&str>) -> Result<Option<Time>, Failure> {
    text.map(|text| Time::parse(text).map_err(|error| Failure::invalid(field, error))).transpose()
}
