//! Tests of the shell, in one binary because linking is the slow part.

#[cfg(test)]
mod answer;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod canary;
#[cfg(test)]
mod claims;
#[cfg(test)]
mod conversations;
#[cfg(test)]
mod converse;
#[cfg(test)]
mod counting;
#[cfg(test)]
mod deleted;
#[cfg(test)]
mod enrich;
#[cfg(test)]
mod events;
#[cfg(test)]
mod fill;
#[cfg(test)]
mod folder;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod inbox;
#[cfg(test)]
mod join;
#[cfg(test)]
mod long_life;
#[cfg(test)]
mod marks;
#[cfg(test)]
mod nodes;
#[cfg(test)]
mod outbox;
#[cfg(test)]
mod person;
#[cfg(test)]
mod quota;
#[cfg(test)]
mod race;
#[cfg(test)]
mod reading;
#[cfg(test)]
mod reports;
#[cfg(test)]
mod retry;
#[cfg(test)]
mod set_up;
#[cfg(test)]
mod sim;
#[cfg(test)]
mod sql_pages;
#[cfg(test)]
mod sql_table;
#[cfg(test)]
mod sweep;
#[cfg(test)]
mod undo;
#[cfg(test)]
mod vigil;
#[cfg(test)]
mod windows;
