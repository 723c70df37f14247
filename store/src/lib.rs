//! placeholder
// TODO x LL3999
