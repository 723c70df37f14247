//! People say who is one person while it is played: by whichever node answers, as `leadloop lead merge` and `unmerge` do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use leadloop_server::persons::{Order, Said, carry_out};
use leadloop_sync_core::ids::LeadId;
use tokio::time::timeout;

use super::world::World;

impl World {
    /// Somebody says something of two leads that are there by now.
    pub(super) async fn say(&mut self, throw: u64) {
        let leads = self.texts("SELECT id FROM lead ORDER BY id").await;
        let pick = |throw: u64| leads.get(usize::try_from(throw % leads.len().max(1) as u64).unwrap_or(0));
        let (Some(one), Some(other)) = (pick(throw), pick(throw / 64)) else { return };
        let (parts, names) = ((throw / 4_096).is_multiple_of(3), [one.clone(), other.clone()]);
        let id = |text: &String| -> LeadId { text.parse().expect("it is an id") };
        let said = if parts {
            Said::Unmerge { lead: id(one) }
        } else {
            Said::Same { one: id(one), other: id(other) }
        };
        let up: Vec<_> =
            self.doors.lock().unwrap_or_else(PoisonError::into_inner).iter().flatten().cloned().collect();
        let Some(node) = up.get(self.stage.throw(up.len().max(1) as u64) as usize).cloned() else { return };
        self.named.extend(names);
        let stage = Arc::clone(&self.stage);
        self.senders.push(tokio::spawn(async move {
            let order = Order { said, who: "tester".to_owned() };
            let what = format!("{:?}", order.said);
            // A node that dies in the middle answers nobody; who asked gives up.
            let done = timeout(Duration::from_secs(30), carry_out(&node, order)).await;
            let done = done.map(|done| done.map(|done| done.leads).map_err(|error| error.to_string()));
            stage.write(&format!("{what}: {done:?}"));
        }));
    }

    /// Which lead each lead is now.
    async fn roots(&self) -> BTreeMap<String, String> {
        let rows = self.texts("SELECT id || ' ' || coalesce(merged_into, id) FROM lead").await;
        let into: BTreeMap<String, String> = rows
            .iter()
            .filter_map(|row| row.split_once(' '))
            .map(|(id, into)| (id.to_owned(), into.to_owned()))
            .collect();
        let root = |id: &String| {
            let mut at = id;
            while let Some(next) = into.get(at).filter(|next| *next != at) {
                at = next;
            }
            (id.clone(), at.clone())
        };
        into.keys().map(root).collect()
    }

    /// People with more than one hand-over that is open.
    pub(super) async fn open_twice(&self) -> Vec<(String, u32)> {
        let roots = self.roots().await;
        let open = "SELECT lead FROM handoff WHERE state IN ('asking', 'telling', 'with_sales', 'accepted')";
        let mut count: BTreeMap<String, u32> = BTreeMap::new();
        for lead in self.texts(open).await {
            *count.entry(roots[&lead].clone()).or_default() += 1;
        }
        count.into_iter().filter(|(_, count)| *count > 1).collect()
    }

    /// Phones of people of whom somebody said who they are.
    pub(super) async fn phones_named(&self) -> BTreeSet<String> {
        let roots = self.roots().await;
        let named: BTreeSet<&String> = self.named.iter().filter_map(|id| roots.get(id)).collect();
        let phones = self.texts("SELECT lead || ' ' || value FROM identifier WHERE kind = 'phone'").await;
        let of = |row: &String| -> Option<String> {
            let (lead, phone) = row.split_once(' ')?;
            (self.named.contains(lead) || roots.get(lead).is_some_and(|root| named.contains(root)))
                .then(|| phone.to_owned())
        };
        phones.iter().filter_map(of).collect()
    }
}
