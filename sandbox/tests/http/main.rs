//! The sandbox over real HTTP, rule by rule and fault by fault.

#[cfg(test)]
mod client;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod gate;
#[cfg(test)]
mod hooks;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod ma;
#[cfg(test)]
mod page;
#[cfg(test)]
mod process;
#[cfg(test)]
mod records;
#[cfg(test)]
mod restart;
