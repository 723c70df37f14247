//! What the tests of the road share: a standard set of rules, a model of the store, a played CRM.

pub(crate) mod crm;
pub(crate) mod model;
pub(crate) mod policy;
pub(crate) mod rows;
