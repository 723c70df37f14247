//! Lead conversion and merging: one record becomes others, several become one.

use super::rules::is_converted;
use super::{Event, World, Written};
use crate::draft::Draft;
use crate::record::{Author, Cell, Record};
use crate::refusal::Refusal;
use crate::schema::{Kind, Schema, Sort, pos};

/// The opportunity of a conversion.
#[derive(Clone, Debug, Default)]
pub(crate) struct Opportunity {
    pub(crate) name: Option<String>,
    /// In the smallest unit of the currency.
    pub(crate) amount: Option<i64>,
}

/// What a conversion made or used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Converted {
    pub(crate) lead: u32,
    pub(crate) account: Option<u32>,
    pub(crate) contact: u32,
    pub(crate) opportunity: Option<u32>,
}

impl World {
    /// Convert a lead; `opportunity` none = without one.
    pub(crate) fn convert(
        &mut self,
        id: &str,
        account_id: Option<&str>,
        contact_id: Option<&str>,
        opportunity: Option<Opportunity>,
        by: Author,
    ) -> Result<Converted, Refusal> {
        let row = self.writable_row(Kind::Leads, id)?;
        let given_account = account_id.map(|id| self.existing_row(Kind::Accounts, id)).transpose()?;
        let given_contact = contact_id.map(|id| self.existing_row(Kind::Contacts, id)).transpose()?;
        let Some(lead) = self.alive(Kind::Leads, row).cloned() else {
            return Err(Refusal::not_found("there is no such lead"));
        };
        let account = match given_account.or_else(|| self.account_of(&lead)) {
            Some(account) => Some(account),
            None => self.new_account(&lead, by)?,
        };
        let contact = match given_contact {
            Some(contact) => contact,
            None => self.new_contact(&lead, row, account, by)?,
        };
        let opportunity = match opportunity {
            Some(wanted) => Some(self.new_opportunity(&lead, row, wanted, account, contact, by)?),
            None => None,
        };
        let refer = |row: Option<u32>| row.map_or(Cell::Empty, Cell::Ref);
        let now = self.clock.now();
        let changes = vec![
            (pos::lead::STATUS, Cell::Int(4)),
            (pos::lead::CONVERTED, Cell::Bool(true)),
            (pos::lead::CONVERTED_AT, Cell::Int(now)),
            (pos::lead::ACCOUNT, refer(account)),
            (pos::lead::CONTACT, Cell::Ref(contact)),
            (pos::lead::OPPORTUNITY, refer(opportunity)),
        ];
        self.modify(Kind::Leads, row, changes, by, Event::Converted);
        Ok(Converted { lead: row, account, contact, opportunity })
    }

    fn account_of(&self, lead: &Record) -> Option<u32> {
        let linked = lead.cell(pos::lead::ACCOUNT).as_row();
        linked.filter(|account| self.alive(Kind::Accounts, *account).is_some()).or_else(|| {
            self.matching(Kind::Accounts, pos::account::NAME, lead.text(pos::lead::COMPANY), None)
                .first()
                .copied()
        })
    }

    fn new_account(&mut self, lead: &Record, by: Author) -> Result<Option<u32>, Refusal> {
        if lead.cell(pos::lead::COMPANY).is_empty() {
            return Ok(None);
        }
        let cells = copy(
            lead,
            &[
                (pos::lead::COMPANY, pos::account::NAME),
                (pos::lead::OWNER, pos::account::OWNER),
                (pos::lead::INDUSTRY, pos::account::INDUSTRY),
                (pos::lead::PROVINCE, pos::account::PROVINCE),
                (pos::lead::CITY, pos::account::CITY),
            ],
        );
        self.add(Kind::Accounts, Draft { cells, ..Draft::default() }, by).map(Some)
    }

    fn new_contact(
        &mut self,
        lead: &Record,
        row: u32,
        account: Option<u32>,
        by: Author,
    ) -> Result<u32, Refusal> {
        let mut cells = copy(
            lead,
            &[
                (pos::lead::NAME, pos::contact::NAME),
                (pos::lead::PHONE, pos::contact::PHONE),
                (pos::lead::EMAIL, pos::contact::EMAIL),
                (pos::lead::TITLE, pos::contact::TITLE),
                (pos::lead::OWNER, pos::contact::OWNER),
                (pos::lead::PROVINCE, pos::contact::PROVINCE),
                (pos::lead::CITY, pos::contact::CITY),
                (pos::lead::LAST_ACTIVITY, pos::contact::LAST_ACTIVITY),
            ],
        );
        cells.push((pos::contact::LEAD, Cell::Ref(row)));
        cells.push((pos::contact::ACCOUNT, account.map_or(Cell::Empty, Cell::Ref)));
        self.add(Kind::Contacts, Draft { cells, ..Draft::default() }, by)
    }

    fn new_opportunity(
        &mut self,
        lead: &Record,
        row: u32,
        wanted: Opportunity,
        account: Option<u32>,
        contact: u32,
        by: Author,
    ) -> Result<u32, Refusal> {
        let who = if lead.cell(pos::lead::COMPANY).is_empty() { pos::lead::NAME } else { pos::lead::COMPANY };
        let name = wanted.name.filter(|name| !name.is_empty()).unwrap_or_else(|| lead.text(who).to_owned());
        let cells = vec![
            (pos::opportunity::NAME, Cell::text(&name.chars().take(120).collect::<String>())),
            (pos::opportunity::AMOUNT, wanted.amount.map_or(Cell::Empty, Cell::Int)),
            (pos::opportunity::OWNER, lead.cell(pos::lead::OWNER).clone()),
            (pos::opportunity::ACCOUNT, account.map_or(Cell::Empty, Cell::Ref)),
            (pos::opportunity::CONTACT, Cell::Ref(contact)),
            (pos::opportunity::LEAD, Cell::Ref(row)),
        ];
        self.add(Kind::Opportunities, Draft { cells, ..Draft::default() }, by)
    }

    /// Merge records into one. All are checked before the first is touched.
    pub(crate) fn merge(
        &mut self,
        kind: Kind,
        winner: &str,
        losers: &[&str],
        by: Author,
    ) -> Result<Written, Refusal> {
        if !matches!(kind, Kind::Leads | Kind::Contacts | Kind::Accounts) {
            return Err(Refusal::bad_request("only leads, contacts and accounts can be merged"));
        }
        let survivor = self.writable_row(kind, winner)?;
        let mut rows = Vec::with_capacity(losers.len());
        for id in losers {
            let row = self.writable_row(kind, id)?;
            if row == survivor || rows.contains(&row) {
                return Err(Refusal::bad_request(format!("{id} is named twice")));
            }
            rows.push(row);
        }
        for row in rows {
            self.absorb(kind, survivor, row, by);
        }
        Ok(Written { kind, row: survivor, created: false })
    }

    fn absorb(&mut self, kind: Kind, survivor: u32, loser: u32, by: Author) {
        let (Some(kept), Some(lost)) = (self.alive(kind, survivor), self.alive(kind, loser)) else { return };
        let filled: Vec<(usize, Cell)> = (0..kept.cells.len())
            .filter(|at| is_filled_on_merge(kind.schema(), kind, *at))
            .filter(|at| kept.cells[*at].is_empty() && !lost.cells[*at].is_empty())
            .map(|at| (at, lost.cells[at].clone()))
            .collect();
        self.move_children(kind, loser, survivor, by);
        self.bury(kind, loser, Some(survivor), by);
        self.modify(kind, survivor, filled, by, Event::Updated);
    }

    /// Point every live reference at the survivor.
    fn move_children(&mut self, kind: Kind, from: u32, to: u32, by: Author) {
        for child in Kind::ALL {
            let refs: Vec<usize> = references(child.schema(), kind).collect();
            if refs.is_empty() {
                continue;
            }
            let mut moves = Vec::new();
            for (row, record) in self.live_rows(child) {
                let cells: Vec<(usize, Cell)> = refs
                    .iter()
                    .filter(|at| record.cells[**at] == Cell::Ref(from))
                    .map(|at| (*at, Cell::Ref(to)))
                    .collect();
                if !cells.is_empty() {
                    moves.push((row, cells));
                }
            }
            for (row, cells) in moves {
                self.modify(child, row, cells, by, Event::Updated);
            }
        }
    }

    /// Whether a lead is there and not converted.
    pub(crate) fn is_open_lead(&self, row: u32) -> bool {
        self.alive(Kind::Leads, row).is_some_and(|lead| !is_converted(lead))
    }
}

fn copy(from: &Record, pairs: &[(usize, usize)]) -> Vec<(usize, Cell)> {
    pairs.iter().map(|(source, target)| (*target, from.cell(*source).clone())).collect()
}

fn references(schema: &'static Schema, of: Kind) -> impl Iterator<Item = usize> {
    schema.fields.iter().enumerate().filter_map(move |(position, field)| {
        matches!(field.sort, Sort::Ref(kind) if kind == of).then_some(position)
    })
}

/// The mark and the fields of the sales process stay what they are on the winner.
fn is_filled_on_merge(schema: &Schema, kind: Kind, position: usize) -> bool {
    let process = [
        pos::lead::STATUS,
        pos::lead::FEEDBACK,
        pos::lead::FEEDBACK_REMARK,
        pos::lead::RELEASE_REASON,
        pos::lead::CONVERTED,
        pos::lead::CONTACT,
        pos::lead::OPPORTUNITY,
        pos::lead::CONVERTED_AT,
    ];
    let of_process = kind == Kind::Leads && process.contains(&position);
    !of_process && !schema.is_mark(position)
}
